// SPDX-License-Identifier: BSD-3-Clause
// Stage: routing of frames that were sent to a gateway's MAC (RFC 1812 section 5.2): longest-prefix match, TTL,
// neighbour, new Ethernet header; the FDB of the domain they leave by then says where that neighbour is. Of a route's
// next hop the adjacency knows both. Sweeps of its own over those packets alone, split where a table is read.
#pragma once

#include "dataplane/net/martian.h"
#include "dataplane/stage/encap.h"
#include "dataplane/stage/forward.h"
#include "dataplane/stage/lookup.h"
#include "dataplane/state/neighbor_table.h"

#include <utility>

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
    if (!context.config.bridge(packet.bridge()).routes) [[unlikely]] {
        drop(packet, DropReason::local_unserved);
        return false;
    }
    // Byte by byte as they lie on the wire: (source MAC), EtherType, version and header size, (TOS).
    const auto& ip = header_at<Ipv4Header>(head, l3);
    if (head.size() >= l3 + sizeof(Ipv4Header) &&
        (load<std::uint32_t>(head.data() + l3 - 2) & 0x00ffffff) == 0x00450008 &&
        load_big<std::uint16_t>(&ip.total_length) == rte_pktmbuf_pkt_len(packet.mbuf) - l3 &&
        ipv4_plain_checksum_is_right(ip)) [[likely]]
        return true;
    return route_check_any(packet, head);
}

inline Ipv4Header& inner_ip(const Packet& packet) noexcept
{
    return *reinterpret_cast<Ipv4Header*>(data_of(packet.mbuf) + sizeof(EthernetHeader));
}

// The beginning: where the longest prefix that matches has its route.
inline void enter_router(Packet& packet, Context& context) noexcept
{
    if (!route_check(packet, head_of(packet.mbuf), context)) [[unlikely]]
        return;
    const RouteTable::Reader routes{context.config.routes};
    const std::uint64_t* const route = routes.place_of(inner_ip(packet).destination.host());
    context.routed[context.routed_count++] = {&packet, route};
}

