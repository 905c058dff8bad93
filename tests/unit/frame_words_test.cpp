// SPDX-License-Identifier: BSD-3-Clause
#include "control/commands/frame_words.h"

#include "control/wire/wire.h"
#include "dataplane/net/parse.h"

#include <catch2/catch.hpp>

#include <algorithm>

namespace vx
{

namespace
{

using Frame = std::vector<std::byte>;

Result<Frame> frame_of(std::string_view line)
{
    const auto split = split_words(line);
    const std::vector<std::string_view> views(split->begin(), split->end());
    Words words(views, 0, "explain", "", "");
    auto frame = read_frame(words);
    if (auto end = words.finish(); frame && !end)
        return std::move(end).error();
    return frame;
}

std::string error_of(std::string_view line)
{
    const auto frame = frame_of(line);
    return frame ? "" : frame.error().message;
}

constexpr std::string_view kEth = "eth src 02:00:00:00:00:01 dst 02:00:00:00:00:02";

} // namespace

TEST_CASE("hexadecimal digits are the frame, with blanks and colons or without")
{
    CHECK(frame_of("0102ff").value() == Frame{std::byte{1}, std::byte{2}, std::byte{255}});
    CHECK(frame_of("01:02:FF").value() == frame_of("'01 02 ff'").value());
    CHECK(error_of("012").find("\"012\"") != std::string::npos);
    CHECK(error_of("0g").find("\"0g\"") != std::string::npos);
}

TEST_CASE("the headers that words make are sound")
{
    for (const auto& [words, size] : {std::pair{"", 60U},
                                      {" ip src 10.0.0.1 dst 10.0.1.2 tcp dport 80", 60U},
                                      {" vlan 7 ip src 1.2.3.4 dst 5.6.7.8", 60U},
                                      {" ip6 src fd00::1 dst fd00::2 udp sport 7 dport 9", 62U},
                                      {" arp who 10.0.0.2 tell 10.0.0.1", 60U},
                                      {" ip src 10.0.0.1 dst 10.0.1.2 icmp size 1514", 1514U}}) {
        INFO(words);
        const auto frame = frame_of(std::string(kEth) + words);
        REQUIRE(frame.has_value());
        CHECK(frame->size() == size);
        CHECK(header_at<EthernetHeader>(*frame, 0).source.to_string() == "02:00:00:00:00:01");
    }
    const Frame tcp =
        frame_of(std::string(kEth) + " ip src 10.0.0.1 dst 10.0.1.2 ttl 9 tos 3 tcp sport 5 dport 80").value();
    const auto& ip = header_at<Ipv4Header>(tcp, 14);
    CHECK(ipv4_checksum_is_right(ip));
    CHECK(ip.total_length.host() == 40);
    CHECK(ip.ttl == 9);
    CHECK(parse_inner(tcp).ecn == 3);
    CHECK(header_at<UdpHeader>(tcp, 34).source_port.host() == 5);
    CHECK(header_at<UdpHeader>(tcp, 34).destination_port.host() == 80);
    const InnerFrame tagged = parse_inner(frame_of(std::string(kEth) + " vlan 7 ip src 1.2.3.4 dst 5.6.7.8").value());
    CHECK(tagged.tag_size == 4);
}

TEST_CASE("a frame in a tunnel is one that decapsulation takes")
{
    const Frame frame =
        frame_of(fmt::format("{0} ip src 192.0.2.2 dst 192.0.2.1 udp vxlan vni 100 {0} ip src 10.0.0.1 dst "
                             "10.0.0.2 icmp",
                             kEth))
            .value();
    const OuterHeaders outer = parse_outer(frame, frame.size());
    CHECK(outer.kind == OuterHeaders::Kind::kUdp);
    CHECK(outer.destination_port == 4789);
    CHECK(header_at<VxlanHeader>(frame, outer.l4_offset + sizeof(UdpHeader)).vni().value() == 100);
    CHECK(parse_inner(Bytes(frame).subspan(outer.inner_offset())).ether_type == ether_type::kIpv4);
}

TEST_CASE("words that are no frame are errors that name what is missing or wrong")
{
    const std::string eth{kEth};
    for (const auto& [words, says] : {std::pair{std::string("eth src 02:00:00:00:00:01"), "eth src MAC dst MAC"},
                                      {eth + " ip src 10.0.0.1", "ip src ADDR dst ADDR"},
                                      {eth + " ip src ::1 dst 10.0.0.1", "no address of ip"},
                                      {eth + " ip src 10.0.0.1 dst 10.0.0.2 ttl 256", "256"},
                                      {eth + " arp who 10.0.0.1", "tell"},
                                      {eth + " vlan 4096", "4096"},
                                      {eth + " nonsense", "nonsense"},
                                      {eth + " ip src 10.0.0.1 dst 10.0.0.2 udp vxlan vni 1", "eth"}}) {
        INFO(words);
        CHECK(error_of(words).find(says) != std::string::npos);
    }
}

} // namespace vx
