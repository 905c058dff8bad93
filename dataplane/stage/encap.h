// SPDX-License-Identifier: BSD-3-Clause
// Stage: put the prebuilt outer headers in front of a frame, RFC 7348 section 5.
#pragma once

#include "dataplane/stage/packet.h"

namespace vx
{

// Encapsulates one frame towards `vtep`; returns the port that it leaves by, or why it is to be dropped. Also used for
// every copy of a replicated frame. Inner checksums that a port left partial are completed first: no VTEP could.
inline Dest encap_frame(rte_mbuf* mbuf, const EncapTemplate& vtep, std::uint32_t flow_hash, std::uint8_t ecn,
                        Context& context) noexcept
{
    if (vtep.next().kind() == Dest::Kind::kDrop) [[unlikely]]
        return vtep.next();
    if (has_partial_checksum(mbuf) && !complete_checksum(mbuf)) [[unlikely]]
        return Dest::drop(DropReason::offload_invalid);
    const std::size_t inner_size = rte_pktmbuf_pkt_len(mbuf);
    const std::uint64_t payload_sum = vtep.needs_payload_sum() ? checksum_add(0, mbuf, 0, inner_size) : 0;
    if (rte_pktmbuf_headroom(mbuf) < vtep.size()) [[unlikely]]
        return Dest::drop(DropReason::no_headroom);
    grow_front(mbuf, vtep.size());
    vtep.write(data_of(mbuf), inner_size, flow_hash, ecn, payload_sum);
    LinkCounters& counters = context.link_counters[vtep.vxlan().value];
    counters.tx_packets.add(1);
    counters.tx_bytes.add(inner_size);
    return vtep.next();
}

inline void encap(Packet& packet, Context& context) noexcept
{
    if (packet.dest.kind() == Dest::Kind::kVtep) [[likely]]
        packet.dest = encap_frame(packet.mbuf, context.vtep(packet.dest.vtep()), packet.flow_hash, packet.ecn, context);
}

} // namespace vx
