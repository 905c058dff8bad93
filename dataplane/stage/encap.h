// SPDX-License-Identifier: BSD-3-Clause
// Stage: put the prebuilt outer headers in front of a frame, RFC 7348 section 5.
#pragma once

#include "dataplane/offload/gso.h"
#include "dataplane/stage/packet.h"

namespace vx
{

// The port that a frame goes to by that tunnel, or why it does not.
inline Dest next_of(const rte_mbuf* mbuf, const EncapTemplate& vtep, const Context& context) noexcept
{
    if (rte_pktmbuf_pkt_len(mbuf) > sizeof(EthernetHeader) + context.link(vtep.vxlan()).mtu)
        return Dest::drop(DropReason::frame_too_big);
    const Dest next = vtep.next();
    if (next.kind() == Dest::Kind::kDrop)
        return next;
    if (!vtep.takes(rte_pktmbuf_pkt_len(mbuf))) // more than an IP packet holds
        return Dest::drop(DropReason::frame_too_big);
    if (rte_pktmbuf_headroom(mbuf) < vtep.size())
        return Dest::drop(DropReason::no_headroom);
    return next;
}

// Puts the outer headers of its first segment in front of a GSO frame. Precondition: there is headroom.
inline void put_outer_headers(rte_mbuf* mbuf, const EncapTemplate& vtep, std::uint32_t flow_hash,
                              std::uint8_t ecn) noexcept
{
    const std::size_t segment_size = gso_segment_size(mbuf);
    grow_front(mbuf, vtep.size());
    vtep.write(data_of(mbuf), segment_size, flow_hash, ecn, 0); // the payload's sum is added by whoever cuts
    MbufNote& note = note_of(mbuf);
    note.outer_size = static_cast<std::uint8_t>(vtep.size());
    note.checksum_start = static_cast<std::uint16_t>(note.checksum_start + vtep.size());
}

// A frame that stands for many; it is cut where it leaves.
[[gnu::noinline]] inline Dest encap_gso(rte_mbuf* mbuf, const EncapTemplate& vtep, std::uint32_t flow_hash,
                                        std::uint8_t ecn, Context& context) noexcept
{
    const Dest next = vtep.next();
    if (next.kind() == Dest::Kind::kDrop)
        return next;
    if (!vtep.takes(static_cast<std::uint32_t>(gso_segment_size(mbuf))))
        return Dest::drop(DropReason::frame_too_big);
    if (rte_pktmbuf_headroom(mbuf) < vtep.size())
        return Dest::drop(DropReason::no_headroom);
    context.count_tx(vtep.vxlan(), rte_pktmbuf_pkt_len(mbuf));
    put_outer_headers(mbuf, vtep, flow_hash, ecn);
    return next;
}

[[gnu::always_inline]] inline void write_outer(rte_mbuf* mbuf, const EncapTemplate& vtep, std::uint32_t flow_hash,
                                               std::uint8_t ecn, std::uint64_t payload_sum, Context& context) noexcept
{
    const std::uint32_t inner_size = rte_pktmbuf_pkt_len(mbuf);
    grow_front(mbuf, vtep.size());
    vtep.write(data_of(mbuf), inner_size, flow_hash, ecn, payload_sum);
    context.count_tx(vtep.vxlan(), inner_size);
}

inline std::uint64_t payload_sum_of(const rte_mbuf* mbuf, const EncapTemplate& vtep) noexcept
{
    return vtep.needs_payload_sum() ? checksum_add(0, mbuf, 0, rte_pktmbuf_pkt_len(mbuf)) : 0;
}

// What is owed something, or does not fit. An inner checksum that a port left to us is completed, as no VTEP could.
[[gnu::noinline]] inline Dest encap_owed(rte_mbuf* mbuf, const EncapTemplate& vtep, std::uint32_t flow_hash,
                                         std::uint8_t ecn, Context& context) noexcept
{
    if (is_gso(mbuf))
        return encap_gso(mbuf, vtep, flow_hash, ecn, context);
    const Dest next = next_of(mbuf, vtep, context);
    if (next.kind() == Dest::Kind::kDrop)
        return next;
    std::uint64_t payload_sum = 0;
    if (!has_partial_checksum(mbuf))
        payload_sum = payload_sum_of(mbuf, vtep);
    else if (!complete_checksum(mbuf, vtep.needs_payload_sum() ? &payload_sum : nullptr))
        return Dest::drop(DropReason::offload_invalid);
    write_outer(mbuf, vtep, flow_hash, ecn, payload_sum, context);
    return next;
}

// Any frame by any tunnel. `next` is the VTEP's.
[[gnu::noinline]] inline Dest encap_any(rte_mbuf* mbuf, const EncapTemplate& vtep, Dest next, std::uint32_t flow_hash,
                                        std::uint8_t ecn, Context& context) noexcept
{
    if (next.kind() == Dest::Kind::kDrop || !vtep.takes(rte_pktmbuf_pkt_len(mbuf)) || has_partial_checksum(mbuf) ||
        rte_pktmbuf_headroom(mbuf) < vtep.size()) [[unlikely]]
        return encap_owed(mbuf, vtep, flow_hash, ecn, context);
    write_outer(mbuf, vtep, flow_hash, ecn, payload_sum_of(mbuf, vtep), context);
    return next;
}

// As encap_frame() does it, but with an outer UDP checksum: inline too, for a frame that is in one piece and not long.
[[gnu::always_inline]] inline Dest encap_summed(rte_mbuf* mbuf, const EncapTemplate& vtep, Dest next,
                                                std::uint32_t flow_hash, std::uint8_t ecn, Context& context) noexcept
{
    const std::uint32_t inner_size = rte_pktmbuf_pkt_len(mbuf);
    if (!vtep.is_short_for(inner_size) || next.kind() == Dest::Kind::kDrop ||
        inner_size != rte_pktmbuf_data_len(mbuf) || has_partial_checksum(mbuf) ||
        rte_pktmbuf_headroom(mbuf) < kOuterSizeV6) [[unlikely]]
        return encap_any(mbuf, vtep, next, flow_hash, ecn, context);
    const std::uint64_t sum =
        checksum_add_few(0, reinterpret_cast<const std::uint8_t*>(head_of(mbuf).data()), inner_size);
    grow_front(mbuf, vtep.size());
    vtep.write(data_of(mbuf), inner_size, flow_hash, ecn, sum);
    context.count_tx(vtep.vxlan(), inner_size);
    return next;
}

// Encapsulates one frame towards `vtep`; returns the port that it leaves by, or why it is to be dropped. Also used for
// every copy of a replicated frame.
[[gnu::always_inline]] inline Dest encap_frame(rte_mbuf* mbuf, const EncapTemplate& vtep, std::uint32_t flow_hash,
                                               std::uint8_t ecn, Context& context) noexcept
{
    const std::uint32_t inner_size = rte_pktmbuf_pkt_len(mbuf);
    const Dest next = vtep.next();
    if (!vtep.is_plain_for(inner_size) || next.kind() == Dest::Kind::kDrop || has_partial_checksum(mbuf) ||
        rte_pktmbuf_headroom(mbuf) < kOuterSizeV4) [[unlikely]]
        return encap_summed(mbuf, vtep, next, flow_hash, ecn, context);
    grow_front(mbuf, kOuterSizeV4);
    vtep.write_plain(data_of(mbuf), inner_size, flow_hash, ecn);
    context.count_tx(vtep.vxlan(), inner_size);
    return next;
}

inline void encap(Packet& packet, Context& context) noexcept
{
    if (packet.dest.kind() == Dest::Kind::kVtep) [[likely]]
        packet.dest = encap_frame(packet.mbuf, context.vtep(packet.dest.vtep()), packet.flow_hash, packet.ecn, context);
}

// The template that encap() will copy.
inline void prefetch_vtep(Packet& packet, Context& context) noexcept
{
    if (packet.dest.kind() == Dest::Kind::kVtep)
        rte_prefetch0(&context.vtep(packet.dest.vtep()));
}

} // namespace vx
