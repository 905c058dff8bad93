// SPDX-License-Identifier: BSD-3-Clause
// The bytes to parse always end where a heap allocation ends, so that the address sanitizer sees one byte too many.
#include "dataplane/net/parse.h"

#include <catch2/catch.hpp>

#include <random>
#include <vector>

namespace
{

using namespace vx;
using Frame = std::vector<std::byte>;

class ExactCopy
{
public:
    explicit ExactCopy(Bytes bytes) : memory_(bytes.begin(), bytes.end()) {} // allocates no more than that
    Bytes bytes() const { return memory_; }

private:
    const std::vector<std::byte> memory_;
};

template <typename Header>
void append(Frame& frame, const Header& header)
{
    const auto* bytes = reinterpret_cast<const std::byte*>(&header);
    frame.insert(frame.end(), bytes, bytes + sizeof(Header));
}

EthernetHeader ethernet(std::uint16_t type)
{
    return {*Mac::parse("02:00:00:00:00:02"), *Mac::parse("02:00:00:00:00:01"), type};
}

// Recomputes an IPv4 header's checksum after a test has changed the header.
void fix_checksum(Frame& frame)
{
    auto& ip = *reinterpret_cast<Ipv4Header*>(frame.data() + sizeof(EthernetHeader));
    ip.checksum = 0;
    const std::uint16_t value = checksum_finish(checksum_add(0, &ip, ip.size()));
    ip.checksum = load<Be16>(&value);
}

Ipv4Header& ipv4_of(Frame& frame)
{
    return *reinterpret_cast<Ipv4Header*>(frame.data() + sizeof(EthernetHeader));
}
Ipv6Header& ipv6_of(Frame& frame)
{
    return *reinterpret_cast<Ipv6Header*>(frame.data() + sizeof(EthernetHeader));
}

Frame udp_v4(std::size_t payload, std::size_t options = 0)
{
    Frame frame;
    append(frame, ethernet(ether_type::kIpv4));
    Ipv4Header ip{};
    ip.version_ihl = static_cast<std::uint8_t>(0x45 + options / 4);
    ip.tos = 1;
    ip.total_length = static_cast<std::uint16_t>(sizeof(ip) + options + sizeof(UdpHeader) + payload);
    ip.ttl = 64;
    ip.protocol = ip_protocol::kUdp;
    ip.source = 0xc0000201;
    ip.destination = 0xc0000202;
    append(frame, ip);
    frame.resize(frame.size() + options, std::byte{1}); // no-operation options
    append(frame, UdpHeader{49152, kVxlanPort, static_cast<std::uint16_t>(sizeof(UdpHeader) + payload), 0});
    frame.resize(frame.size() + payload, std::byte{0x5a});
    fix_checksum(frame);
    return frame;
}

Frame udp_v6(std::size_t payload)
{
    Frame frame;
    append(frame, ethernet(ether_type::kIpv6));
    Ipv6Header ip{};
    ip.version_class_label = 0x60300000; // ECN 3
    ip.payload_length = static_cast<std::uint16_t>(sizeof(UdpHeader) + payload);
    ip.next_header = ip_protocol::kUdp;
    ip.hop_limit = 64;
    ip.source[15] = 1;
    ip.destination[15] = 2;
    append(frame, ip);
    append(frame, UdpHeader{49152, kVxlanPort, static_cast<std::uint16_t>(sizeof(UdpHeader) + payload), 0xabcd});
    frame.resize(frame.size() + payload, std::byte{0x5a});
    return frame;
}

// IPv6 with two extension headers before UDP.
Frame udp_v6_extended()
{
    Frame frame = udp_v6(8);
    ipv6_of(frame).next_header = ip_protocol::kHopByHop;
    ipv6_of(frame).payload_length = sizeof(UdpHeader) + 8 + 24;
    const std::uint8_t extensions[24] = {ip_protocol::kDestinationOptions, 0, 0, 0, 0, 0, 0, 0, ip_protocol::kUdp, 1};
    const auto* bytes = reinterpret_cast<const std::byte*>(extensions);
    frame.insert(frame.begin() + sizeof(EthernetHeader) + sizeof(Ipv6Header), bytes, bytes + sizeof(extensions));
    return frame;
}

OuterHeaders outer_of(const Frame& frame)
{
    return parse_outer(ExactCopy(frame).bytes(), frame.size());
}
InnerFrame inner_of(const Frame& frame)
{
    return parse_inner(ExactCopy(frame).bytes());
}
bool is_dropped(const Frame& frame, DropReason reason)
{
    const OuterHeaders outer = outer_of(frame);
    return outer.kind == OuterHeaders::Kind::kDrop && outer.reason == reason;
}

std::vector<Frame> valid_frames()
{
    Frame arp;
    append(arp, ethernet(ether_type::kArp));
    append(arp, ArpPacket{});
    return {udp_v4(50), udp_v4(50, 40), udp_v6(50), udp_v6_extended(), arp};
}

} // namespace

