// SPDX-License-Identifier: BSD-3-Clause
// A frame in a line, for people to read: who to whom, by what protocol; of VXLAN also the inner frame. tcpdump and
// Wireshark say more.
#pragma once

#include "tools/vxctl/blocks.h"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace vx
{

// Any bytes; those of a frame that is cut short too.
std::string describe(std::span<const std::byte> frame);

// A captured packet: when and where it was seen, and what became of it there.
std::string line_of(const PacketBlock& packet, std::string_view interface);

} // namespace vx
