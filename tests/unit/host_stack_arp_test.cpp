// SPDX-License-Identifier: BSD-3-Clause
// HostStack: ARP, and announcements.
#include "tests/unit/host_stack_lab.h"

#include <catch2/catch.hpp>

#include <functional>

using namespace vx;
using namespace vx::test;

TEST_CASE("an ARP request for an underlay address is answered to who asked, and teaches nothing that was not wanted")
{
    HostStackLab lab;
    CHECK_FALSE(lab.receive(kUplink, PuntReason::kUnderlay, arp_request("192.0.2.2", "192.0.2.1")));
    const Sent reply = lab.reply();
    CHECK(reply.link == kUplink);
    CHECK(reply.frame ==
          arp_frame(kPeerMac, ArpPacket::kReply, {kUplinkMac, ip("192.0.2.1")}, {kPeerMac, ip("192.0.2.2")}));
    CHECK(lab.resolver.all().empty());
}

TEST_CASE("an ARP request in a bridge is answered by the bridge, whichever member it came in by, and is learned from")
{
    for (const LinkId in : {kPort, kMember, kBridge}) {
        HostStackLab lab;
        CHECK_FALSE(lab.receive(in, PuntReason::kLocal, arp_request("172.18.10.5", "172.18.10.1")));
        const Sent reply = lab.reply();
        CHECK(reply.link == kBridge);
        CHECK(reply.frame ==
              arp_frame(kPeerMac, ArpPacket::kReply, {kBridgeMac, ip("172.18.10.1")}, {kPeerMac, ip("172.18.10.5")}));
        CHECK(lab.resolver.find({kBridge, ip("172.18.10.5")}) == kPeerMac);
    }
}

TEST_CASE("ARP is answered for the addresses of the interface only")
{
    HostStackLab lab;
    CHECK_FALSE(lab.receive(kUplink, PuntReason::kUnderlay, arp_request("192.0.2.2", "198.51.100.1")));
    CHECK_FALSE(lab.receive(kUplink, PuntReason::kUnderlay, arp_request("192.0.2.2", "172.18.10.1")));
    CHECK_FALSE(lab.receive(kPort, PuntReason::kLocal, arp_request("172.18.10.5", "172.18.10.0")));
    CHECK_FALSE(lab.receive(kPort, PuntReason::kLocal, arp_request("172.18.10.5", "172.18.10.77")));
    CHECK_FALSE(lab.receive(kPort, PuntReason::kLocal, arp_request("172.18.10.5", "192.0.2.1")));
    CHECK(lab.sent.empty());
    CHECK(lab.resolver.all().empty());
    CHECK_FALSE(lab.receive(kVxlan, PuntReason::kLocal, arp_request("172.18.20.0", "172.18.10.0")));
    CHECK(lab.reply().link == kVxlan);
}

TEST_CASE("an ARP sender outside the interface's subnets is answered but not remembered")
{
    HostStackLab lab;
    CHECK_FALSE(lab.receive(kPort, PuntReason::kLocal, arp_request("10.9.8.7", "172.18.10.1")));
    CHECK(lab.sent.size() == 1);
    CHECK(lab.resolver.all().empty());
}

TEST_CASE("an ARP probe is answered and not learned from (RFC 5227)")
{
    HostStackLab lab;
    CHECK_FALSE(lab.receive(kPort, PuntReason::kLocal, arp_request("0.0.0.0", "172.18.10.1")));
    const Octets reply = lab.reply().frame;
    CHECK(reply == arp_frame(kPeerMac, ArpPacket::kReply, {kBridgeMac, ip("172.18.10.1")}, {kPeerMac, IpAddress{}}));
    CHECK(lab.resolver.all().empty());
}

