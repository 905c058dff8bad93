// SPDX-License-Identifier: BSD-3-Clause
// Stage: read the inner frame, from a local port or from a tunnel, and form the FDB keys.
#pragma once

#include "dataplane/stage/packet.h"

namespace vx
{

// An L4 checksum that a port left to us has to lie behind an IP header and inside the first segment, or finishing it
// would spoil what was looked up, or could not be done.
inline bool partial_checksum_fits(rte_mbuf* mbuf) noexcept
{
    const MbufNote& note = note_of(mbuf);
    return note.checksum_start >= sizeof(EthernetHeader) + sizeof(Ipv4Header) &&
           std::size_t{note.checksum_start} + note.checksum_offset + 2 <= rte_pktmbuf_data_len(mbuf);
}

inline void parse(Packet& packet, Context& context) noexcept
{
    if (packet.dest.kind() != Dest::Kind::kNone)
        return;
    const Bytes head = head_of(packet.mbuf);
    if (head.size() < sizeof(EthernetHeader)) [[unlikely]]
        return drop(packet, DropReason::inner_truncated);
    packet.bridge = context.link(packet.in).bridge;
    if (packet.bridge.is_none()) [[unlikely]]
        return drop(packet, DropReason::no_bridge);
    const auto& ethernet = header_at<EthernetHeader>(head, 0);
    const FdbKey source = FdbKey::source_of(packet.bridge, ethernet);
    if (!source.is_unicast()) [[unlikely]]
        return drop(packet, DropReason::source_mac_invalid);
    if (has_partial_checksum(packet.mbuf) && !partial_checksum_fits(packet.mbuf)) [[unlikely]]
        return drop(packet, DropReason::offload_invalid);
    const InnerFrame frame = parse_inner(head);
    packet.destination = FdbKey::destination_of(packet.bridge, ethernet);
    packet.source = source;
    packet.flow_hash = frame.flow_hash;
    packet.ether_type = frame.ether_type;
    packet.ecn = frame.ecn;
    packet.tag_size = frame.tag_size;
    packet.is_ip = frame.is_ip;
}

} // namespace vx
