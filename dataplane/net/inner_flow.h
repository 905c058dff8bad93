// SPDX-License-Identifier: BSD-3-Clause
// The flow of a frame that is not of the common shape: what tells flows apart that have one pair of addresses. As
// Linux's flow dissector: ports or an SPI; what a tunnel of GRE or of IP in IP carries, one deep; PPPoE's IP; and,
// which Linux does not, the labels of MPLS and what lies behind them. Never what differs within a flow: a TTL, a
// sequence number, the ports that only the first fragment has.
#pragma once

#include "dataplane/net/checksum.h"
#include "dataplane/net/flow_hash.h"
#include "dataplane/net/headers.h"

#include <cstddef>
#include <cstdint>

namespace vx
{

inline std::uint32_t flow_hash_mix(std::uint32_t hash, std::uint32_t word) noexcept
{
    return _mm_crc32_u32(hash, word);
}

// Whether its header begins with four bytes that all packets of a flow have in common: ports, or ESP's SPI.
constexpr bool begins_with_ports(std::uint8_t protocol) noexcept
{
    return protocol == ip_protocol::kTcp || protocol == ip_protocol::kUdp || protocol == ip_protocol::kDccp ||
           protocol == ip_protocol::kEsp || protocol == ip_protocol::kSctp || protocol == ip_protocol::kUdpLite;
}

// RFC 8200 extension headers in front of the ports; what lies deeper is hashed without its ports.
struct Ipv6Payload {
    std::size_t offset;    // of the upper layer, from the start of the frame
    std::uint8_t protocol; // of the upper layer, or of the header where the walk ended
    bool has_ports;
};

[[gnu::noinline]] inline Ipv6Payload skip_ipv6_extensions(Bytes head, std::size_t offset,
                                                          std::uint8_t protocol) noexcept
{
    for (int depth = 0; depth < 4; ++depth) {
        if (protocol != ip_protocol::kHopByHop && protocol != ip_protocol::kRouting &&
            protocol != ip_protocol::kDestinationOptions)
            break;
        if (offset + 8 > head.size())
            return {offset, protocol, false};
        protocol = std::to_integer<std::uint8_t>(head[offset]);
        offset += (std::to_integer<std::size_t>(head[offset + 1]) + 1) * 8;
    }
    return {offset, protocol, begins_with_ports(protocol) && offset + 4 <= head.size()};
}

enum class Depth : std::uint8_t { kOuter, kCarried }; // what a carried packet carries in turn is not looked at

inline std::uint32_t flow_hash_carried(Bytes head, std::size_t at, std::uint8_t protocol, std::uint32_t hash) noexcept;

// Precondition: head[l3..] holds an IPv4 header of sound version and size.
[[gnu::noinline]] inline std::uint32_t flow_hash_of_ipv4(Bytes head, std::size_t l3, Depth depth) noexcept
{
    const auto& ip = header_at<Ipv4Header>(head, l3);
    const std::size_t l4 = l3 + ip.size();
    if (ip.is_fragment())
        return flow_hash_v4(ip, 0);
    if (begins_with_ports(ip.protocol))
        return flow_hash_v4(ip, l4 + 4 <= head.size() ? load<std::uint32_t>(head.data() + l4) : 0);
    const std::uint32_t hash = flow_hash_v4(ip, 0);
    return depth == Depth::kOuter ? flow_hash_carried(head, l4, ip.protocol, hash) : hash;
}

// Precondition: head[l3..] holds an IPv6 header.
[[gnu::noinline]] inline std::uint32_t flow_hash_of_ipv6(Bytes head, std::size_t l3, Depth depth) noexcept
{
    const auto& ip = header_at<Ipv6Header>(head, l3);
    const Ipv6Payload payload = skip_ipv6_extensions(head, l3 + sizeof(Ipv6Header), ip.next_header);
    if (payload.has_ports)
        return flow_hash_v6(ip, payload.protocol, load<std::uint32_t>(head.data() + payload.offset));
    const std::uint32_t hash = flow_hash_v6(ip, payload.protocol, 0);
    return depth == Depth::kOuter ? flow_hash_carried(head, payload.offset, payload.protocol, hash) : hash;
}

// The packet of that EtherType at `at`, in what has `hash` so far.
inline std::uint32_t flow_hash_within(Bytes head, std::size_t at, std::uint16_t type, std::uint32_t hash) noexcept
{
    if (type == ether_type::kIpv4 && at + sizeof(Ipv4Header) <= head.size() &&
        header_at<Ipv4Header>(head, at).has_sound_version_and_size())
        return flow_hash_mix(hash, flow_hash_of_ipv4(head, at, Depth::kCarried));
    if (type == ether_type::kIpv6 && at + sizeof(Ipv6Header) <= head.size() &&
        header_at<Ipv6Header>(head, at).version() == 6)
        return flow_hash_mix(hash, flow_hash_of_ipv6(head, at, Depth::kCarried));
    return hash;
}

// GRE of version 0 (RFC 2784, RFC 2890): its key, and the IP packet in it, or in the Ethernet frame in it.
inline std::uint32_t flow_hash_of_gre(Bytes head, std::size_t at, std::uint32_t hash) noexcept
{
    constexpr std::uint16_t kChecksum = 0x8000, kKey = 0x2000, kSequence = 0x1000, kUnread = 0x4007; // routing, version
    if (at + 4 > head.size())
        return hash;
    const auto flags = load_big<std::uint16_t>(head.data() + at);
    const auto type = load_big<std::uint16_t>(head.data() + at + 2);
    at += 4;
    if ((flags & kUnread) != 0)
        return hash;
    if ((flags & kChecksum) != 0)
        at += 4;
    if ((flags & kKey) != 0) {
        if (at + 4 > head.size())
            return hash;
        hash = flow_hash_mix(hash, load<std::uint32_t>(head.data() + at));
        at += 4;
    }
    if ((flags & kSequence) != 0)
        at += 4;
    if (type != ether_type::kBridged)
        return flow_hash_within(head, at, type, hash);
    if (at + sizeof(EthernetHeader) > head.size())
        return hash;
    const auto& ethernet = header_at<EthernetHeader>(head, at);
    return flow_hash_within(head, at + sizeof(EthernetHeader), ethernet.type.host(),
                            flow_hash_mix(hash, flow_hash_l2(ethernet)));
}

// What an IP packet with `hash` carries.
inline std::uint32_t flow_hash_carried(Bytes head, std::size_t at, std::uint8_t protocol, std::uint32_t hash) noexcept
{
    switch (protocol) {
    case ip_protocol::kIpInIp:
        return flow_hash_within(head, at, ether_type::kIpv4, hash);
    case ip_protocol::kIpv6InIp:
        return flow_hash_within(head, at, ether_type::kIpv6, hash);
    case ip_protocol::kGre:
        return flow_hash_of_gre(head, at, hash);
    case ip_protocol::kAuthentication: // its SPI
        return at + 8 <= head.size() ? flow_hash_mix(hash, load<std::uint32_t>(head.data() + at + 4)) : hash;
    default:
        return hash;
    }
}

// RFC 3032, RFC 6790: all labels but the reserved ones, which a packet of a flow may have or not. Without an entropy
// label also the IP packet behind them, which nothing but its first bits says to be one: so its checksum has to be
// right, or its next header one that is known.
inline std::uint32_t flow_hash_of_mpls(Bytes head, std::size_t at, std::uint32_t hash) noexcept
{
    constexpr std::uint32_t kFirstLabel = 16, kEntropyFollows = 7, kBottom = 0x100;
    constexpr int kMostLabels = 8;
    bool is_entropy = false;
    for (int depth = 0;; ++depth) {
        if (depth == kMostLabels || at + 4 > head.size())
            return hash;
        const auto entry = load_big<std::uint32_t>(head.data() + at);
        const std::uint32_t label = entry >> 12;
        at += 4;
        if (label >= kFirstLabel || is_entropy)
            hash = flow_hash_mix(hash, label);
        if (is_entropy)
            return hash;
        is_entropy = label == kEntropyFollows;
        if ((entry & kBottom) != 0)
            break;
    }
    if (at + sizeof(Ipv4Header) <= head.size() && header_at<Ipv4Header>(head, at).has_sound_version_and_size()) {
        const auto& ip = header_at<Ipv4Header>(head, at);
        if (at + ip.size() > head.size() || !ipv4_checksum_is_right(ip))
            return hash;
        return flow_hash_within(head, at, ether_type::kIpv4, hash);
    }
    if (at + sizeof(Ipv6Header) > head.size())
        return hash;
    const std::uint8_t next = header_at<Ipv6Header>(head, at).next_header;
    const bool is_known = begins_with_ports(next) || next == ip_protocol::kIcmp6 || next == ip_protocol::kHopByHop ||
                          next == ip_protocol::kRouting || next == ip_protocol::kFragment ||
                          next == ip_protocol::kDestinationOptions;
    return is_known ? flow_hash_within(head, at, ether_type::kIpv6, hash) : hash;
}

// RFC 2516: the session, and the IP packet in it.
inline std::uint32_t flow_hash_of_pppoe(Bytes head, std::size_t at, std::uint32_t hash) noexcept
{
    constexpr std::size_t kSession = 2, kProtocol = 6, kSize = 8;
    constexpr std::uint16_t kPppIpv4 = 0x0021, kPppIpv6 = 0x0057;
    if (at + kSize > head.size())
        return hash;
    hash = flow_hash_mix(hash, load<std::uint16_t>(head.data() + at + kSession));
    const auto protocol = load_big<std::uint16_t>(head.data() + at + kProtocol);
    return protocol == kPppIpv4   ? flow_hash_within(head, at + kSize, ether_type::kIpv4, hash)
           : protocol == kPppIpv6 ? flow_hash_within(head, at + kSize, ether_type::kIpv6, hash)
                                  : hash;
}

// A frame that is not IP. Precondition: head holds an Ethernet header.
[[gnu::noinline]] inline std::uint32_t flow_hash_of_other(Bytes head) noexcept
{
    const auto& ethernet = header_at<EthernetHeader>(head, 0);
    const std::uint32_t hash = flow_hash_l2(ethernet);
    switch (ethernet.type.host()) {
    case ether_type::kMpls:
    case ether_type::kMplsMulticast:
        return flow_hash_of_mpls(head, sizeof(EthernetHeader), hash);
    case ether_type::kPppoeSession:
        return flow_hash_of_pppoe(head, sizeof(EthernetHeader), hash);
    default:
        return hash;
    }
}

} // namespace vx
