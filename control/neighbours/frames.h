// SPDX-License-Identifier: BSD-3-Clause
// The frames that vxd sends and reads on its own behalf: ARP (RFC 826), Neighbor Discovery (RFC 4861), ICMP (RFC 792)
// and ICMPv6 (RFC 4443). Functions of bytes alone; what they read is hostile, what they make has right checksums.
#pragma once

#include "dataplane/net/ip.h"
#include "dataplane/net/mac.h"
#include "dataplane/net/parse.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

namespace vx
{

// An ICMP error (RFC 792): what comes before the packet that it is about.
struct IcmpError {
    std::uint8_t type = 0;
    std::uint8_t code = 0;
    std::uint16_t mtu = 0; // of the next hop, where the type has one (RFC 1191)

    static IcmpError time_exceeded() { return {11, 0, 0}; }
    static IcmpError fragmentation_needed(std::uint16_t mtu) { return {3, 4, mtu}; }
};

struct Station {
    Mac mac;
    IpAddress address;
};

struct NeighborMessage { // RFC 4861 sections 4.3 and 4.4, without the options
    static constexpr std::uint8_t kSolicited = 0x40;
    static constexpr std::uint8_t kOverride = 0x20;

    std::uint8_t type;
    std::uint8_t code;
    Be16 checksum;
    std::uint8_t flags; // of an advertisement
    std::array<std::uint8_t, 3> reserved;
    std::array<std::uint8_t, 16> target;
};
static_assert(sizeof(NeighborMessage) == 24 && alignof(NeighborMessage) == 1);

struct LinkLayerOption { // RFC 4861 section 4.6.1
    static constexpr std::uint8_t kSource = 1;
    static constexpr std::uint8_t kTarget = 2;

    std::uint8_t type;
    std::uint8_t length; // in units of 8 bytes
    Mac mac;
};
static_assert(sizeof(LinkLayerOption) == 8 && alignof(LinkLayerOption) == 1);

// At the end of a frame or a message that is being made.
template <typename Header>
void append(std::vector<std::byte>& bytes, const Header& header)
{
    const std::size_t size = bytes.size();
    bytes.resize(size + sizeof(Header)); // insert() of a range sets off a false warning of g++ 12
    std::memcpy(bytes.data() + size, &header, sizeof(Header));
}

// ---- reading ---------------------------------------------------------------------------------------------------

// An ARP request or reply for IPv4 over Ethernet whose sender is a station; null for anything else.
const ArpPacket* parse_arp(Bytes frame);

struct Ipv4Packet {
    const Ipv4Header& header;
    Bytes whole; // header and payload, without padding
    Bytes payload;
};
// Version, lengths and header checksum are right.
std::optional<Ipv4Packet> parse_ipv4(Bytes frame);

struct Icmp6Packet {
    const Ipv6Header& header;
    Bytes message; // at least an IcmpHeader
    std::uint8_t type() const { return std::to_integer<std::uint8_t>(message[0]); }
};
// An ICMPv6 message right behind the IPv6 header, with right lengths and checksum.
std::optional<Icmp6Packet> parse_icmp6(Bytes frame);

struct NeighborDiscovery {
    const NeighborMessage& message;
    IpAddress target;
    std::optional<Mac> mac; // of the source or target link-layer address option
};
// A solicitation or advertisement that RFC 4861 section 7.1 calls valid, as far as the message itself says.
std::optional<NeighborDiscovery> parse_neighbor_discovery(const Icmp6Packet& packet);

// ---- making ----------------------------------------------------------------------------------------------------

IpAddress all_nodes();                              // ff02::1
IpAddress solicited_node(const IpAddress& address); // RFC 4291 section 2.7.1
Mac group_mac(const IpAddress& ipv6_group);         // RFC 2464 section 7

std::vector<std::byte> arp_frame(const Mac& destination, std::uint16_t operation, const Station& sender,
                                 const Station& target);
// `message` begins with an IcmpHeader; its checksum is computed here.
std::vector<std::byte> icmp4_frame(const Station& from, const Station& to, std::uint8_t tos, Be16 id,
                                   std::vector<std::byte> message);
std::vector<std::byte> icmp6_frame(const Station& from, const Station& to, std::uint8_t hop_limit,
                                   std::uint8_t traffic_class, std::vector<std::byte> message);
// The same with hop limit 1 and a Router Alert for MLD (RFC 2711), so that who passes it on looks at it.
std::vector<std::byte> icmp6_alert_frame(const Station& from, const Station& to, std::vector<std::byte> message);
// To all who may have the address, or to `known` alone.
std::vector<std::byte> neighbor_solicitation(const Station& from, const IpAddress& target, std::optional<Mac> known);
std::vector<std::byte> neighbor_advertisement(const Station& own, const Station& to, std::uint8_t flags);

} // namespace vx