TEST_CASE("the outer headers of a UDP packet are found, whatever the options")
{
    for (std::size_t options = 0; options <= 40; options += 4) {
        const OuterHeaders outer = outer_of(udp_v4(30, options));
        REQUIRE(outer.kind == OuterHeaders::Kind::kUdp);
        CHECK(outer.l4_offset == 34 + options);
        CHECK(outer.destination_port == kVxlanPort);
        CHECK(outer.udp_length == 38);
        CHECK(outer.ecn == 1);
        CHECK_FALSE(outer.has_udp_checksum);
        CHECK_FALSE(outer.is_v6);
    }
    const OuterHeaders outer = outer_of(udp_v6(30));
    REQUIRE(outer.kind == OuterHeaders::Kind::kUdp);
    CHECK(outer.inner_offset() == kOuterSizeV6);
    CHECK(outer.ecn == 3);
    CHECK(outer.is_v6);
    CHECK(outer.has_udp_checksum);
}

TEST_CASE("no truncation of a valid frame is read beyond its end, and none is taken for whole")
{
    for (const Frame& frame : valid_frames())
        for (std::size_t size = 0; size < frame.size(); ++size) {
            const ExactCopy cut(Bytes(frame).first(size));
            const OuterHeaders outer = parse_outer(cut.bytes(), size);
            REQUIRE(outer.kind != OuterHeaders::Kind::kUdp);
            REQUIRE(outer.kind != OuterHeaders::Kind::kLocal);
            if (size >= sizeof(EthernetHeader))
                parse_inner(cut.bytes());
        }
}

TEST_CASE("a first segment shorter than the frame is not read beyond its end")
{
    for (const Frame& frame : valid_frames())
        for (std::size_t size = 0; size <= frame.size(); ++size) {
            const ExactCopy head(Bytes(frame).first(size));
            const OuterHeaders outer = parse_outer(head.bytes(), frame.size());
            if (outer.kind == OuterHeaders::Kind::kUdp)
                REQUIRE(outer.l4_offset + sizeof(UdpHeader) <= size);
        }
}

TEST_CASE("frames with random bytes changed and cut are never read beyond their end")
{
    std::mt19937_64 random(1);
    const std::vector<Frame> frames = valid_frames();
    for (int round = 0; round < 200000; ++round) {
        Frame frame = frames[random() % frames.size()];
        for (std::size_t changes = random() % 4; changes > 0; --changes)
            frame[12 + random() % (frame.size() - 12)] = static_cast<std::byte>(random());
        if (random() % 2 == 0 && frame[12] == std::byte{0x08} && ipv4_of(frame).size() >= 20 && frame.size() > 80)
            fix_checksum(frame);
        const ExactCopy head(Bytes(frame).first(random() % (frame.size() + 1)));
        const OuterHeaders outer = parse_outer(head.bytes(), frame.size());
        if (outer.kind == OuterHeaders::Kind::kUdp) {
            REQUIRE(outer.l4_offset + sizeof(UdpHeader) <= head.bytes().size());
            REQUIRE(outer.l4_offset + std::size_t{outer.udp_length} <= frame.size());
        }
        if (head.bytes().size() >= sizeof(EthernetHeader))
            parse_inner(head.bytes());
    }
}

TEST_CASE("a frame that is plain reads the same by the short way")
{
    std::mt19937_64 random(3);
    const std::vector<Frame> frames = valid_frames();
    std::size_t plain_count = 0;
    for (int round = 0; round < 50000; ++round) {
        Frame frame = frames[random() % frames.size()];
        for (std::size_t changes = random() % 3; changes > 0; --changes)
            frame[12 + random() % 12] = static_cast<std::byte>(random());
        const ExactCopy head(Bytes(frame).first(random() % (frame.size() + 1)));
        if (!is_plain(head.bytes()))
            continue;
        ++plain_count;
        const InnerFrame quick = parse_plain(head.bytes());
        const InnerFrame whole = parse_inner(head.bytes());
        REQUIRE(quick.flow_hash == whole.flow_hash);
        REQUIRE(quick.ether_type == whole.ether_type);
        REQUIRE(quick.ecn == whole.ecn);
        REQUIRE(quick.tag_size == whole.tag_size);
        REQUIRE(quick.is_ip == whole.is_ip);
    }
    CHECK(plain_count > 1000);
}

