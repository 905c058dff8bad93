// SPDX-License-Identifier: BSD-3-Clause
// Stages: take the outer headers off a frame from the underlay, RFC 7348 section 4.2, and combine the ECN fields,
// RFC 6040 section 4.2. What is addressed to us and is not VXLAN goes to the control thread.
#pragma once

#include "dataplane/net/ecn.h"
#include "dataplane/stage/parse.h"

#include <algorithm>
#include <cstring>

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

inline bool is_udp_checksum_verified(const rte_mbuf* mbuf) noexcept // by the port
{
    return (mbuf->ol_flags & RTE_MBUF_F_RX_OUTER_L4_CKSUM_MASK) == RTE_MBUF_F_RX_OUTER_L4_CKSUM_GOOD;
}

// A non-zero UDP checksum is verified (RFC 7348 section 5), unless the port has done it.
[[gnu::noinline]] inline bool udp_checksum_is_right(const rte_mbuf* mbuf, Family family, std::size_t l4_offset,
                                                    std::uint16_t udp_length) noexcept
{
    if (is_udp_checksum_verified(mbuf) || has_partial_checksum(mbuf)) // left partial by a sender on this machine
        return true;
    const Bytes head = head_of(mbuf);
    constexpr std::size_t l3 = sizeof(EthernetHeader);
    const std::uint64_t pseudo = family == Family::kIpv6
                                     ? pseudo_sum_v6(header_at<Ipv6Header>(head, l3), ip_protocol::kUdp, udp_length)
                                     : pseudo_sum_v4(header_at<Ipv4Header>(head, l3), ip_protocol::kUdp, udp_length);
    return checksum_is_right(checksum_add(pseudo, mbuf, l4_offset, udp_length));
}

// The same of a plain frame: it ends with its UDP packet, and this follows the IP addresses, which begin its pseudo
// header and are summed with it.
inline bool plain_udp_checksum_is_right(const rte_mbuf* mbuf, std::size_t addresses, std::size_t l4) noexcept
{
    if (is_udp_checksum_verified(mbuf)) [[unlikely]]
        return true;
    const std::size_t size = rte_pktmbuf_pkt_len(mbuf);
    const std::uint32_t pseudo = ip_protocol::kUdp + static_cast<std::uint32_t>(size - l4);
    return checksum_add(__builtin_bswap32(pseudo), mbuf, addresses, size - addresses) % 0xffff == 0; // it is not zero
}

// A partial checksum of the inner packet keeps its place; one of the outer UDP header goes away with it.
[[gnu::noinline]] inline void move_partial_checksum(rte_mbuf* mbuf, std::size_t stripped) noexcept
{
    MbufNote& note = note_of(mbuf);
    if (note.checksum_start < stripped)
        clear_partial_checksum(mbuf);
    else
        note.checksum_start = static_cast<std::uint16_t>(note.checksum_start - stripped);
    note.outer_size = 0;
}

inline const VxlanListener* find_listener(const ForwardingConfig& config, std::uint16_t udp_port) noexcept
{
    for (const VxlanListener& listener : config.listeners)
        if (listener.udp_port == udp_port)
            return &listener;
    return nullptr;
}

// What decapsulation leaves in the row.
[[gnu::always_inline]] inline void note_decapsulated(Packet& packet, LinkId device, std::size_t stripped,
                                                     std::size_t inner_size, std::uint8_t ecn,
                                                     Context& context) noexcept
{
    packet.in = device;
    packet.outer_size = static_cast<std::uint8_t>(std::min<std::size_t>(stripped, 0xff));
    packet.ecn = ecn; // until parse() has read the inner one, in parse_decapsulated()
    context.count_rx(device, inner_size);
}

// The end of an outer header that is plain: UDP, to the first port that VXLAN devices listen on, as long as the frame.
inline bool is_plain_udp(const rte_mbuf* mbuf, Bytes head, std::size_t l4, const Ingress& expected) noexcept
{
    const auto& udp = header_at<UdpHeader>(head, l4);
    return load<std::uint16_t>(&udp.destination_port) == expected.udp_port &&
           load_big<std::uint16_t>(&udp.length) == rte_pktmbuf_pkt_len(mbuf) - l4;
}