TEST_CASE("gratuitous ARP updates what is known, and creates nothing")
{
    HostStackLab lab;
    const NeighborKey peer{kBridge, ip("172.18.10.5")};
    lab.receive(kPort, PuntReason::kLocal, arp_request("172.18.10.5", "172.18.10.5"));
    CHECK(lab.resolver.all().empty());
    lab.receive(kPort, PuntReason::kLocal, arp_request("172.18.10.5", "172.18.10.1"));
    lab.receive(kPort, PuntReason::kLocal, arp_request("172.18.10.5", "172.18.10.5", kOtherMac));
    CHECK(lab.resolver.find(peer) == kOtherMac);
    CHECK(lab.sent.size() == 1);
}

TEST_CASE("a conflict with one of our addresses, and our own ARP coming back, are ignored")
{
    HostStackLab lab;
    for (const char* target : {"172.18.10.1", "172.18.10.5"}) {
        lab.receive(kPort, PuntReason::kLocal, arp_request("172.18.10.1", target));
        lab.receive(kPort, PuntReason::kLocal, arp_request("172.18.10.5", target, kBridgeMac));
        lab.receive(kPort, PuntReason::kLocal, arp_request("172.18.10.255", target));
        lab.receive(kPort, PuntReason::kLocal, arp_request("224.0.0.1", target));
    }
    CHECK(lab.sent.empty());
    CHECK(lab.resolver.all().empty());
}

TEST_CASE("malformed ARP is ignored")
{
    const auto changes = std::vector<std::function<void(ArpPacket&)>>{
        [](ArpPacket& arp) { arp.hardware_type = 2; },  [](ArpPacket& arp) { arp.protocol_type = ether_type::kIpv6; },
        [](ArpPacket& arp) { arp.hardware_size = 8; },  [](ArpPacket& arp) { arp.protocol_size = 16; },
        [](ArpPacket& arp) { arp.operation = 3; },      [](ArpPacket& arp) { arp.sender_mac = Mac::broadcast(); },
        [](ArpPacket& arp) { arp.sender_mac = Mac{}; },
    };
    for (const auto& change : changes) {
        HostStackLab lab;
        Octets frame = arp_request("172.18.10.5", "172.18.10.1");
        change(arp_of(frame));
        CHECK(lab.receive(kPort, PuntReason::kLocal, frame) == DropReason::local_unserved);
        CHECK(lab.sent.empty());
        CHECK(lab.resolver.all().empty());
    }
}

TEST_CASE("a next hop becomes reachable by its ARP reply, and by nobody else's")
{
    HostStackLab lab;
    const NeighborKey peer{kUplink, ip("192.0.2.2")};
    want_next_hops(lab.resolver, {peer}, lab.now);
    const Sent asked = lab.reply();
    CHECK(asked.link == kUplink);
    CHECK(asked.frame ==
          arp_frame(Mac::broadcast(), ArpPacket::kRequest, {kUplinkMac, ip("192.0.2.1")}, {Mac{}, ip("192.0.2.2")}));
    CHECK_FALSE(lab.receive(kUplink, PuntReason::kUnderlay, arp_reply("192.0.2.3", kUplinkMac, "192.0.2.1")));
    CHECK_FALSE(lab.resolver.find(peer));
    CHECK(lab.resolver.all().size() == 1);
    CHECK_FALSE(lab.receive(kUplink, PuntReason::kUnderlay, arp_reply("192.0.2.2", kUplinkMac, "192.0.2.1")));
    CHECK(lab.resolver.find(peer) == kPeerMac);
    CHECK(lab.resolver.all().at(peer).state == NudState::kReachable);
    CHECK(lab.sent.empty());
}

TEST_CASE("an ARP reply that was sent to all, or to another, is an announcement and no answer")
{
    HostStackLab lab;
    const NeighborKey peer{kUplink, ip("192.0.2.2")};
    want_next_hops(lab.resolver, {peer}, lab.now);
    Octets frame = arp_reply("192.0.2.2", kUplinkMac, "192.0.2.1");
    SECTION("broadcast")
    {
        ethernet_of(frame).destination = Mac::broadcast();
    }
    SECTION("for another")
    {
        frame = arp_reply("192.0.2.2", kUplinkMac, "192.0.2.7");
    }
    lab.receive(kUplink, PuntReason::kUnderlay, frame);
    CHECK(lab.resolver.all().at(peer).state == NudState::kStale);
}

