// SPDX-License-Identifier: BSD-3-Clause
#include "control/neighbours/frames.h"

#include "dataplane/net/checksum.h"

#include <cstring>

namespace vx
{

namespace
{

constexpr std::uint8_t kTtl = 64;            // RFC 1700, and Linux's
constexpr std::uint8_t kDiscoveryHops = 255; // RFC 4861: proves that no router has passed it on

void append_bytes(std::vector<std::byte>& frame, Bytes bytes)
{
    frame.insert(frame.end(), bytes.begin(), bytes.end());
}

Be16 finished(std::uint64_t sum)
{
    const std::uint16_t value = checksum_finish(sum);
    return load<Be16>(&value);
}

Be32 wire_v4(const IpAddress& address)
{
    return Be32{address.v4_host()};
}

void set_checksum(std::vector<std::byte>& message, std::uint64_t pseudo)
{
    auto& header = *reinterpret_cast<IcmpHeader*>(message.data());
    header.checksum = 0;
    header.checksum = finished(checksum_add(pseudo, message.data(), message.size()));
}

} // namespace

// ---- reading ---------------------------------------------------------------------------------------------------

const ArpPacket* parse_arp(Bytes frame)
{
    if (frame.size() < kL3 + sizeof(ArpPacket))
        return nullptr;
    const auto& arp = header_at<ArpPacket>(frame, kL3);
    const bool is_ipv4_over_ethernet = arp.hardware_type.host() == 1 && arp.protocol_type.host() == ether_type::kIpv4 &&
                                       arp.hardware_size == 6 && arp.protocol_size == 4;
    const bool is_known = arp.operation.host() == ArpPacket::kRequest || arp.operation.host() == ArpPacket::kReply;
    return is_ipv4_over_ethernet && is_known && arp.sender_mac.is_unicast() ? &arp : nullptr;
}

std::optional<Ipv4Packet> parse_ipv4(Bytes frame)
{
    if (frame.size() < kL3 + sizeof(Ipv4Header))
        return std::nullopt;
    const auto& ip = header_at<Ipv4Header>(frame, kL3);
    const std::size_t total = ip.total_length.host();
    if (ip.version() != 4 || ip.size() < sizeof(Ipv4Header) || total < ip.size() || kL3 + total > frame.size())
        return std::nullopt;
    if (!checksum_is_right(checksum_add(0, &ip, ip.size())))
        return std::nullopt;
    return Ipv4Packet{ip, frame.subspan(kL3, total), frame.subspan(kL3 + ip.size(), total - ip.size())};
}

std::optional<Icmp6Packet> parse_icmp6(Bytes frame)
{
    if (frame.size() < kL3 + sizeof(Ipv6Header))
        return std::nullopt;
    const auto& ip = header_at<Ipv6Header>(frame, kL3);
    const std::size_t size = ip.payload_length.host();
    if (ip.version() != 6 || ip.next_header != ip_protocol::kIcmp6 || size < sizeof(IcmpHeader) ||
        kL3 + sizeof(Ipv6Header) + size > frame.size())
        return std::nullopt;
    const Bytes message = frame.subspan(kL3 + sizeof(Ipv6Header), size);
    const std::uint64_t pseudo = pseudo_sum_v6(ip, ip_protocol::kIcmp6, static_cast<std::uint32_t>(size));
    if (!checksum_is_right(checksum_add(pseudo, message.data(), size)))
        return std::nullopt;
    return Icmp6Packet{ip, message};
}

std::optional<NeighborDiscovery> parse_neighbor_discovery(const Icmp6Packet& packet)
{
    if (packet.header.hop_limit != kDiscoveryHops || packet.message.size() < sizeof(NeighborMessage))
        return std::nullopt;
    const auto& message = header_at<NeighborMessage>(packet.message, 0);
    const IpAddress target = IpAddress::v6_from_wire(message.target.data());
    if (message.code != 0 || target.is_multicast())
        return std::nullopt;
    const std::uint8_t wanted =
        message.type == IcmpHeader::kNeighborSolicitation ? LinkLayerOption::kSource : LinkLayerOption::kTarget;
    NeighborDiscovery discovery{message, target, std::nullopt};
    for (Bytes options = packet.message.subspan(sizeof(NeighborMessage)); !options.empty();) {
        if (options.size() < 2)
            return std::nullopt;
        const auto type = std::to_integer<std::uint8_t>(options[0]);
        const std::size_t size = std::to_integer<std::size_t>(options[1]) * 8;
        if (size == 0 || size > options.size())
            return std::nullopt;
        if (type == wanted) {
            const Mac mac = header_at<LinkLayerOption>(options, 0).mac;
            if (size != sizeof(LinkLayerOption) || !mac.is_unicast())
                return std::nullopt;
            discovery.mac = mac;
        }
        options = options.subspan(size);
    }
    return discovery;
}

// ---- making ----------------------------------------------------------------------------------------------------

IpAddress all_nodes()
{
    std::array<std::uint8_t, 16> bytes{0xff, 0x02};
    bytes[15] = 1;
    return IpAddress::v6_from_wire(bytes.data());
}

IpAddress solicited_node(const IpAddress& address)
{
    std::array<std::uint8_t, 16> bytes{0xff, 0x02};
    bytes[11] = 1;
    bytes[12] = 0xff;
    std::memcpy(bytes.data() + 13, address.bytes().data() + 13, 3);
    return IpAddress::v6_from_wire(bytes.data());
}

Mac group_mac(const IpAddress& ipv6_group)
{
    std::array<std::uint8_t, 6> bytes{0x33, 0x33};
    std::memcpy(bytes.data() + 2, ipv6_group.bytes().data() + 12, 4);
    return Mac{bytes};
}

std::vector<std::byte> arp_frame(const Mac& destination, std::uint16_t operation, const Station& sender,
                                 const Station& target)
{
    std::vector<std::byte> frame;
    frame.reserve(kL3 + sizeof(ArpPacket));
    append(frame, EthernetHeader{destination, sender.mac, ether_type::kArp});
    append(frame, ArpPacket{.hardware_type = 1,
                            .protocol_type = ether_type::kIpv4,
                            .hardware_size = 6,
                            .protocol_size = 4,
                            .operation = operation,
                            .sender_mac = sender.mac,
                            .sender_ip = wire_v4(sender.address),
                            .target_mac = target.mac,
                            .target_ip = wire_v4(target.address)});
    return frame;
}

std::vector<std::byte> icmp4_frame(const Station& from, const Station& to, std::uint8_t tos, Be16 id,
                                   std::vector<std::byte> message)
{
    set_checksum(message, 0);
    Ipv4Header ip{.version_ihl = 0x45,
                  .tos = tos,
                  .total_length = static_cast<std::uint16_t>(sizeof(Ipv4Header) + message.size()),
                  .id = id,
                  .fragment = 0,
                  .ttl = kTtl,
                  .protocol = ip_protocol::kIcmp,
                  .checksum = 0,
                  .source = wire_v4(from.address),
                  .destination = wire_v4(to.address)};
    ip.checksum = finished(checksum_add(0, &ip, sizeof(ip)));
    std::vector<std::byte> frame;
    frame.reserve(kL3 + sizeof(ip) + message.size());
    append(frame, EthernetHeader{to.mac, from.mac, ether_type::kIpv4});
    append(frame, ip);
    append_bytes(frame, message);
    return frame;
}

std::vector<std::byte> icmp6_frame(const Station& from, const Station& to, std::uint8_t hop_limit,
                                   std::uint8_t traffic_class, std::vector<std::byte> message)
{
    const Ipv6Header ip{.version_class_label = (6U << 28) | (std::uint32_t{traffic_class} << 20),
                        .payload_length = static_cast<std::uint16_t>(message.size()),
                        .next_header = ip_protocol::kIcmp6,
                        .hop_limit = hop_limit,
                        .source = from.address.bytes(),
                        .destination = to.address.bytes()};
    set_checksum(message, pseudo_sum_v6(ip, ip_protocol::kIcmp6, static_cast<std::uint32_t>(message.size())));
    std::vector<std::byte> frame;
    frame.reserve(kL3 + sizeof(ip) + message.size());
    append(frame, EthernetHeader{to.mac, from.mac, ether_type::kIpv6});
    append(frame, ip);
    append_bytes(frame, message);
    return frame;
}

std::vector<std::byte> icmp6_alert_frame(const Station& from, const Station& to, std::vector<std::byte> message)
{
    constexpr std::array<std::uint8_t, 8> kOptions{ip_protocol::kIcmp6, 0, 5, 2, 0, 0, 1, 0}; // alert, padding
    std::vector<std::byte> frame = icmp6_frame(from, to, 1, 0, std::move(message));
    auto& ip = *reinterpret_cast<Ipv6Header*>(frame.data() + kL3);
    ip.next_header = ip_protocol::kHopByHop;
    ip.payload_length = static_cast<std::uint16_t>(ip.payload_length.host() + kOptions.size());
    const auto* const begin = reinterpret_cast<const std::byte*>(kOptions.data());
    frame.insert(frame.begin() + kL3 + sizeof(Ipv6Header), begin, begin + kOptions.size());
    return frame;
}

static std::vector<std::byte> neighbor_message(std::uint8_t type, std::uint8_t flags, const IpAddress& target,
                                               const LinkLayerOption& option)
{
    std::vector<std::byte> message;
    append(message, NeighborMessage{type, 0, 0, flags, {}, target.bytes()});
    append(message, option);
    return message;
}

std::vector<std::byte> neighbor_solicitation(const Station& from, const IpAddress& target, std::optional<Mac> known)
{
    const IpAddress group = solicited_node(target);
    const Station to = known ? Station{*known, target} : Station{group_mac(group), group};
    return icmp6_frame(
        from, to, kDiscoveryHops, 0,
        neighbor_message(IcmpHeader::kNeighborSolicitation, 0, target, {LinkLayerOption::kSource, 1, from.mac}));
}

std::vector<std::byte> neighbor_advertisement(const Station& own, const Station& to, std::uint8_t flags)
{
    return icmp6_frame(own, to, kDiscoveryHops, 0,
                       neighbor_message(IcmpHeader::kNeighborAdvertisement, flags, own.address,
                                        {LinkLayerOption::kTarget, 1, own.mac}));
}

} // namespace vx