// Most frames: to us and the first of our addresses, without options or extension headers, as long as the headers say.
// Few wide loads and compares tell; whatever differs is for decap_any() to judge, as are wrong checksums.
inline bool is_plain_v4(const rte_mbuf* mbuf, const Ingress& expected) noexcept
{
    constexpr std::size_t l3 = sizeof(EthernetHeader);
    constexpr std::size_t l4 = l3 + sizeof(Ipv4Header);
    const Bytes head = head_of(mbuf);
    if (head.size() < kOuterSizeV4 || expected.vnis_v4 == nullptr || has_partial_checksum(mbuf)) [[unlikely]]
        return false;
    const auto& ip = header_at<Ipv4Header>(head, l3);
    // Byte by byte as they lie on the wire: EtherType, version and header size, (TOS); fragment, (TTL), protocol.
    const auto type = load<std::uint32_t>(head.data() + l3 - 2) & 0x00ffffff;
    const auto transport = load<std::uint32_t>(&ip.fragment) & 0xff00ff3f;
    if ((load<std::uint64_t>(head.data()) << 16) != expected.mac || type != 0x00450008 || transport != 0x11000000 ||
        load<std::uint32_t>(&ip.destination) != expected.address_v4 || !is_plain_udp(mbuf, head, l4, expected) ||
        load_big<std::uint16_t>(&ip.total_length) != rte_pktmbuf_pkt_len(mbuf) - l3 ||
        !ipv4_plain_checksum_is_right(ip))
        return false;
    const auto& udp = header_at<UdpHeader>(head, l4);
    return udp.checksum == Be16{0} || plain_udp_checksum_is_right(mbuf, l3 + offsetof(Ipv4Header, source), l4);
}

inline bool is_plain_v6(const rte_mbuf* mbuf, const Ingress& expected) noexcept
{
    constexpr std::size_t l3 = sizeof(EthernetHeader);
    constexpr std::size_t l4 = l3 + sizeof(Ipv6Header);
    const Bytes head = head_of(mbuf);
    if (head.size() < kOuterSizeV6 || expected.vnis_v6 == nullptr || has_partial_checksum(mbuf)) [[unlikely]]
        return false;
    const auto& ip = header_at<Ipv6Header>(head, l3);
    const auto type = load<std::uint32_t>(head.data() + l3 - 2) & 0x00f0ffff; // EtherType, version
    if ((load<std::uint64_t>(head.data()) << 16) != expected.mac || type != 0x0060dd86 ||
        ip.next_header != ip_protocol::kUdp || std::memcmp(&ip.destination, expected.address_v6, 16) != 0 ||
        !is_plain_udp(mbuf, head, l4, expected) ||
        load_big<std::uint16_t>(&ip.payload_length) != rte_pktmbuf_pkt_len(mbuf) - l4)
        return false;
    const auto& udp = header_at<UdpHeader>(head, l4);
    return udp.checksum == Be16{0} || plain_udp_checksum_is_right(mbuf, l3 + offsetof(Ipv6Header, source), l4);
}

[[gnu::noinline]] inline void decap_any(Packet& packet, Context& context) noexcept
{
    rte_mbuf* mbuf = packet.mbuf;
    if (head_of(mbuf).size() >= sizeof(EthernetHeader))
        take_out_priority_tags(mbuf);
    const Bytes head = head_of(mbuf);
    const OuterHeaders outer = parse_outer(head, rte_pktmbuf_pkt_len(mbuf));
    if (outer.kind == OuterHeaders::Kind::kDrop) [[unlikely]]
        return drop(packet, outer.reason);
    if (is_gso(mbuf) && (outer.kind != OuterHeaders::Kind::kUdp || outer.inner_offset() != note_of(mbuf).outer_size))
        [[unlikely]]
        return drop(packet, DropReason::offload_invalid); // several in one, and not by what they have inside
    const Mac& destination = header_at<EthernetHeader>(head, 0).destination;
    if (outer.kind == OuterHeaders::Kind::kArp) [[unlikely]]
        return destination == context.link(packet.in).mac || destination.is_broadcast()
                   ? punt(packet, PuntReason::kUnderlay)
                   : drop(packet, DropReason::outer_not_local);
    const bool is_icmp6 = outer.protocol == ip_protocol::kIcmp6 ||
                          (outer.protocol == ip_protocol::kHopByHop && outer.is_v6 && is_listener_query(head));
    if (is_icmp6 && destination.is_group()) [[unlikely]] // neighbour or listener discovery
        return punt(packet, PuntReason::kUnderlay);
    if (destination != context.link(packet.in).mac || !is_local_address(context.config, head, outer.is_v6)) [[unlikely]]
        return drop(packet, DropReason::outer_not_local);
    if (outer.kind == OuterHeaders::Kind::kLocal) [[unlikely]]
        return outer.protocol == ip_protocol::kIcmp || is_icmp6 ? punt(packet, PuntReason::kUnderlay)
                                                                : drop(packet, DropReason::no_listener);

    const VxlanListener* listener = find_listener(context.config, outer.destination_port);
    if (listener == nullptr) [[unlikely]]
        return drop(packet, DropReason::no_listener);
    const std::size_t stripped = outer.inner_offset();
    if (outer.udp_length < sizeof(UdpHeader) + sizeof(VxlanHeader) || stripped > head.size()) [[unlikely]]
        return drop(packet, DropReason::outer_truncated);
    const Family family = outer.is_v6 ? Family::kIpv6 : Family::kIpv4;
    if (outer.has_udp_checksum && !udp_checksum_is_right(mbuf, family, outer.l4_offset, outer.udp_length)) [[unlikely]]
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
    note_decapsulated(packet, device, stripped, inner_size, outer.ecn, context);
}

