// SPDX-License-Identifier: BSD-3-Clause
// Stages: take the outer headers off a frame from the underlay, RFC 7348 section 4.2, and combine the ECN fields,
// RFC 6040 section 4.2. What is addressed to us and is not VXLAN goes to the control thread.
#pragma once

#include "dataplane/net/ecn.h"
#include "dataplane/stage/parse.h"

#include <algorithm>

namespace vx
{

inline bool is_local_address(const ForwardingConfig& config, Bytes head, bool is_v6) noexcept
{
    constexpr std::size_t l3 = sizeof(EthernetHeader);
    if (!is_v6) [[likely]] {
        const auto address = load<std::uint32_t>(&header_at<Ipv4Header>(head, l3).destination);
        for (const std::uint32_t local : config.local_v4) // std::find() is slower for the one that there is
            if (local == address)
                return true;
        return false;
    }
    const auto& address = header_at<Ipv6Header>(head, l3).destination;
    return std::find(config.local_v6.begin(), config.local_v6.end(), address) != config.local_v6.end();
}

// A non-zero UDP checksum is verified (RFC 7348 section 5), unless the port has done it.
[[gnu::noinline]] inline bool udp_checksum_is_right(const rte_mbuf* mbuf, const OuterHeaders& outer) noexcept
{
    const bool is_verified = (mbuf->ol_flags & RTE_MBUF_F_RX_OUTER_L4_CKSUM_MASK) == RTE_MBUF_F_RX_OUTER_L4_CKSUM_GOOD;
    if (is_verified || has_partial_checksum(mbuf)) // by the port; or left partial by a sender on this machine
        return true;
    const Bytes head = head_of(mbuf);
    constexpr std::size_t l3 = sizeof(EthernetHeader);
    const std::uint64_t pseudo =
        outer.is_v6 ? pseudo_sum_v6(header_at<Ipv6Header>(head, l3), ip_protocol::kUdp, outer.udp_length)
                    : pseudo_sum_v4(header_at<Ipv4Header>(head, l3), ip_protocol::kUdp, outer.udp_length);
    return checksum_is_right(checksum_add(pseudo, mbuf, outer.l4_offset, outer.udp_length));
}

// A partial checksum of the inner packet keeps its place; one of the outer UDP header goes away with it.
[[gnu::noinline]] inline void move_partial_checksum(rte_mbuf* mbuf, std::size_t stripped) noexcept
{
    MbufNote& note = note_of(mbuf);
    if (note.checksum_start < stripped)
        clear_partial_checksum(mbuf);
    else
        note.checksum_start = static_cast<std::uint16_t>(note.checksum_start - stripped);
}

inline const VxlanListener* find_listener(const ForwardingConfig& config, std::uint16_t udp_port) noexcept
{
    for (const VxlanListener& listener : config.listeners)
        if (listener.udp_port == udp_port)
            return &listener;
    return nullptr;
}

[[gnu::always_inline]] inline void decap(Packet& packet, Context& context) noexcept
{
    rte_mbuf* mbuf = packet.mbuf;
    const Bytes head = head_of(mbuf);
    const OuterHeaders outer = parse_outer(head, rte_pktmbuf_pkt_len(mbuf));
    if (outer.kind == OuterHeaders::Kind::kDrop) [[unlikely]]
        return drop(packet, outer.reason);
    const Mac& destination = header_at<EthernetHeader>(head, 0).destination;
    if (outer.kind == OuterHeaders::Kind::kArp) [[unlikely]]
        return destination == context.link(packet.in).mac || destination.is_broadcast()
                   ? punt(packet, PuntReason::kUnderlay)
                   : drop(packet, DropReason::outer_not_local);
    const bool is_neighbor_discovery = outer.protocol == ip_protocol::kIcmp6 && destination.is_group();
    if (is_neighbor_discovery) [[unlikely]]
        return punt(packet, PuntReason::kUnderlay);
    if (destination != context.link(packet.in).mac || !is_local_address(context.config, head, outer.is_v6)) [[unlikely]]
        return drop(packet, DropReason::outer_not_local);
    if (outer.kind == OuterHeaders::Kind::kLocal) [[unlikely]]
        return outer.protocol == ip_protocol::kIcmp || outer.protocol == ip_protocol::kIcmp6
                   ? punt(packet, PuntReason::kUnderlay)
                   : drop(packet, DropReason::no_listener);

    const VxlanListener* listener = find_listener(context.config, outer.destination_port);
    if (listener == nullptr) [[unlikely]]
        return drop(packet, DropReason::no_listener);
    const std::size_t stripped = outer.inner_offset();
    if (outer.udp_length < sizeof(UdpHeader) + sizeof(VxlanHeader) || stripped > head.size()) [[unlikely]]
        return drop(packet, DropReason::outer_truncated);
    if (outer.has_udp_checksum && !udp_checksum_is_right(mbuf, outer)) [[unlikely]]
        return drop(packet, DropReason::outer_udp_checksum);
    const auto& vxlan = header_at<VxlanHeader>(head, outer.l4_offset + sizeof(UdpHeader));
    if (!vxlan.has_vni()) [[unlikely]]
        return drop(packet, DropReason::vxlan_flag);
    const LinkId device = listener->vnis.find(vxlan.vni());
    if (device.is_none()) [[unlikely]]
        return drop(packet, DropReason::vni_unknown);

    const std::size_t inner_size = outer.udp_length - sizeof(UdpHeader) - sizeof(VxlanHeader);
    const std::size_t padding = rte_pktmbuf_pkt_len(mbuf) - stripped - inner_size;
    if (has_partial_checksum(mbuf)) [[unlikely]]
        move_partial_checksum(mbuf, stripped);
    rte_pktmbuf_adj(mbuf, static_cast<std::uint16_t>(stripped));
    if (padding != 0) [[unlikely]]
        trim_tail(mbuf, padding);
    packet.in = device;
    packet.outer_size = static_cast<std::uint8_t>(std::min<std::size_t>(stripped, 0xff));
    packet.ecn = outer.ecn; // until parse() has read the inner one, in parse_decapsulated()
    LinkCounters& counters = context.link_counters[device.value];
    counters.rx_packets.add(1);
    counters.rx_bytes.add(inner_size);
}

// parse(), then what only a frame from a tunnel has to satisfy.
inline void parse_decapsulated(Packet& packet, Context& context) noexcept
{
    const std::uint8_t outer_ecn = packet.ecn;
    parse(packet, context);
    if (packet.dest.kind() != Dest::Kind::kNone)
        return;
    if (packet.tag_size != 0) [[unlikely]]
        return drop(packet, DropReason::inner_vlan);
    if (outer_ecn == 0 || !packet.is_ip) [[likely]]
        return;
    const EcnAction action = ecn_decapsulate(outer_ecn, packet.ecn);
    if (action == EcnAction::kKeep)
        return;
    if (action == EcnAction::kDrop)
        return drop(packet, DropReason::ecn_invalid);
    packet.ecn = action == EcnAction::kSetCe ? 3 : 1;
    std::byte* l3 = data_of(packet.mbuf) + sizeof(EthernetHeader);
    if (packet.ether_type == ether_type::kIpv4)
        set_ecn(*reinterpret_cast<Ipv4Header*>(l3), packet.ecn);
    else
        set_ecn(*reinterpret_cast<Ipv6Header*>(l3), packet.ecn);
}

} // namespace vx
