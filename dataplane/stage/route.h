// SPDX-License-Identifier: BSD-3-Clause
// Stage: routing of frames that were sent to a gateway's MAC (RFC 1812 section 5.2): longest-prefix match, TTL,
// neighbour, new Ethernet header; the FDB of the domain they leave by then says where that neighbour is. Of a route's
// next hop the adjacency knows both. Sweeps of its own over those packets alone, split where a table is read.
#pragma once

#include "dataplane/stage/encap.h"
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

// What a bridge does not care about. False if the packet goes nowhere from here.
[[gnu::noinline]] inline bool route_check_any(Packet& packet, Bytes head) noexcept
{
    constexpr std::size_t l3 = sizeof(EthernetHeader);
    const auto refuse = [&](DropReason reason) {
        drop(packet, reason);
        return false;
    };
    const std::uint16_t type = header_at<EthernetHeader>(head, 0).type.host();
    if (type != ether_type::kIpv4) {
        if (!is_about_neighbors(head))
            return refuse(DropReason::routed_not_ipv4);
        punt(packet, PuntReason::kLocal);
        return false;
    }
    if (head.size() < l3 + sizeof(Ipv4Header))
        return refuse(DropReason::routed_ip_malformed);
    const auto& ip = header_at<Ipv4Header>(head, l3);
    const std::size_t total = ip.total_length.host();
    if (!ip.has_sound_version_and_size() || total < ip.size() || l3 + ip.size() > head.size() ||
        l3 + total > rte_pktmbuf_pkt_len(packet.mbuf))
        return refuse(DropReason::routed_ip_malformed);
    if (!ipv4_checksum_is_right(ip))
        return refuse(DropReason::routed_ip_checksum);
    if (const std::size_t padding = rte_pktmbuf_pkt_len(packet.mbuf) - l3 - total; padding != 0)
        trim_tail(packet.mbuf, padding);
    return true;
}

// The common shape at once: no options, no padding.
[[gnu::always_inline]] inline bool route_check(Packet& packet, Bytes head, const Context& context) noexcept
{
    constexpr std::size_t l3 = sizeof(EthernetHeader);
    if (!context.config.bridge(packet.bridge()).answers) [[unlikely]] {
        drop(packet, DropReason::local_unserved);
        return false;
    }
    // Byte by byte as they lie on the wire: (source MAC), EtherType, version and header size, (TOS).
    const auto& ip = header_at<Ipv4Header>(head, l3);
    if (head.size() >= l3 + sizeof(Ipv4Header) &&
        (load<std::uint32_t>(head.data() + l3 - 2) & 0x00ffffff) == 0x00450008 &&
        load_big<std::uint16_t>(&ip.total_length) == rte_pktmbuf_pkt_len(packet.mbuf) - l3 &&
        ipv4_checksum_is_right(ip)) [[likely]]
        return true;
    return route_check_any(packet, head);
}

// RFC 1812 section 5.3.7: this network, loopback, multicast and reserved addresses. Destinations that are so have
// routes (control/compile.h).
inline bool is_martian_source(const Be32& address) noexcept
{
    const auto first = load<std::uint8_t>(&address);
    return first == 0 || first == 127 || first >= 224;
}

inline Ipv4Header& inner_ip(const Packet& packet) noexcept
{
    return *reinterpret_cast<Ipv4Header*>(data_of(packet.mbuf) + sizeof(EthernetHeader));
}

// A packet on its way through the router: what is looked up for it.
struct Hop {
    Packet* packet = nullptr;
    const Adjacency* adjacency = nullptr;
    std::uint64_t neighbor = 0; // NeighborTable::key()
    BucketTable::Home home = 0;
    std::uint32_t route = 0; // RouteTable::Reader::begin()
};

// RFC 1812 section 5.3: whether the packet may go on by `egress`.
inline bool may_go_on(Packet& packet, const LinkState& egress) noexcept
{
    const Ipv4Header& ip = inner_ip(packet);
    if (is_martian_source(ip.source)) [[unlikely]]
        drop(packet, DropReason::martian);
    else if (ip.ttl <= 1) [[unlikely]]
        punt(packet, PuntReason::kTtlExpired);
    else if (is_frame_too_big(packet, egress)) [[unlikely]]
        ip.may_be_fragmented() ? drop(packet, DropReason::frame_too_big) : punt(packet, PuntReason::kTooBig);
    else
        return true;
    return false;
}

// A new Ethernet header and one TTL less: the packet starts anew on the other side of the router.
inline void enter_next_domain(Packet& packet, LinkId interface, const LinkState& egress, std::uint64_t mac) noexcept
{
    decrement_ttl(inner_ip(packet));
    auto& ethernet = *reinterpret_cast<EthernetHeader*>(data_of(packet.mbuf));
    ethernet.destination = Mac::from_u64(mac);
    ethernet.source = egress.mac;
    packet.in = interface;
    packet.outer_size = 0;
    packet.destination = FdbKey::from_word(FdbKey::domain(egress.bridge).word() | mac);
}

