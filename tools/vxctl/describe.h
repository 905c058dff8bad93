// SPDX-License-Identifier: BSD-3-Clause
// A frame in a line, for people to read: who to whom, by what protocol; of VXLAN also the inner frame. tcpdump and
// Wireshark say more.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace vx
{

// Any bytes; those of a frame that is cut short too.
std::string describe(std::span<const std::byte> frame);

} // namespace vx
