// SPDX-License-Identifier: BSD-3-Clause
#include "tools/vxctl/describe.h"

#include "control/wire/pcapng.h"
#include "dataplane/net/headers.h"
#include "dataplane/net/ip.h"

#include <fmt/format.h>

#include <ctime>

namespace vx
{

namespace
{

using Frame = std::span<const std::byte>;

template <typename Header>
const Header* header(Frame frame, std::size_t offset)
{
    return frame.size() < offset + sizeof(Header) ? nullptr : reinterpret_cast<const Header*>(frame.data() + offset);
}

std::string protocol_name(std::uint8_t protocol)
{
    switch (protocol) {
    case ip_protocol::kIcmp:
        return "ICMP";
    case ip_protocol::kIcmp6:
        return "ICMPv6";
    case ip_protocol::kTcp:
        return "TCP";
    case ip_protocol::kUdp:
        return "UDP";
    default:
        return fmt::format("protocol {}", protocol);
    }
}

std::string icmp_text(std::uint8_t type)
{
    switch (type) {
    case IcmpHeader::kEchoRequest:
    case IcmpHeader::kEchoRequest6:
        return " echo request";
    case IcmpHeader::kEchoReply:
    case IcmpHeader::kEchoReply6:
        return " echo reply";
    case IcmpHeader::kNeighborSolicitation:
        return " neighbor solicitation";
    case IcmpHeader::kNeighborAdvertisement:
        return " neighbor advertisement";
    default:
        return fmt::format(" type {}", type);
    }
}

std::string vxlan_text(Frame frame, std::size_t l4)
{
    const auto* udp = header<UdpHeader>(frame, l4);
    const auto* vxlan = header<VxlanHeader>(frame, l4 + sizeof(UdpHeader));
    if (udp == nullptr || vxlan == nullptr || !vxlan->has_vni() ||
        (udp->destination_port.host() != kVxlanPort && udp->destination_port.host() != 8472))
        return "";
    return fmt::format(", VXLAN vni {}: {}", vxlan->vni().value(),
                       describe(frame.subspan(l4 + sizeof(UdpHeader) + sizeof(VxlanHeader))));
}

std::string transport_text(Frame frame, std::size_t l4, std::uint8_t protocol, const IpAddress& from,
                           const IpAddress& to)
{
    const auto* ports = header<UdpHeader>(frame, l4); // TCP begins with its ports too
    const bool has_ports = (protocol == ip_protocol::kTcp || protocol == ip_protocol::kUdp) && ports != nullptr;
    const auto place = [&](const IpAddress& address, Be16 UdpHeader::*port) {
        const std::string host =
            has_ports && address.is_v6() ? fmt::format("[{}]", address.to_string()) : address.to_string();
        return has_ports ? fmt::format("{}:{}", host, (ports->*port).host()) : host;
    };
    std::string text = fmt::format("{} > {} {}", place(from, &UdpHeader::source_port),
                                   place(to, &UdpHeader::destination_port), protocol_name(protocol));
    if (const auto* icmp = header<IcmpHeader>(frame, l4);
        icmp != nullptr && (protocol == ip_protocol::kIcmp || protocol == ip_protocol::kIcmp6))
        text += icmp_text(icmp->type);
    return text + (protocol == ip_protocol::kUdp ? vxlan_text(frame, l4) : "");
}

std::string arp_text(const ArpPacket& arp)
{
    const std::string sender = IpAddress::v4_from_wire(&arp.sender_ip).to_string();
    if (arp.operation.host() == ArpPacket::kRequest)
        return fmt::format("ARP who has {} tell {}", IpAddress::v4_from_wire(&arp.target_ip).to_string(), sender);
    return fmt::format("ARP {} is at {}", sender, arp.sender_mac.to_string());
}

std::string payload_text(Frame frame, std::size_t l3, std::uint16_t type)
{
    if (const auto* arp = header<ArpPacket>(frame, l3); type == ether_type::kArp && arp != nullptr)
        return arp_text(*arp);
    if (const auto* ip = header<Ipv4Header>(frame, l3); type == ether_type::kIpv4 && ip != nullptr) {
        const std::size_t l4 = ip->is_later_fragment() ? frame.size() : l3 + ip->size();
        return transport_text(frame, l4, ip->protocol, IpAddress::v4_from_wire(&ip->source),
                              IpAddress::v4_from_wire(&ip->destination));
    }
    if (const auto* ip = header<Ipv6Header>(frame, l3); type == ether_type::kIpv6 && ip != nullptr)
        return transport_text(frame, l3 + sizeof(Ipv6Header), ip->next_header, IpAddress::v6_from_wire(&ip->source),
                              IpAddress::v6_from_wire(&ip->destination));
    return fmt::format("type 0x{:04x}", type);
}

} // namespace

std::string describe(Frame frame)
{
    const auto* ethernet = header<EthernetHeader>(frame, 0);
    if (ethernet == nullptr)
        return "less than an Ethernet header";
    std::string text = fmt::format("{} > {} ", ethernet->source.to_string(), ethernet->destination.to_string());
    std::size_t l3 = sizeof(EthernetHeader);
    std::uint16_t type = ethernet->type.host();
    if (const auto* tag = header<Be32>(frame, l3); type == ether_type::kVlan && tag != nullptr) {
        text += fmt::format("vlan {} ", (tag->host() >> 16) & 0xfff);
        type = static_cast<std::uint16_t>(tag->host());
        l3 += sizeof(Be32);
    }
    return text + payload_text(frame, l3, type);
}

std::string line_of(const PacketBlock& packet, std::string_view interface)
{
    constexpr std::uint64_t kSecond = 1'000'000'000;
    const auto seconds = static_cast<std::time_t>(packet.time_ns / kSecond);
    std::tm local{};
    localtime_r(&seconds, &local);
    char clock[16];
    std::strftime(clock, sizeof(clock), "%H:%M:%S", &local);
    return fmt::format("{}.{:09} {} {} #{:x} {} bytes: {}{}{}\n", clock, packet.time_ns % kSecond, interface,
                       packet.flags == pcapng::kInbound ? "in" : "out", packet.id, packet.size, describe(packet.frame),
                       packet.comment.empty() ? "" : "; ", packet.comment);
}

} // namespace vx
