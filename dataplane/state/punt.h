// SPDX-License-Identifier: BSD-3-Clause
// Why a packet goes to the control thread.
#pragma once

#include <cstdint>

namespace vx
{

enum class PuntReason : std::uint8_t {
    kUnderlay,   // ARP, ND, ICMP to an underlay port
    kLocal,      // to one of our own addresses on a bridge or VXLAN device; ARP and ND there
    kUnresolved, // routed; the neighbour's MAC is unknown
    kTtlExpired, // routed; wants an ICMP time exceeded
    kTooBig,     // routed, not to be fragmented; wants an ICMP fragmentation needed
};

} // namespace vx
