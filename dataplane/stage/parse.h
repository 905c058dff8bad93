// SPDX-License-Identifier: BSD-3-Clause
// Stage: read the inner frame, from a local port or from a tunnel, and form the FDB keys.
#pragma once

#include "dataplane/offload/gso.h"
#include "dataplane/stage/packet.h"

namespace vx
{

// An L4 checksum that a port left to us has to lie behind an IP header and inside the first segment, or finishing it
// would spoil what was looked up, or could not be done. Precondition: has_partial_checksum(mbuf).
inline bool is_offload_sound(const rte_mbuf* mbuf) noexcept
{
    const MbufNote& note = note_of(mbuf);
    return note.checksum_start >= sizeof(EthernetHeader) + sizeof(Ipv4Header) &&
           std::size_t{note.checksum_start} + note.checksum_offset + 2 <= rte_pktmbuf_data_len(mbuf) &&
           (note.gso == Gso::kNone || gso_is_sound(mbuf));
}

// What parse() notes of a frame. Precondition: head holds an Ethernet header.
[[gnu::always_inline]] inline void note(Packet& packet, FdbKey source, FdbKey domain, Bytes head,
                                        const InnerFrame& frame, const Context& context) noexcept
{
    packet.destination = FdbKey::destination_of(domain, header_at<EthernetHeader>(head, 0));
    packet.destination_home = context.fdb.home(packet.destination.word());
    packet.source = source;
    packet.source_home = context.fdb.home(source.word());
    packet.flow_hash = frame.flow_hash;
    packet.ecn = frame.ecn;
    packet.tag_size = frame.tag_size;
}

[[gnu::noinline]] inline void parse_any(Packet& packet, FdbKey domain, const Context& context) noexcept
{
    const Bytes head = head_of(packet.mbuf);
    if (head.size() < sizeof(EthernetHeader))
        return drop(packet, DropReason::inner_truncated);
    if (domain.bridge().is_none())
        return drop(packet, DropReason::no_bridge);
    const FdbKey source = FdbKey::source_of(domain, header_at<EthernetHeader>(head, 0));
    if (!source.is_unicast())
        return drop(packet, DropReason::source_mac_invalid);
    if (has_partial_checksum(packet.mbuf) && !is_offload_sound(packet.mbuf))
        return drop(packet, DropReason::offload_invalid);
    note(packet, source, domain, head, parse_inner(head), context);
}

// The common shape at once, the rest in parse_any().
[[gnu::always_inline]] inline void parse_in(Packet& packet, FdbKey domain, const Context& context) noexcept
{
    const Bytes head = head_of(packet.mbuf);
    if (!is_plain(head) || has_partial_checksum(packet.mbuf) || domain.bridge().is_none()) [[unlikely]]
        return parse_any(packet, domain, context);
    const auto& ethernet = header_at<EthernetHeader>(head, 0);
    const FdbKey source = FdbKey::source_of(domain, ethernet);
    if (ethernet.source.is_group() || source == domain) [[unlikely]]
        return drop(packet, DropReason::source_mac_invalid);
    note(packet, source, domain, head, parse_plain(head), context);
}

inline void parse(Packet& packet, Context& context) noexcept
{
    parse_in(packet, context.ingress.domain, context);
}

} // namespace vx
