// SPDX-License-Identifier: BSD-3-Clause
// A HostStack with a small model, a Resolver and MulticastGroups, what it sent, and the frames of others to give it.
// What it receives always ends where a heap allocation ends, so that the address sanitizer sees one byte too many.
#pragma once

#include "control/neighbours/host_stack.h"
#include "tests/unit/next_hops.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <memory>
#include <set>
#include <utility>
#include <vector>

namespace vx::test
{

using Octets = std::vector<std::byte>;

inline constexpr std::size_t kL4 = kL3 + sizeof(Ipv4Header);
inline constexpr std::size_t kL4v6 = kL3 + sizeof(Ipv6Header);

inline const LinkId kUplink{1};
inline const LinkId kBridge{2};
inline const LinkId kPort{3};   // member of the bridge
inline const LinkId kVxlan{4};  // routed, as Flannel's
inline const LinkId kMember{5}; // VXLAN device in the bridge
inline const LinkId kAlone{6};  // a second underlay port
inline const LinkId kLonely{7}; // VXLAN device without an address

inline IpAddress ip(const char* text)
{
    return *IpAddress::parse(text);
}

inline const Mac kUplinkMac = *Mac::parse("02:00:00:00:01:01");
inline const Mac kBridgeMac = *Mac::parse("02:00:00:00:01:02");
inline const Mac kVxlanMac = *Mac::parse("02:00:00:00:01:04");
inline const Mac kPeerMac = *Mac::parse("02:aa:00:00:00:05");
inline const Mac kOtherMac = *Mac::parse("02:aa:00:00:00:06");

inline Model small_model()
{
    Model model;
    const auto add = [&](LinkId id, const char* name, const Mac& mac, LinkId master, std::uint16_t domain, auto kind) {
        Link link;
        link.id = id;
        link.name = name;
        link.mac = mac;
        link.master = master;
        link.own_bridge = BridgeId{domain};
        link.kind = std::move(kind);
        model.put(link);
    };
    add(kUplink, "uplink", kUplinkMac, kNoLink, 0, PortSpec{});
    add(kBridge, "br0", kBridgeMac, kNoLink, 1, BridgeSettings{});
    add(kPort, "c1", *Mac::parse("02:00:00:00:01:03"), kBridge, 0, PortSpec{});
    add(kVxlan, "vxlan100", kVxlanMac, kNoLink, 2, VxlanSettings{});
    add(kMember, "vxlan200", *Mac::parse("02:00:00:00:01:05"), kBridge, 3, VxlanSettings{});
    add(kAlone, "uplink2", *Mac::parse("02:00:00:00:01:06"), kNoLink, 0, PortSpec{});
    add(kLonely, "vxlan300", *Mac::parse("02:00:00:00:01:07"), kNoLink, 4, VxlanSettings{});
    const auto address = [&](LinkId link, const char* text) { model.add_address({link, *IpPrefix::parse(text)}); };
    address(kUplink, "192.0.2.1/24");
    address(kUplink, "2001:db8:1::1/64");
    address(kAlone, "198.51.100.1/24");
    address(kBridge, "172.18.10.1/24");
    address(kBridge, "2001:db8:a::1/64");
    address(kVxlan, "172.18.10.0/32");
    const auto route = [&](const char* to, const char* via, LinkId link) {
        model.set_route(*IpPrefix::parse(to), {via == nullptr ? std::optional<IpAddress>{} : ip(via), link, true});
    };
    route("172.18.20.0/24", "172.18.20.0", kVxlan);
    route("172.18.30.0/24", "172.18.30.0", kVxlan);
    route("172.18.20.128/25", "172.18.10.99", kBridge);
    route("10.0.0.0/8", nullptr, kVxlan);
    route("0.0.0.0/0", "192.0.2.254", kUplink);
    model.set_neighbor({kVxlan, ip("172.18.30.0")}, kPeerMac);
    return model;
}

struct Sent {
    LinkId link;
    Octets frame;
};

class HostStackLab
{
public:
    HostStackLab()
        : model(small_model()),
          resolver({
              .solicit = [this](LinkId link, const IpAddress& address,
                                std::optional<Mac> known) { stack.solicit(link, address, known); },
              .changed = [](const NeighborKey&, std::optional<Mac>) {},
              .release =
                  [this](const HeldFrame& held) {
                      released.push_back({held.in, held.frame});
                  },
              .dropped = [this](const HeldFrame&) { ++dropped; },
          }),
          groups([this](LinkId link, MldVersion version,
                        std::span<const GroupRecord> records) { stack.report(link, version, records); },
                 1),
          stack(
              model, resolver, groups,
              [this](LinkId link, const Octets& frame) {
                  sent.push_back({link, frame});
              },
              [this](LinkId link, const IpAddress& address) {
                  return kernels.contains({link, address});
              })
    {
    }
    HostStackLab(const HostStackLab&) = delete;
    HostStackLab& operator=(const HostStackLab&) = delete;

