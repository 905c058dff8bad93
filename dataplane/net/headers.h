// SPDX-License-Identifier: BSD-3-Clause
// Wire formats. Every struct has alignment 1 and the exact size of its header, so it may lie anywhere in a frame.
#pragma once

#include "dataplane/net/byteorder.h"
#include "dataplane/net/mac.h"
#include "dataplane/net/vni.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace vx
{

using Bytes = std::span<const std::byte>;

template <typename Header>
inline const Header& header_at(Bytes head, std::size_t offset) noexcept
{
    return *reinterpret_cast<const Header*>(head.data() + offset);
}

namespace ether_type
{
constexpr std::uint16_t kIpv4 = 0x0800;
constexpr std::uint16_t kArp = 0x0806;
constexpr std::uint16_t kBridged = 0x6558; // an Ethernet frame in GRE
constexpr std::uint16_t kVlan = 0x8100;
constexpr std::uint16_t kIpv6 = 0x86dd;
constexpr std::uint16_t kMpls = 0x8847;
constexpr std::uint16_t kMplsMulticast = 0x8848;
constexpr std::uint16_t kPppoeSession = 0x8864;
constexpr std::uint16_t kServiceVlan = 0x88a8;
} // namespace ether_type

namespace ip_protocol
{
constexpr std::uint8_t kHopByHop = 0;
constexpr std::uint8_t kIcmp = 1;
constexpr std::uint8_t kIpInIp = 4;
constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;
constexpr std::uint8_t kDccp = 33;
constexpr std::uint8_t kIpv6InIp = 41;
constexpr std::uint8_t kRouting = 43;
constexpr std::uint8_t kFragment = 44;
constexpr std::uint8_t kGre = 47;
constexpr std::uint8_t kEsp = 50;
constexpr std::uint8_t kAuthentication = 51;
constexpr std::uint8_t kIcmp6 = 58;
constexpr std::uint8_t kDestinationOptions = 60;
constexpr std::uint8_t kSctp = 132;
constexpr std::uint8_t kUdpLite = 136;
} // namespace ip_protocol

constexpr std::uint16_t kVxlanPort = 4789;           // RFC 7348 section 5, IANA
constexpr std::uint16_t kFirstEphemeralPort = 49152; // RFC 7348 section 5: source ports 49152-65535

struct EthernetHeader {
    Mac destination;
    Mac source;
    Be16 type;
};
static_assert(sizeof(EthernetHeader) == 14 && alignof(EthernetHeader) == 1);
inline constexpr std::size_t kL3 = sizeof(EthernetHeader); // where what follows it begins

struct Ipv4Header {
    static constexpr std::uint16_t kDontFragment = 0x4000;
    static constexpr std::uint16_t kMoreFragments = 0x2000;
    static constexpr std::uint16_t kOffsetMask = 0x1fff;

    std::uint8_t version_ihl; // 0x45 without options
    std::uint8_t tos;
    Be16 total_length;
    Be16 id;
    Be16 fragment;
    std::uint8_t ttl;
    std::uint8_t protocol;
    Be16 checksum;
    Be32 source;
    Be32 destination;

    unsigned version() const { return version_ihl >> 4; }
    std::size_t size() const { return (version_ihl & 0x0fU) * 4U; } // bytes, options included
    bool has_sound_version_and_size() const { return version_ihl >= 0x45 && version_ihl <= 0x4f; }
    bool may_be_fragmented() const { return (fragment.host() & kDontFragment) == 0; }
    bool is_fragment() const { return (fragment.host() & (kMoreFragments | kOffsetMask)) != 0; }
    bool is_later_fragment() const { return (fragment.host() & kOffsetMask) != 0; }
};
static_assert(sizeof(Ipv4Header) == 20 && alignof(Ipv4Header) == 1);

struct Ipv6Header {
    Be32 version_class_label;
    Be16 payload_length;
    std::uint8_t next_header;
    std::uint8_t hop_limit;
    std::array<std::uint8_t, 16> source;
    std::array<std::uint8_t, 16> destination;

    unsigned version() const { return version_class_label.host() >> 28; }
    std::uint8_t traffic_class() const { return static_cast<std::uint8_t>((version_class_label.host() >> 20) & 0xff); }
};
static_assert(sizeof(Ipv6Header) == 40 && alignof(Ipv6Header) == 1);

struct TcpHeader { // RFC 9293
    static constexpr std::uint8_t kFin = 0x01;
    static constexpr std::uint8_t kPsh = 0x08;
    static constexpr std::uint8_t kAck = 0x10;
    static constexpr std::uint8_t kCwr = 0x80;

    Be16 source_port;
    Be16 destination_port;
    Be32 sequence;
    Be32 acknowledgment;
    std::uint8_t offset; // its upper half: of the payload, in words
    std::uint8_t flags;
    Be16 window;
    Be16 checksum;
    Be16 urgent;

    std::size_t size() const { return (offset >> 4) * std::size_t{4}; } // bytes, options included
};
static_assert(sizeof(TcpHeader) == 20 && alignof(TcpHeader) == 1);

struct UdpHeader {
    Be16 source_port;
    Be16 destination_port;
    Be16 length;
    Be16 checksum;
};
static_assert(sizeof(UdpHeader) == 8 && alignof(UdpHeader) == 1);

struct VxlanHeader {
    static constexpr std::uint8_t kFlagI = 0x08; // the VNI is valid; the other flag bits are reserved and ignored

    std::uint8_t flags;
    std::array<std::uint8_t, 3> reserved;
    Be32 vni_reserved; // VNI in the upper 24 bits

    bool has_vni() const { return (flags & kFlagI) != 0; }
    Vni vni() const { return Vni::from_header_word(vni_reserved.host()); }
};
static_assert(sizeof(VxlanHeader) == 8 && alignof(VxlanHeader) == 1);

struct ArpPacket { // RFC 826 for IPv4 over Ethernet
    static constexpr std::uint16_t kRequest = 1;
    static constexpr std::uint16_t kReply = 2;

    Be16 hardware_type; // 1
    Be16 protocol_type; // 0x0800
    std::uint8_t hardware_size;
    std::uint8_t protocol_size;
    Be16 operation;
    Mac sender_mac;
    Be32 sender_ip;
    Mac target_mac;
    Be32 target_ip;
};
static_assert(sizeof(ArpPacket) == 28 && alignof(ArpPacket) == 1);

struct IcmpHeader { // RFC 792 and RFC 4443: echo
    static constexpr std::uint8_t kEchoReply = 0;
    static constexpr std::uint8_t kEchoRequest = 8;
    static constexpr std::uint8_t kEchoRequest6 = 128;
    static constexpr std::uint8_t kEchoReply6 = 129;
    static constexpr std::uint8_t kListenerQuery = 130;        // RFC 3810
    static constexpr std::uint8_t kNeighborSolicitation = 135; // RFC 4861
    static constexpr std::uint8_t kNeighborAdvertisement = 136;

    std::uint8_t type;
    std::uint8_t code;
    Be16 checksum;
    Be32 rest;
};
static_assert(sizeof(IcmpHeader) == 8 && alignof(IcmpHeader) == 1);

// Outer header sizes in front of the inner Ethernet frame.
constexpr std::size_t kOuterSizeV4 =
    sizeof(EthernetHeader) + sizeof(Ipv4Header) + sizeof(UdpHeader) + sizeof(VxlanHeader); // 50
constexpr std::size_t kOuterSizeV6 =
    sizeof(EthernetHeader) + sizeof(Ipv6Header) + sizeof(UdpHeader) + sizeof(VxlanHeader); // 70

} // namespace vx
