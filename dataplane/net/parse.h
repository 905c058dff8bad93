// SPDX-License-Identifier: BSD-3-Clause
// Reading of frames that somebody else made. Every function takes the bytes that may be read (`head`, the first
// segment) and the frame's whole size, and never looks beyond either.
#pragma once

#include "dataplane/net/checksum.h"
#include "dataplane/net/drop_reason.h"
#include "dataplane/net/inner_flow.h"

#include <bit>
#include <cstddef>
#include <cstdint>

namespace vx
{

// ---- inner frame -----------------------------------------------------------------------------------------------

struct InnerFrame {
    std::uint32_t flow_hash = 0;
    std::uint16_t ether_type = 0;
    std::uint8_t ecn = 0;      // the two ECN bits of an IP header, else 0
    std::uint8_t tag_size = 0; // 4 if the EtherType is that of a VLAN tag
    bool is_ip = false;
};

// Most frames: IPv4 without options, whole, TCP or UDP. Few loads and compares tell.
inline bool is_plain(Bytes head) noexcept
{
    constexpr std::size_t l3 = sizeof(EthernetHeader);
    if (head.size() < l3 + sizeof(Ipv4Header) + 4) [[unlikely]]
        return false;
    // Byte by byte as they lie on the wire: EtherType, version and header size, (TOS); fragment, (TTL), protocol.
    const auto type = load<std::uint32_t>(head.data() + l3 - 2);
    const auto fragment = load<std::uint16_t>(head.data() + l3 + offsetof(Ipv4Header, fragment));
    const auto protocol = std::to_integer<std::uint8_t>(head[l3 + offsetof(Ipv4Header, protocol)]);
    constexpr Be16 kFragmented{Ipv4Header::kMoreFragments | Ipv4Header::kOffsetMask};
    return (type & 0x00ffffff) == 0x00450008 && (fragment & std::bit_cast<std::uint16_t>(kFragmented)) == 0 &&
           (protocol == ip_protocol::kUdp || protocol == ip_protocol::kTcp);
}

// Precondition: is_plain(head).
inline InnerFrame parse_plain(Bytes head) noexcept
{
    const auto& ip = header_at<Ipv4Header>(head, sizeof(EthernetHeader));
    const auto ports = load<std::uint32_t>(head.data() + sizeof(EthernetHeader) + sizeof(Ipv4Header));
    InnerFrame frame;
    frame.flow_hash = flow_hash_v4(ip, ports);
    frame.ether_type = ether_type::kIpv4;
    frame.ecn = ip.tos & 3;
    frame.is_ip = true;
    return frame;
}

// Any frame. Precondition: head holds an Ethernet header. A malformed IP header is no error here, a bridge forwards it
// all the same; it is hashed as what is not IP.
inline InnerFrame parse_inner(Bytes head) noexcept
{
    const auto& ethernet = header_at<EthernetHeader>(head, 0);
    constexpr std::size_t l3 = sizeof(EthernetHeader);
    InnerFrame frame;
    frame.ether_type = ethernet.type.host();
    if (frame.ether_type == ether_type::kIpv4 && head.size() >= l3 + sizeof(Ipv4Header)) [[likely]] {
        const auto& ip = header_at<Ipv4Header>(head, l3);
        if (ip.has_sound_version_and_size()) [[likely]] {
            frame.flow_hash = flow_hash_of_ipv4(head, l3, Depth::kOuter);
            frame.ecn = ip.tos & 3;
            frame.is_ip = true;
            return frame;
        }
    }
    if (frame.ether_type == ether_type::kIpv6 && head.size() >= l3 + sizeof(Ipv6Header)) {
        const auto& ip = header_at<Ipv6Header>(head, l3);
        if (ip.version() == 6) {
            frame.flow_hash = flow_hash_of_ipv6(head, l3, Depth::kOuter);
            frame.ecn = ip.traffic_class() & 3;
            frame.is_ip = true;
            return frame;
        }
    }
    if (frame.ether_type == ether_type::kVlan || frame.ether_type == ether_type::kServiceVlan)
        frame.tag_size = 4;
    frame.flow_hash = flow_hash_of_other(head);
    return frame;
}

// ---- priority tags ---------------------------------------------------------------------------------------------

// Whether the tag control information names no VLAN: a priority tag, IEEE 802.1Q table 9-2.
inline bool is_priority_tag(std::uint16_t control) noexcept
{
    return (control & 0x0fff) == 0;
}

// Bytes of priority tags between the MACs and the EtherType, of 802.1Q or 802.1ad. Such a frame is in no VLAN, and as
// Linux does we take it as if it had no tag. More than a few are for nobody.
[[gnu::noinline]] inline std::size_t priority_tags_size(Bytes head) noexcept
{
    constexpr std::size_t kTag = 4;
    constexpr std::size_t kMost = 4 * kTag;
    std::size_t size = 0;
    while (size < kMost && head.size() >= sizeof(EthernetHeader) + size + kTag) {
        const std::byte* const tag = head.data() + offsetof(EthernetHeader, type) + size;
        const auto type = load_big<std::uint16_t>(tag);
        if ((type != ether_type::kVlan && type != ether_type::kServiceVlan) ||
            !is_priority_tag(load_big<std::uint16_t>(tag + 2)))
            break;
        size += kTag;
    }
    return size;
}

// ---- outer headers ---------------------------------------------------------------------------------------------

struct OuterHeaders {
    enum class Kind : std::uint8_t {
        kDrop,  // reason
        kArp,   // for the control thread
        kLocal, // IP that is not UDP: for the control thread if the destination is ours
        kUdp,   // UDP; VXLAN if a device listens on destination_port
    };
    Kind kind = Kind::kDrop;
    DropReason reason = DropReason::outer_truncated;
    bool is_v6 = false;
    std::uint8_t ecn = 0;
    std::uint8_t protocol = 0;
    std::uint16_t l4_offset = 0;        // from the start of the frame
    std::uint16_t destination_port = 0; // kUdp
    std::uint16_t udp_length = 0;       // kUdp: header and payload, bytes
    bool has_udp_checksum = false;      // kUdp: a checksum was sent and has to be verified over the payload