    std::optional<DropReason> receive(LinkId in, PuntReason reason, Bytes frame)
    {
        const auto exact = std::make_unique<std::byte[]>(frame.size());
        std::copy(frame.begin(), frame.end(), exact.get());
        return stack.receive({in, reason, {exact.get(), frame.size()}, {}}, now);
    }
    // The one frame that was sent since.
    Sent reply()
    {
        REQUIRE(sent.size() == 1);
        Sent only = sent.front();
        sent.clear();
        return only;
    }

    std::int64_t now = 1'000'000;
    Model model;
    std::vector<Sent> sent;
    std::vector<Sent> released;
    std::size_t dropped = 0;
    std::set<std::pair<LinkId, IpAddress>> kernels; // addresses that the kernel has too
    Resolver resolver;
    MulticastGroups groups;
    HostStack stack;
};

// ---- a reference for checksums: 16 bits at a time, as RFC 1071 says it ------------------------------------------

inline std::uint32_t naive_sum(Bytes bytes, std::uint32_t sum = 0)
{
    for (std::size_t i = 0; i < bytes.size(); i += 2) {
        sum += std::to_integer<std::uint32_t>(bytes[i]) << 8;
        if (i + 1 < bytes.size())
            sum += std::to_integer<std::uint32_t>(bytes[i + 1]);
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

inline bool has_right_checksums(const Octets& frame)
{
    const Bytes bytes{frame};
    switch (header_at<EthernetHeader>(bytes, 0).type.host()) {
    case ether_type::kArp:
        return frame.size() == kL3 + sizeof(ArpPacket);
    case ether_type::kIpv4:
        return header_at<Ipv4Header>(bytes, kL3).total_length.host() == frame.size() - kL3 &&
               naive_sum(bytes.subspan(kL3, sizeof(Ipv4Header))) == 0xffff && naive_sum(bytes.subspan(kL4)) == 0xffff;
    case ether_type::kIpv6: {
        const auto& ip = header_at<Ipv6Header>(bytes, kL3);
        const std::size_t l4 = kL4v6 + (ip.next_header == ip_protocol::kHopByHop ? 8 : 0); // a Router Alert
        const auto size = static_cast<std::uint32_t>(frame.size() - l4);
        std::uint32_t sum = naive_sum(bytes.subspan(kL3 + 8, 32));
        sum += (size >> 16) + (size & 0xffff) + ip_protocol::kIcmp6;
        return ip.payload_length.host() == frame.size() - kL4v6 && naive_sum(bytes.subspan(l4), sum) == 0xffff;
    }
    default:
        return false;
    }
}

// ---- frames of others ------------------------------------------------------------------------------------------

inline Octets pattern(std::size_t size)
{
    Octets bytes(size);
    for (std::size_t i = 0; i < size; ++i)
        bytes[i] = static_cast<std::byte>(i * 7 + 3);
    return bytes;
}

inline Octets echo_message(std::uint8_t type, std::size_t payload)
{
    Octets message = pattern(sizeof(IcmpHeader) + payload);
    message[0] = std::byte{type};
    message[1] = std::byte{0};
    return message;
}

inline Octets ping(const Mac& to_mac, const char* to, const char* from, std::size_t payload = 56)
{
    return icmp4_frame({kPeerMac, ip(from)}, {to_mac, ip(to)}, 0, 0x1234,
                       echo_message(IcmpHeader::kEchoRequest, payload));
}

inline Octets ping6(const Mac& to_mac, const char* to, const char* from, std::size_t payload = 56)
{
    return icmp6_frame({kPeerMac, ip(from)}, {to_mac, ip(to)}, 64, 0, echo_message(IcmpHeader::kEchoRequest6, payload));
}

inline Octets arp_request(const char* from, const char* target, const Mac& sender = kPeerMac)
{
    return arp_frame(Mac::broadcast(), ArpPacket::kRequest, {sender, ip(from)}, {Mac{}, ip(target)});
}

inline Octets arp_reply(const char* from, const Mac& to_mac, const char* to)
{
    return arp_frame(to_mac, ArpPacket::kReply, {kPeerMac, ip(from)}, {to_mac, ip(to)});
}

inline Octets solicitation(const char* from, const char* target, std::optional<Mac> to = {})
{
    return neighbor_solicitation({kPeerMac, ip(from)}, ip(target), to);
}

inline Ipv4Header& ipv4_of(Octets& frame)
{
    return *reinterpret_cast<Ipv4Header*>(frame.data() + kL3);
}
inline Ipv6Header& ipv6_of(Octets& frame)
{
    return *reinterpret_cast<Ipv6Header*>(frame.data() + kL3);
}
inline EthernetHeader& ethernet_of(Octets& frame)
{
    return *reinterpret_cast<EthernetHeader*>(frame.data());
}
inline ArpPacket& arp_of(Octets& frame)
{
    return *reinterpret_cast<ArpPacket*>(frame.data() + kL3);
}

inline Be16 wire(std::uint32_t sum)
{
    return Be16{static_cast<std::uint16_t>(~sum & 0xffff)};
}

inline void fix_header(Octets& frame)
{
    auto& header = ipv4_of(frame);
    header.checksum = 0;
    header.checksum = wire(naive_sum(Bytes{frame}.subspan(kL3, header.size())));
}

inline void fix_message6(Octets& frame)
{
    auto& header = *reinterpret_cast<IcmpHeader*>(frame.data() + kL4v6);
    header.checksum = 0;
    const auto size = static_cast<std::uint32_t>(frame.size() - kL4v6);
    const std::uint32_t pseudo = naive_sum(Bytes{frame}.subspan(kL3 + 8, 32)) + size + ip_protocol::kIcmp6;
    header.checksum = wire(naive_sum(Bytes{frame}.subspan(kL4v6), pseudo));
}

// A listener query of MLDv1 (24 bytes) or MLDv2 (28 and more), :: for all groups.
inline Octets listener_query(const char* group = "::", std::uint16_t max_response = 10'000, std::size_t size = 28,
                             const char* from = "fe80::9")
{
    Octets message(size);
    message[0] = std::byte{IcmpHeader::kListenerQuery};
    message[4] = static_cast<std::byte>(max_response >> 8);
    message[5] = static_cast<std::byte>(max_response & 0xff);
    const IpAddress about = ip(group);
    const auto* const begin = reinterpret_cast<const std::byte*>(about.bytes().data());
    std::copy(begin, begin + 16, message.begin() + 8);
    const IpAddress to = about.is_multicast() ? about : all_nodes();
    return icmp6_alert_frame({kPeerMac, ip(from)}, {group_mac(to), to}, std::move(message));
}

struct Received {
    LinkId in;
    PuntReason reason;
    Octets frame;
};

// One of every kind that something is done about.
inline std::vector<Received> every_kind()
{
    Octets advertisement =
        neighbor_advertisement({kPeerMac, ip("2001:db8:1::2")}, {kUplinkMac, ip("2001:db8:1::1")}, 0x60);
    return {
        {kUplink, PuntReason::kUnderlay, arp_request("192.0.2.2", "192.0.2.1")},
        {kUplink, PuntReason::kUnderlay, arp_reply("192.0.2.2", kUplinkMac, "192.0.2.1")},
        {kPort, PuntReason::kLocal, arp_request("172.18.10.5", "172.18.10.1")},
        {kUplink, PuntReason::kUnderlay, ping(kUplinkMac, "192.0.2.1", "192.0.2.2")},
        {kPort, PuntReason::kLocal, ping(kBridgeMac, "172.18.10.1", "172.18.10.5")},
        {kUplink, PuntReason::kUnderlay, ping6(kUplinkMac, "2001:db8:1::1", "2001:db8:1::2")},
        {kUplink, PuntReason::kUnderlay, solicitation("2001:db8:1::2", "2001:db8:1::1")},
        {kPort, PuntReason::kLocal, solicitation("2001:db8:a::2", "2001:db8:a::1")},
        {kUplink, PuntReason::kUnderlay, advertisement},
        {kUplink, PuntReason::kUnderlay, listener_query()},
        {kPort, PuntReason::kUnresolved, ping(kBridgeMac, "172.18.20.5", "172.18.10.5")},
        {kPort, PuntReason::kTtlExpired, ping(kBridgeMac, "172.18.20.5", "172.18.10.5")},
        {kPort, PuntReason::kTooBig, ping(kBridgeMac, "172.18.20.5", "172.18.10.5")},
    };
}

} // namespace vx::test