// RFC 1812 section 5.3: whether the packet may go on by `egress`.
inline bool may_go_on(Packet& packet, const Ipv4Header& ip, const LinkState& egress) noexcept
{
    if (is_martian_source(ip.source)) [[unlikely]] // destinations that are so have routes (control/compile/compile.h)
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
inline void enter_next_domain(Packet& packet, std::byte* l2, LinkId interface, const LinkState& egress,
                              std::uint64_t mac) noexcept
{
    decrement_ttl(*reinterpret_cast<Ipv4Header*>(l2 + sizeof(EthernetHeader)));
    // Both addresses, in two stores.
    static_assert(offsetof(LinkState, mac) + sizeof(std::uint64_t) <= sizeof(LinkState));
    const auto source = load<std::uint64_t>(&egress.mac);
    store(l2, __builtin_bswap64(mac << 16) | (source << 48));
    store(l2 + 8, static_cast<std::uint32_t>(source >> 16));
    packet.in = interface;
    packet.outer_size = 0;
    packet.destination = FdbKey::from_word(FdbKey::domain(egress.bridge).word() | mac);
}

inline void leave_router(Packet& packet, Context& context) noexcept
{
    if (packet.dest.kind() == Dest::Kind::kVtep) [[likely]]
        return prefetch_vtep(packet, context);
    if (packet.dest.kind() == Dest::Kind::kLocal)
        return drop(packet, DropReason::same_port);
    forward(packet, context);
}

// A packet whose next hop is its own destination: what is looked up for it.
struct Neighbor {
    Packet* packet;
    LinkId interface;
    BucketTable::Home home;
    std::uint64_t key;
};

// Its MAC has to be known. False if the packet goes nowhere from here.
inline bool find_neighbor(Neighbor& hop, Packet& packet, const Adjacency& adjacency, Context& context,
                          const BucketTable::Reader& neighbors) noexcept
{
    const Ipv4Header& ip = inner_ip(packet);
    if (!may_go_on(packet, ip, context.link(adjacency.interface))) [[unlikely]]
        return false;
    const std::uint64_t key = NeighborTable::key(adjacency.interface, ip.destination.host());
    hop = {&packet, adjacency.interface, neighbors.home(key), key};
    neighbors.prefetch(hop.home);
    return true;
}

// And its place. False as above.
inline bool take_neighbor(const Neighbor& hop, Context& context, const BucketTable::Reader& neighbors) noexcept
{
    Packet& packet = *hop.packet;
    const std::uint64_t neighbor = neighbors.find(hop.key, hop.home).value;
    if (neighbor == 0) [[unlikely]] {
        punt(packet, PuntReason::kUnresolved);
        return false;
    }
    enter_next_domain(packet, data_of(packet.mbuf), hop.interface, context.link(hop.interface),
                      NeighborTable::mac_of(neighbor).to_u64());
    packet.destination_home = context.fdb.home(packet.destination.word());
    context.fdb.prefetch(packet.destination_home);
    return true;
}

// The packets of some routes that name no next hop.
[[gnu::noinline]] inline void route_to_neighbors(std::span<const Adjacency* const> adjacencies,
                                                 std::span<Packet* const> packets, Context& context) noexcept
{
    const BucketTable::Reader neighbors{*context.config.neighbors};
    std::array<Neighbor, kBurst> hops;
    std::size_t count = 0;
    for (std::size_t i = 0; i < packets.size(); ++i)
        count += find_neighbor(hops[count], *packets[i], *adjacencies[i], context, neighbors) ? 1U : 0U;
    std::array<Packet*, kBurst> known;
    std::size_t known_count = 0;
    for (const Neighbor& hop : std::span{hops}.first(count))
        if (take_neighbor(hop, context, neighbors))
            known[known_count++] = hop.packet;
    for (Packet* const packet : std::span{known}.first(known_count)) {
        lookup_destination(*packet, context);
        leave_router(*packet, context);
    }
}

// A route that leads nowhere.
[[gnu::noinline]] inline void end_route(Packet& packet, Adjacency::Kind kind) noexcept
{
    switch (kind) {
    case Adjacency::Kind::kLocal:
        return punt(packet, PuntReason::kLocal);
    case Adjacency::Kind::kUnderlay:
        return drop(packet, DropReason::route_to_underlay);
    case Adjacency::Kind::kMartian:
        return drop(packet, DropReason::martian);
    default:
        return drop(packet, DropReason::no_route);
    }
}

// Of a next hop the adjacency says all.
inline void take_next_hop(Packet& packet, const Adjacency& adjacency, Context& context) noexcept
{
    std::byte* const l2 = data_of(packet.mbuf);
    const LinkState& egress = context.link(adjacency.interface);
    if (!may_go_on(packet, *reinterpret_cast<const Ipv4Header*>(l2 + sizeof(EthernetHeader)), egress)) [[unlikely]]
        return;
    const NextHop next = adjacency.next_hop.load();
    packet.dest = next.dest;
    if (!next.is_known()) [[unlikely]]
        return;
    enter_next_domain(packet, l2, adjacency.interface, egress, next.mac);
    leave_router(packet, context);
}

[[gnu::noinline]] inline void route_collected(Context& context) noexcept
{
    const SharedArray<Adjacency>::Rows rows{context.config.adjacencies};
    std::array<const Adjacency*, kBurst> adjacencies;
    const std::size_t count = std::exchange(context.routed_count, 0);
    for (std::size_t i = 0; i < count; ++i) {
        adjacencies[i] = &rows[*context.routed[i].route];
        rte_prefetch0(adjacencies[i]);
    }
    std::array<Packet*, kBurst> to_neighbors;
    std::size_t neighbor_count = 0;
    for (std::size_t i = 0; i < count; ++i) {
        Packet& packet = *context.routed[i].packet;
        const Adjacency& adjacency = *adjacencies[i];
        if (adjacency.kind == Adjacency::Kind::kVia) [[likely]] {
            take_next_hop(packet, adjacency, context);
        } else if (adjacency.kind == Adjacency::Kind::kConnected) {
            adjacencies[neighbor_count] = &adjacency;
            to_neighbors[neighbor_count++] = &packet;
        } else {
            end_route(packet, adjacency.kind);
        }
    }
    if (neighbor_count != 0)
        route_to_neighbors(std::span{adjacencies}.first(neighbor_count), std::span{to_neighbors}.first(neighbor_count),
                           context);
}

[[gnu::noinline]] inline void hash_collected(Context& context) noexcept
{
    for (std::size_t i = 0; i < context.routed_count; ++i) {
        Packet& packet = *context.routed[i].packet;
        const Bytes head = head_of(packet.mbuf);
        packet.flow_hash = is_plain(head) ? parse_plain(head).flow_hash : parse_inner(head).flow_hash;
    }
}

// What parse() does not ask of frames from tunnels: few of them go into another.
[[gnu::always_inline]] inline void hash_routed(Context& context) noexcept
{
    if (context.routed_count != 0)
        hash_collected(context);
}

// Those that enter_router() has collected.
inline void route(Context& context) noexcept
{
    if (context.routed_count != 0)
        route_collected(context);
}

} // namespace vx