inline void leave_router(Packet& packet, Dest dest, Context& context) noexcept
{
    packet.dest = dest;
    if (dest.kind() == Dest::Kind::kLocal) [[unlikely]]
        return drop(packet, DropReason::same_port);
    forward(packet, context);
    prefetch_vtep(packet, context);
}

// The end for packets to a next hop, of which the adjacency says all. True for those to a neighbour of their own.
inline bool go_on(Hop& hop, Context& context) noexcept
{
    Packet& packet = *hop.packet;
    const Adjacency& adjacency = *hop.adjacency;
    if (adjacency.kind != Adjacency::Kind::kVia) [[unlikely]] {
        switch (adjacency.kind) {
        case Adjacency::Kind::kConnected:
            return true;
        case Adjacency::Kind::kLocal:
            punt(packet, PuntReason::kLocal);
            return false;
        case Adjacency::Kind::kUnderlay:
            drop(packet, DropReason::route_to_underlay);
            return false;
        case Adjacency::Kind::kMartian:
            drop(packet, DropReason::martian);
            return false;
        default:
            drop(packet, DropReason::no_route);
            return false;
        }
    }
    const LinkState& egress = context.link(adjacency.interface);
    if (!may_go_on(packet, egress)) [[unlikely]]
        return false;
    const NextHop next = adjacency.next_hop.load();
    packet.dest = next.dest;
    if (!next.is_known()) [[unlikely]]
        return false;
    enter_next_domain(packet, adjacency.interface, egress, next.mac);
    leave_router(packet, next.dest, context);
    return false;
}

// Whose MAC has to be known: the destination's own.
inline bool find_neighbor(Hop& hop, Context& context, const BucketTable::Reader& neighbors) noexcept
{
    const LinkId interface = hop.adjacency->interface;
    if (!may_go_on(*hop.packet, context.link(interface))) [[unlikely]]
        return false;
    hop.neighbor = NeighborTable::key(interface, inner_ip(*hop.packet).destination.host());
    hop.home = neighbors.home(hop.neighbor);
    neighbors.prefetch(hop.home);
    return true;
}

inline bool take_neighbor(Hop& hop, Context& context, const BucketTable::Reader& neighbors) noexcept
{
    Packet& packet = *hop.packet;
    const std::uint64_t neighbor = neighbors.find(hop.neighbor, hop.home).value;
    if (neighbor == 0) [[unlikely]] {
        punt(packet, PuntReason::kUnresolved);
        return false;
    }
    const LinkId interface = hop.adjacency->interface;
    enter_next_domain(packet, interface, context.link(interface), NeighborTable::mac_of(neighbor).to_u64());
    packet.destination_home = context.fdb.home(packet.destination.word());
    context.fdb.prefetch(packet.destination_home);
    return true;
}

// Keeps those hops that are not done with.
template <typename Stage>
[[gnu::always_inline]] inline std::size_t sweep_hops(std::span<Hop> hops, Stage&& stage) noexcept
{
    std::size_t kept = 0;
    for (Hop& hop : hops)
        if (stage(hop))
            hops[kept++] = hop;
    return kept;
}

[[gnu::noinline]] inline void route_to_neighbors(std::span<Hop> hops, Context& context) noexcept
{
    const BucketTable::Reader neighbors{*context.config.neighbors};
    hops = hops.first(sweep_hops(hops, [&](Hop& hop) { return find_neighbor(hop, context, neighbors); }));
    hops = hops.first(sweep_hops(hops, [&](Hop& hop) { return take_neighbor(hop, context, neighbors); }));
    for (const Hop& hop : hops) {
        lookup_destination(*hop.packet, context);
        leave_router(*hop.packet, hop.packet->dest, context);
    }
}

[[gnu::noinline]] inline void route_collected(Context& context) noexcept
{
    std::array<Hop, kBurst> hops;
    std::size_t count = 0;
    const RouteTable::Reader routes{*context.config.routes};
    const SharedArray<Adjacency>::Rows adjacencies{context.config.adjacencies};
    for (std::size_t i = 0; i < context.routed_count; ++i) {
        Packet& packet = *context.routed[i];
        if (!route_check(packet, head_of(packet.mbuf), context)) [[unlikely]]
            continue;
        hops[count].packet = &packet;
        hops[count].route = routes.begin(inner_ip(packet).destination.host());
        ++count;
    }
    context.routed_count = 0;
    const std::span<Hop> routed{hops.data(), count};
    for (Hop& hop : routed) {
        hop.adjacency = &adjacencies[routes.end(hop.route, inner_ip(*hop.packet).destination.host())];
        rte_prefetch0(hop.adjacency);
    }
    const std::size_t to_neighbors = sweep_hops(routed, [&](Hop& hop) { return go_on(hop, context); });
    if (to_neighbors != 0)
        route_to_neighbors(routed.first(to_neighbors), context);
}

// Those that forward() has collected.
inline void route(Context& context) noexcept
{
    if (context.routed_count != 0)
        route_collected(context);
}

} // namespace vx
