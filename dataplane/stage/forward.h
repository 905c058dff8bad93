// SPDX-License-Identifier: BSD-3-Clause
// Stage: the bridge's decision, from what the FDB said of the destination. As Linux's br_handle_frame_finish() and
// vxlan_xmit(), but with one table for both, and with split horizon between all tunnels of a bridge.
#pragma once

#include "dataplane/stage/parse.h"

namespace vx
{

// 01:80:c2:00:00:00 to :0f, IEEE 802.1Q table 8-1: bridges do not forward these.
inline bool is_reserved_group(FdbKey destination) noexcept
{
    return (destination.word() & 0xfffffffffff0ULL) == 0x0180c2000000ULL;
}

// Of a GSO frame, what counts is its segments.
inline bool is_frame_too_big(const Packet& packet, const LinkState& egress) noexcept
{
    const std::size_t largest = sizeof(EthernetHeader) + packet.tag_size + egress.mtu;
    return rte_pktmbuf_pkt_len(packet.mbuf) > largest &&
           (!is_gso(packet.mbuf) || gso_segment_size(packet.mbuf) > largest);
}
inline bool is_frame_too_big(const Packet& packet, LinkId egress, const Context& context) noexcept
{
    return is_frame_too_big(packet, context.link(egress));
}

inline void enter_router(Packet& packet, Context& context) noexcept; // route.h

// What is neither for a port nor for one VTEP.
[[gnu::noinline]] inline void forward_any(Packet& packet, Context& context) noexcept
{
    switch (packet.dest.kind()) {
    case Dest::Kind::kNone:
        if (packet.destination.is_group() && is_reserved_group(packet.destination))
            return drop(packet, DropReason::reserved_group);
        packet.dest = Dest::flood();
        return;
    case Dest::Kind::kVtep:
    case Dest::Kind::kReplicate:
        if (packet.outer_size != 0)
            return drop(packet, DropReason::split_horizon);
        if (packet.tag_size != 0)
            return drop(packet, DropReason::inner_vlan);
        if (is_frame_too_big(packet, packet.dest.link(), context))
            return drop(packet, DropReason::frame_too_big);
        return;
    case Dest::Kind::kLocal:
        return enter_router(packet, context);
    default:
        return;
    }
}

inline void forward(Packet& packet, Context& context) noexcept
{
    const Dest::Kind kind = packet.dest.kind();
    if (kind == Dest::Kind::kVtep && packet.is_for_tunnels())
        return; // encap() knows how long it may be
    if (kind != Dest::Kind::kPort) [[unlikely]]
        return forward_any(packet, context);
    if (packet.dest.link() == packet.in) [[unlikely]]
        return drop(packet, DropReason::same_port);
    if (is_frame_too_big(packet, packet.dest.link(), context)) [[unlikely]]
        return drop(packet, DropReason::frame_too_big);
}

} // namespace vx
