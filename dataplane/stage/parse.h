// SPDX-License-Identifier: BSD-3-Clause
// Stage: read the inner frame, from a local port or from a tunnel, form the FDB keys, and ask for the lines that
// lookup.h will read: all of a burst have been asked for before the first is read.
#pragma once

#include "dataplane/offload/gso.h"
#include "dataplane/stage/packet.h"

namespace vx
{

// An L4 checksum that a port left to us has to lie behind an IP header and inside the first segment, or finishing it
// would spoil what was looked up, or could not be done; and at an even distance from where the sum begins, or the two
// would not cancel out (complete_checksum()). Precondition: has_partial_checksum(mbuf).
inline bool is_offload_sound(const rte_mbuf* mbuf) noexcept
{
    const MbufNote& note = note_of(mbuf);
    return note.checksum_start >= sizeof(EthernetHeader) + sizeof(Ipv4Header) && note.checksum_offset % 2 == 0 &&
           std::size_t{note.checksum_start} + note.checksum_offset + 2 <= rte_pktmbuf_data_len(mbuf) &&
           (note.gso == Gso::kNone || gso_is_sound(mbuf));
}

// Frames of a port mostly have one source, and may go into a tunnel, whose source port their flow's hash becomes. Those
// from tunnels have many, and need that hash only where they are routed: see hash_routed().
enum class From : std::uint8_t { kPort, kTunnel };

// Where the source is looked up, which is asked for at once.
template <From Side>
[[gnu::always_inline]] inline void note_source(Packet& packet, FdbKey source, Context& context) noexcept
{
    packet.source = source;
    if (Side == From::kPort && source == context.ingress.source) {
        packet.source_home = context.ingress.source_home;
        return;
    }
    packet.source_home = context.fdb.home(source.word());
    context.fdb.prefetch_with_age(packet.source_home); // learn() stamps it
    if (Side == From::kPort) {
        context.ingress.source = source;
        context.ingress.source_home = packet.source_home;
    }
}

// What parse() notes of a frame. Precondition: head holds an Ethernet header.
template <From Side>
[[gnu::always_inline]] inline void note(Packet& packet, FdbKey source, FdbKey domain, Bytes head,
                                        const InnerFrame& frame, Context& context) noexcept
{
    packet.destination = FdbKey::destination_of(domain, header_at<EthernetHeader>(head, 0));
    packet.destination_home = context.fdb.home(packet.destination.word());
    context.fdb.prefetch(packet.destination_home);
    note_source<Side>(packet, source, context);
    if (Side == From::kPort)
        packet.flow_hash = frame.flow_hash;
    packet.ecn = frame.ecn;
    packet.tag_size = frame.tag_size;
}

template <From Side>
[[gnu::noinline]] inline void parse_any(Packet& packet, FdbKey domain, Context& context) noexcept
{
    if (head_of(packet.mbuf).size() < sizeof(EthernetHeader))
        return drop(packet, DropReason::inner_truncated);
    if (domain.bridge().is_none())
        return drop(packet, DropReason::no_bridge);
    const std::size_t tags_size = take_out_priority_tags(packet.mbuf);
    if (Side == From::kTunnel)
        packet.outer_size = static_cast<std::uint8_t>(packet.outer_size + tags_size); // outer_source() counts from here
    const Bytes head = head_of(packet.mbuf);
    const FdbKey source = FdbKey::source_of(domain, header_at<EthernetHeader>(head, 0));
    if (!source.is_unicast())
        return drop(packet, DropReason::source_mac_invalid);
    if (has_partial_checksum(packet.mbuf) && !is_offload_sound(packet.mbuf))
        return drop(packet, DropReason::offload_invalid);
    note<Side>(packet, source, domain, head, parse_inner(head), context);
}

// The common shape at once, the rest in parse_any().
template <From Side>
[[gnu::always_inline]] inline void parse_in(Packet& packet, FdbKey domain, Context& context) noexcept
{
    const Bytes head = head_of(packet.mbuf);
    if (!is_plain(head) || has_partial_checksum(packet.mbuf) || domain.bridge().is_none()) [[unlikely]]
        return parse_any<Side>(packet, domain, context);
    const auto& ethernet = header_at<EthernetHeader>(head, 0);
    const FdbKey source = FdbKey::source_of(domain, ethernet);
    if (ethernet.source.is_group() || source == domain) [[unlikely]]
        return drop(packet, DropReason::source_mac_invalid);
    note<Side>(packet, source, domain, head, parse_plain(head), context);
}

inline void parse(Packet& packet, Context& context) noexcept
{
    parse_in<From::kPort>(packet, context.ingress.domain, context);
}

} // namespace vx