    std::size_t inner_offset() const { return l4_offset + sizeof(UdpHeader) + sizeof(VxlanHeader); }
    static OuterHeaders drop(DropReason why)
    {
        OuterHeaders outer;
        outer.reason = why;
        return outer;
    }
};

// Shared end of both families: head[l4..] begins the transport header of a packet that ends at `end` (<= frame size).
[[gnu::always_inline]] inline OuterHeaders parse_outer_l4(Bytes head, OuterHeaders outer, std::size_t end) noexcept
{
    if (outer.protocol != ip_protocol::kUdp) {
        outer.kind = OuterHeaders::Kind::kLocal;
        return outer;
    }
    if (outer.l4_offset + sizeof(UdpHeader) > end || outer.l4_offset + sizeof(UdpHeader) > head.size())
        return OuterHeaders::drop(DropReason::outer_truncated);
    const auto& udp = header_at<UdpHeader>(head, outer.l4_offset);
    outer.udp_length = udp.length.host();
    if (outer.udp_length < sizeof(UdpHeader) || outer.l4_offset + std::size_t{outer.udp_length} > end)
        return OuterHeaders::drop(DropReason::outer_udp_length);
    outer.destination_port = udp.destination_port.host();
    outer.has_udp_checksum = udp.checksum != Be16{0};
    outer.kind = OuterHeaders::Kind::kUdp;
    return outer;
}

// Ethernet, IP and UDP of a frame from the underlay, with every length checked and the IPv4 header checksum verified.
// `frame_size` counts all segments. Whose addresses they are and what the payload holds is for the caller.
[[gnu::always_inline]] inline OuterHeaders parse_outer(Bytes head, std::size_t frame_size) noexcept
{
    constexpr std::size_t l3 = sizeof(EthernetHeader);
    if (head.size() < l3)
        return OuterHeaders::drop(DropReason::outer_truncated);
    OuterHeaders outer;
    switch (header_at<EthernetHeader>(head, 0).type.host()) {
    case ether_type::kIpv4: {
        if (head.size() < l3 + sizeof(Ipv4Header))
            return OuterHeaders::drop(DropReason::outer_truncated);
        const auto& ip = header_at<Ipv4Header>(head, l3);
        const std::size_t total = ip.total_length.host();
        if (!ip.has_sound_version_and_size() || total < ip.size())
            return OuterHeaders::drop(DropReason::outer_ip_malformed);
        if (l3 + ip.size() > head.size() || l3 + total > frame_size)
            return OuterHeaders::drop(DropReason::outer_truncated);
        if (!ipv4_checksum_is_right(ip))
            return OuterHeaders::drop(DropReason::outer_ip_checksum);
        if (ip.is_fragment())
            return OuterHeaders::drop(DropReason::outer_fragment);
        outer.ecn = ip.tos & 3;
        outer.protocol = ip.protocol;
        outer.l4_offset = static_cast<std::uint16_t>(l3 + ip.size());
        return parse_outer_l4(head, outer, l3 + total);
    }
    case ether_type::kIpv6: {
        if (head.size() < l3 + sizeof(Ipv6Header))
            return OuterHeaders::drop(DropReason::outer_truncated);
        const auto& ip = header_at<Ipv6Header>(head, l3);
        if (ip.version() != 6)
            return OuterHeaders::drop(DropReason::outer_ip_malformed);
        const std::size_t end = l3 + sizeof(Ipv6Header) + ip.payload_length.host();
        if (end > frame_size)
            return OuterHeaders::drop(DropReason::outer_truncated);
        if (ip.next_header == ip_protocol::kFragment)
            return OuterHeaders::drop(DropReason::outer_fragment);
        outer.is_v6 = true;
        outer.ecn = ip.traffic_class() & 3;
        outer.protocol = ip.next_header;
        outer.l4_offset = l3 + sizeof(Ipv6Header);
        return parse_outer_l4(head, outer, end);
    }
    case ether_type::kArp:
        outer.kind = OuterHeaders::Kind::kArp;
        return outer;
    default:
        return OuterHeaders::drop(DropReason::outer_not_ip);
    }
}

// Whether the type is that of a Multicast Listener Query (RFC 3810 section 5.1), which should be behind hop-by-hop
// options. Precondition: head holds an Ethernet header, whose type is that of IPv6.
[[gnu::noinline]] inline bool is_listener_query(Bytes head) noexcept
{
    constexpr std::size_t l3 = sizeof(EthernetHeader);
    if (head.size() < l3 + sizeof(Ipv6Header))
        return false;
    const Ipv6Payload payload =
        skip_ipv6_extensions(head, l3 + sizeof(Ipv6Header), header_at<Ipv6Header>(head, l3).next_header);
    return payload.protocol == ip_protocol::kIcmp6 && payload.offset < head.size() &&
           head[payload.offset] == std::byte{IcmpHeader::kListenerQuery};
}

// RFC 6040 section 4.2, default mode: what the inner ECN field becomes. kDrop where the combination says that a
// congested packet was not ECN capable inside.
enum class EcnAction : std::uint8_t { kKeep, kSetCe, kSetEct1, kDrop };

inline EcnAction ecn_decapsulate(std::uint8_t outer, std::uint8_t inner) noexcept
{
    constexpr std::uint8_t kNotEct = 0, kEct1 = 1, kEct0 = 2, kCe = 3;
    if (outer == kCe)
        return inner == kNotEct ? EcnAction::kDrop : inner == kCe ? EcnAction::kKeep : EcnAction::kSetCe;
    if (outer == kEct1 && inner == kEct0)
        return EcnAction::kSetEct1;
    return EcnAction::kKeep;
}

} // namespace vx