TEST_CASE("a broken outer header is dropped for its own reason")
{
    const Frame good = udp_v4(50);
    Frame frame = good;
    ipv4_of(frame).version_ihl = 0x55;
    CHECK(is_dropped(frame, DropReason::outer_ip_malformed));
    frame = good;
    ipv4_of(frame).version_ihl = 0x44;
    CHECK(is_dropped(frame, DropReason::outer_ip_malformed));
    frame = good;
    ipv4_of(frame).total_length = 19;
    CHECK(is_dropped(frame, DropReason::outer_ip_malformed));
    frame = good;
    ipv4_of(frame).ttl = 63;
    CHECK(is_dropped(frame, DropReason::outer_ip_checksum));
    for (const unsigned fragment : {0x2000U, 0x0001U, 0x2001U}) {
        frame = good;
        ipv4_of(frame).fragment = static_cast<std::uint16_t>(fragment);
        fix_checksum(frame);
        CHECK(is_dropped(frame, DropReason::outer_fragment));
    }
    for (const unsigned length : {0U, 7U, 59U, 65535U}) {
        frame = good;
        reinterpret_cast<UdpHeader*>(frame.data() + 34)->length = static_cast<std::uint16_t>(length);
        CHECK(is_dropped(frame, DropReason::outer_udp_length));
    }
    frame = good; // the IP packet ends inside the UDP header; what follows is padding
    ipv4_of(frame).total_length = sizeof(Ipv4Header) + sizeof(UdpHeader) - 1;
    fix_checksum(frame);
    CHECK(is_dropped(frame, DropReason::outer_truncated));
    frame = good;
    frame[12] = std::byte{0x88};
    CHECK(is_dropped(frame, DropReason::outer_not_ip));
    frame = udp_v6(50);
    ipv6_of(frame).next_header = ip_protocol::kFragment;
    CHECK(is_dropped(frame, DropReason::outer_fragment));
    frame = udp_v6(50);
    ipv6_of(frame).version_class_label = 0x50000000;
    CHECK(is_dropped(frame, DropReason::outer_ip_malformed));
}

TEST_CASE("padding behind the IP packet, and behind the UDP datagram in it, is accepted")
{
    Frame frame = udp_v4(10);
    frame.resize(frame.size() + 20);
    CHECK(outer_of(frame).kind == OuterHeaders::Kind::kUdp);
    reinterpret_cast<UdpHeader*>(frame.data() + 34)->length = 8 + 5;
    CHECK(outer_of(frame).udp_length == 13);
}

TEST_CASE("what is not UDP is left to the control thread")
{
    Frame frame = udp_v4(10);
    ipv4_of(frame).protocol = ip_protocol::kIcmp;
    fix_checksum(frame);
    CHECK(outer_of(frame).kind == OuterHeaders::Kind::kLocal);
    CHECK(outer_of(valid_frames().back()).kind == OuterHeaders::Kind::kArp);
}

TEST_CASE("the flow hash depends on every part of the five-tuple and on nothing else")
{
    const Frame v4 = udp_v4(20);
    // protocol, both addresses, both ports
    for (std::size_t at = 0; at < 60; ++at) {
        Frame other = v4;
        other[at] ^= std::byte{0x01};
        const bool is_tuple = at == 23 || (at >= 26 && at < 38);
        if (at >= 12 && at <= 14)
            continue; // EtherType, version and header length say where the rest is
        if (at == 20 || at == 21)
            continue; // a fragment has no ports
        INFO("byte " << at);
        CHECK((inner_of(other).flow_hash != inner_of(v4).flow_hash) == is_tuple);
    }
}

TEST_CASE("IPv6 extension headers do not hide the ports")
{
    Frame frame = udp_v6_extended();
    const std::uint32_t hash = inner_of(frame).flow_hash;
    CHECK(hash == inner_of(udp_v6(8)).flow_hash);
    frame[sizeof(EthernetHeader) + sizeof(Ipv6Header) + 24] ^= std::byte{1};
    CHECK(inner_of(frame).flow_hash != hash);
}

TEST_CASE("all fragments of a datagram have one flow hash")
{
    Frame first = udp_v4(20);
    ipv4_of(first).fragment = 0x2000;
    Frame later = first;
    ipv4_of(later).fragment = 0x0005;
    later[34] ^= std::byte{0xff};
    CHECK(inner_of(first).flow_hash == inner_of(later).flow_hash);
}

TEST_CASE("an outer source port is an ephemeral one")
{
    std::mt19937_64 random(2);
    for (int round = 0; round < 10000; ++round)
        REQUIRE(source_port(static_cast<std::uint32_t>(random())) >= kFirstEphemeralPort);
}