// A plain frame, its outer headers Size bytes long.
template <std::size_t Size>
[[gnu::always_inline]] inline void decap_plain(Packet& packet, const VniMap& vnis, std::uint8_t ecn,
                                               Context& context) noexcept
{
    const auto& vxlan = header_at<VxlanHeader>(head_of(packet.mbuf), Size - sizeof(VxlanHeader));
    if (!vxlan.has_vni()) [[unlikely]]
        return drop(packet, DropReason::vxlan_flag);
    const LinkId device = vnis.find(vxlan.vni());
    if (device.is_none()) [[unlikely]]
        return drop(packet, DropReason::vni_unknown);
    shrink_front(packet.mbuf, Size);
    note_decapsulated(packet, device, Size, rte_pktmbuf_pkt_len(packet.mbuf), ecn, context);
}

[[gnu::always_inline]] inline void decap(Packet& packet, Context& context) noexcept
{
    const Ingress& ingress = context.ingress;
    const std::byte* l3 = head_of(packet.mbuf).data() + sizeof(EthernetHeader);
    if (is_plain_v4(packet.mbuf, ingress)) [[likely]] {
        const auto& ip = *reinterpret_cast<const Ipv4Header*>(l3);
        return decap_plain<kOuterSizeV4>(packet, *ingress.vnis_v4, ip.tos & 3, context);
    }
    if (is_plain_v6(packet.mbuf, ingress)) {
        const auto& ip = *reinterpret_cast<const Ipv6Header*>(l3);
        return decap_plain<kOuterSizeV6>(packet, *ingress.vnis_v6, ip.traffic_class() & 3, context);
    }
    decap_any(packet, context);
}

// RFC 6040 where the two ECN fields differ.
[[gnu::noinline]] inline void combine_ecn(Packet& packet, std::uint8_t outer_ecn) noexcept
{
    const InnerFrame inner = parse_inner(head_of(packet.mbuf));
    if (!inner.is_ip)
        return;
    const EcnAction action = ecn_decapsulate(outer_ecn, packet.ecn);
    if (action == EcnAction::kKeep)
        return;
    if (action == EcnAction::kDrop)
        return drop(packet, DropReason::ecn_invalid);
    packet.ecn = action == EcnAction::kSetCe ? 3 : 1;
    std::byte* l3 = data_of(packet.mbuf) + sizeof(EthernetHeader);
    if (inner.ether_type == ether_type::kIpv4)
        set_ecn(*reinterpret_cast<Ipv4Header*>(l3), packet.ecn);
    else
        set_ecn(*reinterpret_cast<Ipv6Header*>(l3), packet.ecn);
}

// parse(), then what only a frame from a tunnel has to satisfy.
inline void parse_decapsulated(Packet& packet, Context& context) noexcept
{
    if (packet.dest.kind() != Dest::Kind::kNone) [[unlikely]]
        return;
    const std::uint8_t outer_ecn = packet.ecn;
    parse_in<From::kTunnel>(packet, FdbKey::domain(context.link(packet.in).bridge), context);
    if (packet.dest.kind() != Dest::Kind::kNone) [[unlikely]]
        return;
    if (packet.tag_size != 0) [[unlikely]]
        return drop(packet, DropReason::inner_vlan);
    if (outer_ecn != 0 && outer_ecn != packet.ecn) [[unlikely]]
        combine_ecn(packet, outer_ecn);
}

} // namespace vx