TEST_CASE("a known neighbour is confirmed by unicast")
{
    HostStackLab lab;
    lab.stack.solicit(kUplink, ip("192.0.2.2"), kPeerMac);
    CHECK(lab.reply().frame ==
          arp_frame(kPeerMac, ArpPacket::kRequest, {kUplinkMac, ip("192.0.2.1")}, {Mac{}, ip("192.0.2.2")}));
    lab.stack.solicit(kUplink, ip("2001:db8:1::2"), kPeerMac);
    Octets frame = lab.reply().frame;
    CHECK(ethernet_of(frame).destination == kPeerMac);
    CHECK(ipv6_of(frame).destination == ip("2001:db8:1::2").bytes());
}

TEST_CASE("who asks for an address that the kernel has on the interface too is answered by the kernel alone")
{
    HostStackLab lab;
    lab.kernels = {{kUplink, ip("192.0.2.1")}, {kUplink, ip("2001:db8:1::1")}};
    const Octets frames[] = {arp_request("192.0.2.2", "192.0.2.1"), solicitation("2001:db8:1::2", "2001:db8:1::1"),
                             ping(kUplinkMac, "192.0.2.1", "203.0.113.9")};
    for (const Octets& frame : frames) {
        CHECK_FALSE(lab.receive(kUplink, PuntReason::kUnderlay, frame));
        CHECK(lab.sent.empty());
    }
    lab.kernels.clear();
    for (const Octets& frame : frames) {
        CHECK_FALSE(lab.receive(kUplink, PuntReason::kUnderlay, frame));
        (void)lab.reply();
    }
}

TEST_CASE("an interface without an address of the family, or that is gone or down, asks and announces nothing")
{
    HostStackLab lab;
    lab.stack.solicit(kLonely, ip("192.0.2.2"), {});
    lab.stack.solicit(kVxlan, ip("2001:db8::1"), {});
    lab.stack.solicit(LinkId{99}, ip("192.0.2.2"), {});
    lab.stack.announce(LinkId{99}, ip("192.0.2.2"));
    lab.model.edit(kUplink)->is_up = false;
    lab.stack.solicit(kUplink, ip("192.0.2.2"), {});
    lab.stack.announce(kUplink, ip("192.0.2.1"));
    CHECK(lab.receive(kUplink, PuntReason::kUnderlay, arp_request("192.0.2.2", "192.0.2.1")));
    CHECK(lab.sent.empty());
}

TEST_CASE("addresses are announced by gratuitous ARP, in request form, and by unsolicited advertisements")
{
    HostStackLab lab;
    lab.stack.announce(kBridge, ip("172.18.10.1"));
    const Sent arp = lab.reply();
    CHECK(arp.link == kBridge);
    CHECK(arp.frame == arp_frame(Mac::broadcast(), ArpPacket::kRequest, {kBridgeMac, ip("172.18.10.1")},
                                 {Mac{}, ip("172.18.10.1")}));
    lab.stack.announce(kBridge, ip("2001:db8:a::1"));
    Octets frame = lab.reply().frame;
    CHECK(has_right_checksums(frame));
    CHECK(ethernet_of(frame).destination == *Mac::parse("33:33:00:00:00:01"));
    CHECK(ethernet_of(frame).source == kBridgeMac);
    CHECK(ipv6_of(frame).hop_limit == 255);
    CHECK(ipv6_of(frame).destination == ip("ff02::1").bytes());
    CHECK(frame[kL4v6] == std::byte{136});
    CHECK(frame[kL4v6 + 4] == std::byte{0x20}); // override, not solicited
}
