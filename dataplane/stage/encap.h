// SPDX-License-Identifier: BSD-3-Clause
// Stage: put the prebuilt outer headers in front of a frame, RFC 7348 section 5.
#pragma once

#include "dataplane/stage/packet.h"

#include <optional>

namespace vx
{

// Encapsulates one frame towards `vtep`; nothing, or the reason why not. Also used for every copy of a replicated
// frame. Inner checksums that a port left partial are completed first: no VTEP could.
inline std::optional<DropReason> encap_frame(rte_mbuf* mbuf, const EncapTemplate& vtep, std::uint32_t flow_hash,
                                             std::uint8_t ecn) noexcept
{
    if (vtep.unusable()) [[unlikely]]
        return vtep.unusable();
    if (has_partial_checksum(mbuf) && !complete_checksum(mbuf)) [[unlikely]]
        return DropReason::offload_invalid;
    const std::size_t inner_size = rte_pktmbuf_pkt_len(mbuf);
    const std::uint64_t payload_sum = vtep.needs_payload_sum() ? checksum_add(0, mbuf, 0, inner_size) : 0;
    char* out = rte_pktmbuf_prepend(mbuf, static_cast<std::uint16_t>(vtep.size()));
    if (out == nullptr) [[unlikely]]
        return DropReason::no_headroom;
    vtep.write(reinterpret_cast<std::byte*>(out), inner_size, flow_hash, ecn, payload_sum);
    return std::nullopt;
}

inline void encap(Packet& packet, Context& context) noexcept
{
    if (packet.dest.kind() != Dest::Kind::kVtep)
        return;
    const EncapTemplate& vtep = context.config.vtep(packet.dest.vtep());
    const std::size_t inner_size = rte_pktmbuf_pkt_len(packet.mbuf);
    if (const auto failure = encap_frame(packet.mbuf, vtep, packet.flow_hash, packet.ecn)) [[unlikely]]
        return drop(packet, *failure);
    LinkCounters& counters = context.link_counters[packet.dest.link().value];
    counters.tx_packets.add(1);
    counters.tx_bytes.add(inner_size);
    packet.dest = Dest::port(vtep.out());
}

} // namespace vx
