// SPDX-License-Identifier: BSD-3-Clause
// Why a packet goes to the control thread, and what goes with it.
#pragma once

#include "dataplane/net/parse.h"
#include "dataplane/state/ids.h"

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

// By what captures know the packet: those that follow it see also what the control thread does with it.
struct PacketTag {
    std::uint64_t id = 0;       // dpdk/mbuf.h, packet_id_of(); 0: no capture has looked at it
    std::uint32_t captures = 0; // when that was: how often captures had begun or ended
};

struct Punted {
    LinkId in;
    PuntReason reason;
    Bytes frame;
    PacketTag tag;
};

} // namespace vx
