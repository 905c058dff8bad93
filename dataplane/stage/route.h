// SPDX-License-Identifier: BSD-3-Clause
// Stages: routing of a frame that was sent to a gateway's MAC (RFC 1812 section 5.2): longest-prefix match, TTL,
// neighbour, new Ethernet header; the FDB of the domain it leaves by then says where that neighbour is.
#pragma once

#include "dataplane/stage/forward.h"
#include "dataplane/state/neighbor_table.h"

namespace vx
{

inline bool is_icmp6(const Packet& packet) noexcept
{
    constexpr std::size_t l3 = sizeof(EthernetHeader);
    return packet.ether_type == ether_type::kIpv6 && packet.is_ip &&
           header_at<Ipv6Header>(head_of(packet.mbuf), l3).next_header == ip_protocol::kIcmp6;
}

// ARP, IPv6 and the checks of an IPv4 header that a bridge does not care about. Leaves kLocal to what can be routed.
inline void route_check(Packet& packet, Context& context) noexcept
{
    if (packet.dest.kind() != Dest::Kind::kLocal)
        return;
    constexpr std::size_t l3 = sizeof(EthernetHeader);
    const Bytes head = head_of(packet.mbuf);
    if (!context.config.bridge(packet.bridge).answers) [[unlikely]]
        return drop(packet, DropReason::local_unserved);
    if (packet.ether_type == ether_type::kArp || is_icmp6(packet))
        return punt(packet, PuntReason::kLocal);
    if (packet.ether_type != ether_type::kIpv4)
        return drop(packet, DropReason::routed_not_ipv4);
    if (head.size() < l3 + sizeof(Ipv4Header))
        return drop(packet, DropReason::routed_ip_malformed);
    const auto& ip = header_at<Ipv4Header>(head, l3);
    const std::size_t total = ip.total_length.host();
    if (!ip.has_sound_version_and_size() || total < ip.size() || l3 + ip.size() > head.size() ||
        l3 + total > rte_pktmbuf_pkt_len(packet.mbuf))
        return drop(packet, DropReason::routed_ip_malformed);
    if (!ipv4_checksum_is_right(ip))
        return drop(packet, DropReason::routed_ip_checksum);
    if (const std::size_t padding = rte_pktmbuf_pkt_len(packet.mbuf) - l3 - total; padding != 0)
        trim_tail(packet.mbuf, padding);
}

// RFC 1812 section 5.3.7: this network, loopback, multicast and reserved addresses. Destinations that are so have
// routes (control/compile.h).
inline bool is_martian_source(const Be32& address) noexcept
{
    const auto first = load<std::uint8_t>(&address);
    return first == 0 || first == 127 || first >= 224;
}

inline void route(Packet& packet, Context& context) noexcept
{
    if (packet.dest.kind() != Dest::Kind::kLocal)
        return;
    constexpr std::size_t l3 = sizeof(EthernetHeader);
    auto& ip = *reinterpret_cast<Ipv4Header*>(data_of(packet.mbuf) + l3);
    const std::uint32_t destination = ip.destination.host();
    const Adjacency& adjacency = context.config.adjacencies[context.config.routes->find(destination)];
    std::uint32_t next_hop = destination;
    switch (adjacency.kind) {
    case Adjacency::Kind::kLocal:
        return punt(packet, PuntReason::kLocal);
    case Adjacency::Kind::kUnderlay:
        return drop(packet, DropReason::route_to_underlay);
    case Adjacency::Kind::kVia:
        next_hop = adjacency.via;
        break;
    case Adjacency::Kind::kConnected:
        break;
    case Adjacency::Kind::kMartian:
        return drop(packet, DropReason::martian);
    default:
        return drop(packet, DropReason::no_route);
    }
    if (is_martian_source(ip.source)) [[unlikely]]
        return drop(packet, DropReason::martian);
    if (ip.ttl <= 1)
        return punt(packet, PuntReason::kTtlExpired);
    const LinkState& egress = context.link(adjacency.interface);
    if (rte_pktmbuf_pkt_len(packet.mbuf) > l3 + std::size_t{egress.mtu})
        return ip.may_be_fragmented() ? drop(packet, DropReason::frame_too_big) : punt(packet, PuntReason::kTooBig);
    const auto neighbor = context.config.neighbors->find(NeighborTable::key(adjacency.interface, next_hop));
    if (neighbor.value == 0)
        return punt(packet, PuntReason::kUnresolved);
    decrement_ttl(ip);
    auto& ethernet = *reinterpret_cast<EthernetHeader*>(data_of(packet.mbuf));
    ethernet.destination = NeighborTable::mac_of(neighbor.value);
    ethernet.source = egress.mac;
    packet.in = adjacency.interface;
    packet.bridge = egress.bridge;
    packet.outer_size = 0; // it starts anew, on the other side of the router
    packet.destination = FdbKey{packet.bridge, ethernet.destination};
    packet.dest = Dest::from_word(context.fdb.find(packet.destination.word()).value);
    if (packet.dest.kind() == Dest::Kind::kLocal) [[unlikely]]
        return drop(packet, DropReason::same_port);
    forward(packet, context);
}

} // namespace vx
