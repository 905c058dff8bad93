// SPDX-License-Identifier: BSD-3-Clause
// HostStack: ping of our own addresses.
#include "tests/unit/host_stack_lab.h"

#include <catch2/catch.hpp>

#include <functional>

using namespace vx;
using namespace vx::test;

TEST_CASE("a ping to an underlay address goes back the way it came")
{
    HostStackLab lab;
    Octets request = ping(kUplinkMac, "192.0.2.1", "203.0.113.9");
    ipv4_of(request).tos = 0xbb;
    ipv4_of(request).ttl = 3;
    fix_header(request);
    CHECK_FALSE(lab.receive(kUplink, PuntReason::kUnderlay, request));
    Sent reply = lab.reply();
    CHECK(reply.link == kUplink);
    CHECK(ethernet_of(reply.frame).destination == kPeerMac);
    CHECK(ethernet_of(reply.frame).source == kUplinkMac);
    CHECK(ipv4_of(reply.frame).source == ipv4_of(request).destination);
    CHECK(ipv4_of(reply.frame).destination == ipv4_of(request).source);
    CHECK(ipv4_of(reply.frame).ttl == 64);
    CHECK(ipv4_of(reply.frame).tos == 0xb8);
}

TEST_CASE("a ping to any overlay address is answered by the interface that it came in by")
{
    HostStackLab lab;
    for (const char* own : {"172.18.10.1", "172.18.10.0"}) {
        CHECK_FALSE(lab.receive(kPort, PuntReason::kLocal, ping(kBridgeMac, own, "172.18.10.5")));
        Sent reply = lab.reply();
        CHECK(reply.link == kBridge);
        CHECK(ethernet_of(reply.frame).source == kBridgeMac);
        CHECK(IpAddress::v4_from_wire(&ipv4_of(reply.frame).source) == ip(own));
    }
    CHECK_FALSE(lab.receive(kVxlan, PuntReason::kLocal, ping(kVxlanMac, "172.18.10.1", "172.18.20.7")));
    CHECK(lab.reply().link == kVxlan);
    CHECK_FALSE(lab.receive(kPort, PuntReason::kLocal, ping6(kBridgeMac, "2001:db8:a::1", "2001:db8:a::5")));
    CHECK(lab.reply().link == kBridge);
}

TEST_CASE("underlay and overlay do not answer for each other")
{
    HostStackLab lab;
    CHECK(lab.receive(kPort, PuntReason::kLocal, ping(kBridgeMac, "192.0.2.1", "172.18.10.5")) ==
          DropReason::local_unserved);
    CHECK(lab.receive(kUplink, PuntReason::kUnderlay, ping(kUplinkMac, "172.18.10.1", "192.0.2.2")) ==
          DropReason::local_unserved);
    CHECK(lab.receive(kPort, PuntReason::kLocal, ping6(kBridgeMac, "2001:db8:1::1", "2001:db8:a::5")) ==
          DropReason::routed_not_ipv4);
    CHECK(lab.receive(kPort, PuntReason::kUnderlay, ping(kBridgeMac, "172.18.10.1", "172.18.10.5")) ==
          DropReason::local_unserved);
    CHECK(lab.receive(kUplink, PuntReason::kLocal, ping(kUplinkMac, "192.0.2.1", "192.0.2.2")) ==
          DropReason::local_unserved);
    CHECK(lab.receive(LinkId{99}, PuntReason::kLocal, ping(kBridgeMac, "172.18.10.1", "172.18.10.5")) ==
          DropReason::local_unserved);
    CHECK(lab.sent.empty());
}

TEST_CASE("a ping with IPv4 options is answered without them; padding is left behind")
{
    HostStackLab lab;
    const Octets plain = ping(kBridgeMac, "172.18.10.1", "172.18.10.5", 33);
    Octets request = plain;
    request.insert(request.begin() + kL4, {std::byte{1}, std::byte{1}, std::byte{1}, std::byte{0}});
    ipv4_of(request).version_ihl = 0x46;
    ipv4_of(request).total_length = static_cast<std::uint16_t>(request.size() - kL3);
    fix_header(request);
    request.resize(request.size() + 11, std::byte{0xee});
    CHECK_FALSE(lab.receive(kPort, PuntReason::kLocal, request));
    const Octets reply = lab.reply().frame;
    CHECK(has_right_checksums(reply));
    REQUIRE(reply.size() == plain.size());
    CHECK(std::equal(reply.begin() + kL4 + 4, reply.end(), plain.begin() + kL4 + 4));
}

TEST_CASE("a ping that must not be answered is not")
{
    const auto refused = [](const std::function<void(Octets&)>& change) {
        HostStackLab lab;
        Octets frame = ping(kBridgeMac, "172.18.10.1", "172.18.10.5");
        change(frame);
        return lab.receive(kPort, PuntReason::kLocal, frame) == DropReason::local_unserved && lab.sent.empty();
    };
    const auto source = [](const char* text) {
        return [text](Octets& frame) { frame = ping(kBridgeMac, "172.18.10.1", text); };
    };
    CHECK(refused([](Octets& frame) { frame.back() ^= std::byte{1}; }));
    CHECK(refused([](Octets& frame) { frame[kL3 + 8] ^= std::byte{1}; }));
    CHECK(refused([](Octets& frame) { ethernet_of(frame).destination = Mac::broadcast(); }));
    CHECK(refused([](Octets& frame) { ethernet_of(frame).source = Mac::broadcast(); }));
    for (const Be16 fragment : {Be16{0x2000}, Be16{0x0001}, Be16{0x2001}}) {
        CHECK(refused([&](Octets& frame) {
            ipv4_of(frame).fragment = fragment;
            fix_header(frame);
        }));
    }
    CHECK(refused(source("172.18.10.255")));
    CHECK(refused(source("172.18.10.1")));
    CHECK(refused(source("192.0.2.1")));
    CHECK(refused(source("255.255.255.255")));
    CHECK(refused(source("224.0.0.5")));
    CHECK(refused(source("127.0.0.1")));
    CHECK(refused(source("0.0.0.0")));
    CHECK(refused([](Octets& frame) { frame = ping(kBridgeMac, "172.18.10.255", "172.18.10.5"); }));
    CHECK(refused([](Octets& frame) {
        frame = icmp4_frame({kPeerMac, ip("172.18.10.5")}, {kBridgeMac, ip("172.18.10.1")}, 0, 0,
                            echo_message(IcmpHeader::kEchoReply, 8));
    }));
    CHECK_FALSE(refused([](Octets&) {}));
}
