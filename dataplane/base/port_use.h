// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

namespace vx
{

// What a port is for: containers, or the fabric that tunnels go through.
enum class PortUse : std::uint8_t { kOverlay, kUnderlay };

} // namespace vx
