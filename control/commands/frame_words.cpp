// SPDX-License-Identifier: BSD-3-Clause
#include "control/commands/frame_words.h"

#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"

#include <algorithm>
#include <cstring>
#include <optional>

namespace vx
{

namespace
{

using Frame = std::vector<std::byte>;

constexpr std::uint32_t kMaxSize = 65535;
constexpr std::size_t kMinSize = 60; // of an Ethernet frame, without its checksum
constexpr int kMaxDepth = 2;         // an inner frame has no inner frame

template <typename Header>
Frame in_front(const Header& header, const Frame& payload)
{
    Frame frame(sizeof(Header) + payload.size());
    std::memcpy(frame.data(), &header, sizeof(Header));
    std::copy(payload.begin(), payload.end(), frame.begin() + sizeof(Header));
    return frame;
}

struct Layer {
    std::uint16_t ether_type = 0; // what an Ethernet header calls it
    std::uint8_t protocol = 0;    // what an IP header calls it
    Frame bytes{};
};

// Reads "NAME VALUE" pairs of one layer, each of which `take(name)` knows.
template <typename Take>
Result<> read_fields(Words& words, Take take)
{
    for (;;) {
        const auto taken = take();
        if (!taken)
            return taken.error();
        if (!*taken)
            return Ok{};
    }
    (void)words;
}

Result<Layer> read_ethernet(Words& words, int depth);

// The number behind a keyword, if that comes next.
Result<bool> take_number(Words& words, std::string_view keyword, std::uint32_t& value, std::uint32_t max)
{
    if (!words.take_again(keyword))
        return false;
    const auto number = words.number("N", 0, max);
    if (!number)
        return number.error();
    value = *number;
    return true;
}

Result<Layer> read_vxlan(Words& words, int depth)
{
    if (!words.take_again("vni"))
        return words.missing("vxlan vni VNI");
    const auto vni = words.vni();
    if (!vni)
        return vni.error();
    auto inner = read_ethernet(words, depth + 1);
    if (!inner)
        return inner;
    VxlanHeader header{};
    header.flags = VxlanHeader::kFlagI;
    header.vni_reserved = Be32{vni->value() << 8};
    return Layer{.bytes = in_front(header, inner->bytes)};
}

Result<Layer> read_transport(Words& words, bool is_tcp, int depth)
{
    std::uint32_t source = 49152;
    std::uint32_t destination = 0;
    auto read = read_fields(words, [&]() -> Result<bool> {
        auto taken = take_number(words, "sport", source, 65535);
        return taken && !*taken ? take_number(words, "dport", destination, 65535) : std::move(taken);
    });
    if (!read)
        return std::move(read).error();
    Layer payload;
    if (!is_tcp && words.take_again("vxlan")) {
        auto inner = read_vxlan(words, depth);
        if (!inner)
            return inner;
        payload = *std::move(inner);
        destination = destination == 0 ? kVxlanPort : destination;
    }
    UdpHeader udp{};
    udp.source_port = Be16{static_cast<std::uint16_t>(source)};
    udp.destination_port = Be16{static_cast<std::uint16_t>(destination)};
    if (is_tcp) { // ports, then numbers, 5 words, SYN
        std::array<std::byte, 20> tcp{};
        std::memcpy(tcp.data(), &udp, 4);
        tcp[12] = std::byte{0x50};
        tcp[13] = std::byte{0x02};
        return Layer{.protocol = ip_protocol::kTcp, .bytes = in_front(tcp, {})};
    }
    udp.length = Be16{static_cast<std::uint16_t>(sizeof(udp) + payload.bytes.size())};
    return Layer{.protocol = ip_protocol::kUdp, .bytes = in_front(udp, payload.bytes)};
}

Result<Layer> read_above_ip(Words& words, bool is_v6, int depth)
{
    if (words.take_again("udp"))
        return read_transport(words, false, depth);
    if (words.take_again("tcp"))
        return read_transport(words, true, depth);
    IcmpHeader echo{};
    echo.type = is_v6 ? IcmpHeader::kEchoRequest6 : IcmpHeader::kEchoRequest;
    if (words.take_again("icmp"))
        return Layer{.protocol = is_v6 ? ip_protocol::kIcmp6 : ip_protocol::kIcmp, .bytes = in_front(echo, {})};
    return Layer{.protocol = 253}; // RFC 3692: for experiments
}

struct IpFields {
    std::optional<IpAddress> source, destination;
    std::uint32_t ttl = 64;
    std::uint32_t tos = 0;
};

Result<IpFields> read_ip_fields(Words& words, std::string_view name, Family family)
{
    IpFields fields;
    auto read = read_fields(words, [&]() -> Result<bool> {
        auto taken = take_number(words, "ttl", fields.ttl, 255);
        if (taken && !*taken)
            taken = take_number(words, "tos", fields.tos, 255);
        if (!taken || *taken)
            return taken;
        const bool is_source = words.take_again("src");
        if (!is_source && !words.take_again("dst"))
            return false;
        const auto address = words.address();
        if (!address)
            return address.error();
        if (address->family() != family)
            return words.invalid(fmt::format("is no address of {}", name));
        (is_source ? fields.source : fields.destination) = *address;
        return true;
    });
    if (!read)
        return std::move(read).error();
    if (!fields.source || !fields.destination)
        return words.missing(fmt::format("{} src ADDR dst ADDR", name));
    return fields;
}

Result<Layer> read_ip(Words& words, bool is_v6, int depth)
{
    const auto fields = read_ip_fields(words, is_v6 ? "ip6" : "ip", is_v6 ? Family::kIpv6 : Family::kIpv4);
    if (!fields)
        return fields.error();
    auto payload = read_above_ip(words, is_v6, depth);
    if (!payload)
        return payload;
    const std::size_t size = payload->bytes.size();
    if (is_v6) {
        Ipv6Header ip{};
        ip.version_class_label = Be32{6U << 28 | fields->tos << 20};
        ip.payload_length = Be16{static_cast<std::uint16_t>(size)};
        ip.next_header = payload->protocol;
        ip.hop_limit = static_cast<std::uint8_t>(fields->ttl);
        ip.source = fields->source->bytes();
        ip.destination = fields->destination->bytes();
        return Layer{.ether_type = ether_type::kIpv6, .bytes = in_front(ip, payload->bytes)};
    }
    Ipv4Header ip{};
    ip.version_ihl = 0x45;
    ip.tos = static_cast<std::uint8_t>(fields->tos);
    ip.total_length = Be16{static_cast<std::uint16_t>(sizeof(ip) + size)};
    ip.fragment = Be16{Ipv4Header::kDontFragment};
    ip.ttl = static_cast<std::uint8_t>(fields->ttl);
    ip.protocol = payload->protocol;
    ip.source = Be32{fields->source->v4_host()};
    ip.destination = Be32{fields->destination->v4_host()};
    const auto sum = checksum_add(0, reinterpret_cast<const std::byte*>(&ip), sizeof(ip));
    store(&ip.checksum, static_cast<std::uint16_t>(~checksum_fold(sum)));
    return Layer{.ether_type = ether_type::kIpv4, .bytes = in_front(ip, payload->bytes)};
}

Result<Layer> read_arp(Words& words, const Mac& sender)
{
    ArpPacket arp{};
    for (const bool is_target : {true, false}) {
        if (!words.take_again(is_target ? "who" : "tell"))
            return words.missing("arp who ADDR tell ADDR");
        const auto address = words.address();
        if (!address)
            return address.error();
        if (!address->is_v4())
            return words.invalid("is no IPv4 address");
        (is_target ? arp.target_ip : arp.sender_ip) = Be32{address->v4_host()};
    }
    arp.hardware_type = Be16{1};
    arp.protocol_type = Be16{ether_type::kIpv4};
    arp.hardware_size = 6;
    arp.protocol_size = 4;
    arp.operation = Be16{ArpPacket::kRequest};
    arp.sender_mac = sender;
    return Layer{.ether_type = ether_type::kArp, .bytes = in_front(arp, {})};
}

Result<Layer> read_above_ethernet(Words& words, const Mac& sender, int depth)
{
    if (words.take_again("arp"))
        return read_arp(words, sender);
    if (words.take_again("ip"))
        return read_ip(words, false, depth);
    if (words.take_again("ip6"))
        return read_ip(words, true, depth);
    return Layer{.ether_type = 0x88b5}; // IEEE's for experiments
}

Result<Layer> read_ethernet(Words& words, int depth)
{
    if (depth > kMaxDepth)
        return usage_error("{}: frames are nested more than {} deep", words.name(), kMaxDepth);
    if (!words.take_again("eth"))
        return words.missing("eth src MAC dst MAC");
    std::optional<Mac> source, destination;
    std::optional<std::uint32_t> type, tag;
    auto read = read_fields(words, [&]() -> Result<bool> {
        std::uint32_t value = 0;
        auto taken = take_number(words, "type", value, 65535);
        if (!taken || *taken) {
            type = value;
            return taken;
        }
        taken = take_number(words, "vlan", value, 4095);
        if (!taken || *taken) {
            tag = value;
            return taken;
        }
        const bool is_source = words.take_again("src");
        if (!is_source && !words.take_again("dst"))
            return false;
        const auto mac = words.mac("MAC");
        if (!mac)
            return mac.error();
        (is_source ? source : destination) = *mac;
        return true;
    });
    if (!read)
        return std::move(read).error();
    if (!source || !destination)
        return words.missing("eth src MAC dst MAC");
    auto payload = read_above_ethernet(words, *source, depth);
    if (!payload)
        return payload;
    EthernetHeader header{*destination, *source, Be16{static_cast<std::uint16_t>(type.value_or(payload->ether_type))}};
    if (!tag)
        return Layer{.bytes = in_front(header, payload->bytes)};
    const Be32 inside{*tag << 16 | header.type.host()};
    header.type = Be16{ether_type::kVlan};
    return Layer{.bytes = in_front(header, in_front(inside, payload->bytes))};
}

Result<Frame> from_hex(Words& words)
{
    const auto text = words.text("HEX");
    if (!text)
        return text.error();
    std::string digits;
    std::copy_if(text->begin(), text->end(), std::back_inserter(digits),
                 [](char c) { return c != ' ' && c != ':' && c != '\n'; });
    Frame frame;
    const auto value = [](char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; };
    if (digits.size() % 2 != 0 || digits.size() / 2 > kMaxSize ||
        !std::all_of(digits.begin(), digits.end(), [](char c) { return std::isxdigit(static_cast<unsigned char>(c)); }))
        return words.invalid("is neither \"eth\" nor the hexadecimal digits of a frame's bytes");
    for (std::size_t at = 0; at < digits.size(); at += 2)
        frame.push_back(static_cast<std::byte>(value(digits[at]) * 16 + value(digits[at + 1])));
    return frame;
}

} // namespace

Result<Frame> read_frame(Words& words)
{
    if (words.peek() != "eth")
        return from_hex(words);
    auto layer = read_ethernet(words, 1);
    if (!layer)
        return std::move(layer).error();
    std::uint32_t size = 0;
    if (auto taken = take_number(words, "size", size, kMaxSize); !taken)
        return std::move(taken).error();
    layer->bytes.resize(std::max<std::size_t>({layer->bytes.size(), size, kMinSize}));
    return std::move(layer->bytes);
}

} // namespace vx
