// SPDX-License-Identifier: BSD-3-Clause
// Stage: routing of frames that were sent to a gateway's MAC (RFC 1812 section 5.2): longest-prefix match, TTL,
// neighbour, new Ethernet header; the FDB of the domain they leave by then says where that neighbour is. Sweeps of its
// own over those packets alone, split where a table is read.
#pragma once

#include "dataplane/stage/forward.h"
#include "dataplane/stage/lookup.h"
#include "dataplane/state/neighbor_table.h"

namespace vx
{

inline bool is_icmp6(Bytes head) noexcept
{
    constexpr std::size_t l3 = sizeof(EthernetHeader);
    if (head.size() < l3 + sizeof(Ipv6Header) || header_at<EthernetHeader>(head, 0).type != Be16{ether_type::kIpv6})
        return false;
    const auto& ip = header_at<Ipv6Header>(head, l3);
    return ip.version() == 6 && ip.next_header == ip_protocol::kIcmp6;
}

// ARP, or what may be neighbour discovery.
inline bool is_about_neighbors(Bytes head) noexcept
{
    return header_at<EthernetHeader>(head, 0).type == Be16{ether_type::kArp} || is_icmp6(head);
}

// A packet on its way through the router: what is looked up for it.
struct Hop {
    const Adjacency* adjacency = nullptr;
    std::uint64_t neighbor = 0; // NeighborTable::key()
    BucketTable::Home home = 0;
};

// What a bridge does not care about. False if the packet goes nowhere from here.
inline bool route_check(Packet& packet, Bytes head, const Context& context) noexcept
{
    constexpr std::size_t l3 = sizeof(EthernetHeader);
    const auto refuse = [&](DropReason reason) {
        drop(packet, reason);
        return false;
    };
    if (!context.config.bridge(packet.bridge()).answers) [[unlikely]]
        return refuse(DropReason::local_unserved);
    const std::uint16_t type = header_at<EthernetHeader>(head, 0).type.host();
    if (type != ether_type::kIpv4) [[unlikely]] {
        if (!is_about_neighbors(head))
            return refuse(DropReason::routed_not_ipv4);
        punt(packet, PuntReason::kLocal);
        return false;
    }
    if (head.size() < l3 + sizeof(Ipv4Header)) [[unlikely]]
        return refuse(DropReason::routed_ip_malformed);
    const auto& ip = header_at<Ipv4Header>(head, l3);
    const std::size_t total = ip.total_length.host();
    if (!ip.has_sound_version_and_size() || total < ip.size() || l3 + ip.size() > head.size() ||
        l3 + total > rte_pktmbuf_pkt_len(packet.mbuf)) [[unlikely]]
        return refuse(DropReason::routed_ip_malformed);
    if (!ipv4_checksum_is_right(ip)) [[unlikely]]
        return refuse(DropReason::routed_ip_checksum);
    if (const std::size_t padding = rte_pktmbuf_pkt_len(packet.mbuf) - l3 - total; padding != 0) [[unlikely]]
        trim_tail(packet.mbuf, padding);
    return true;
}

// RFC 1812 section 5.3.7: this network, loopback, multicast and broadcast. 240/4 is no martian, as in Linux
// since 2.6.25. Destinations that are so have routes (control/compile.h).
inline bool is_martian_source(const Be32& address) noexcept
{
    const auto first = load<std::uint8_t>(&address);
    return first == 0 || first == 127 || (first & 0xf0) == 224 || address == Be32{0xffffffff};
}

inline Ipv4Header& inner_ip(const Packet& packet) noexcept
{
    return *reinterpret_cast<Ipv4Header*>(data_of(packet.mbuf) + sizeof(EthernetHeader));
}

// Longest-prefix match.
inline void find_route(Packet& packet, Hop& hop, Context& context) noexcept
{
    if (!route_check(packet, head_of(packet.mbuf), context)) [[unlikely]]
        return;
    const std::uint32_t route = context.config.routes->find(inner_ip(packet).destination.host());
    hop.adjacency = &context.config.adjacencies[route];
    rte_prefetch0(hop.adjacency);
}

// Whose MAC has to be known.
inline void find_next_hop(Packet& packet, Hop& hop, Context& context, const BucketTable::Reader& neighbors) noexcept
{
    const Adjacency& adjacency = *hop.adjacency;
    const Ipv4Header& ip = inner_ip(packet);
    std::uint32_t address = adjacency.via;
    if (adjacency.kind != Adjacency::Kind::kVia) {
        switch (adjacency.kind) {
        case Adjacency::Kind::kLocal:
            return punt(packet, PuntReason::kLocal);
        case Adjacency::Kind::kUnderlay:
            return drop(packet, DropReason::route_to_underlay);
        case Adjacency::Kind::kConnected:
            address = ip.destination.host();
            break;
        case Adjacency::Kind::kMartian:
            return drop(packet, DropReason::martian);
        default:
            return drop(packet, DropReason::no_route);
        }
    }
    if (is_martian_source(ip.source)) [[unlikely]]
        return drop(packet, DropReason::martian);
    if (ip.ttl <= 1) [[unlikely]]
        return punt(packet, PuntReason::kTtlExpired);
    if (is_frame_too_big(packet, adjacency.interface, context)) [[unlikely]]
        return ip.may_be_fragmented() ? drop(packet, DropReason::frame_too_big) : punt(packet, PuntReason::kTooBig);
    hop.neighbor = NeighborTable::key(adjacency.interface, address);
    hop.home = neighbors.home(hop.neighbor);
    neighbors.prefetch(hop.home);
}

// The new Ethernet header; the packet starts anew on the other side of the router.
inline void enter_next_domain(Packet& packet, const Hop& hop, Context& context,
                              const BucketTable::Reader& neighbors) noexcept
{
    const std::uint64_t neighbor = neighbors.find(hop.neighbor, hop.home).value;
    if (neighbor == 0) [[unlikely]]
        return punt(packet, PuntReason::kUnresolved);
    decrement_ttl(inner_ip(packet));
    const LinkId interface = hop.adjacency->interface;
    const LinkState& egress = context.link(interface);
    auto& ethernet = *reinterpret_cast<EthernetHeader*>(data_of(packet.mbuf));
    ethernet.destination = NeighborTable::mac_of(neighbor);
    ethernet.source = egress.mac;
    packet.in = interface;
    packet.outer_size = 0;
    packet.destination = FdbKey{egress.bridge, ethernet.destination};
    packet.destination_home = context.fdb.home(packet.destination.word());
    context.fdb.prefetch(packet.destination_home);
}

inline void forward_routed(Packet& packet, Context& context) noexcept
{
    lookup_destination(packet, context);
    if (packet.dest.kind() == Dest::Kind::kLocal) [[unlikely]]
        return drop(packet, DropReason::same_port);
    forward(packet, context);
}

[[gnu::noinline]] inline void route_collected(Context& context) noexcept
{
    std::array<Hop, kBurst> hops;
    const BucketTable::Reader neighbors{*context.config.neighbors};
    const std::span<Packet*> packets{context.routed.data(), context.routed_count};
    const auto sweep_local = [&](auto&& stage) {
        for (std::size_t i = 0; i < packets.size(); ++i)
            if (packets[i]->dest.kind() == Dest::Kind::kLocal) [[likely]]
                stage(*packets[i], hops[i]);
    };
    sweep_local([&](Packet& packet, Hop& hop) { find_route(packet, hop, context); });
    sweep_local([&](Packet& packet, Hop& hop) { find_next_hop(packet, hop, context, neighbors); });
    sweep_local([&](Packet& packet, Hop& hop) { enter_next_domain(packet, hop, context, neighbors); });
    sweep_local([&](Packet& packet, Hop&) { forward_routed(packet, context); });
    context.routed_count = 0;
}

// Those that forward() has collected.
inline void route(Context& context) noexcept
{
    if (context.routed_count != 0)
        route_collected(context);
}

} // namespace vx
