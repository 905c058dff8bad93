// SPDX-License-Identifier: BSD-3-Clause
// HostStack: Neighbor Discovery.
#include "tests/unit/host_stack_lab.h"

#include <catch2/catch.hpp>

#include <functional>

using namespace vx;
using namespace vx::test;

TEST_CASE("a solicitation for an own address is answered, to the group or to us")
{
    for (const auto& to : {std::optional<Mac>{}, std::optional{kBridgeMac}}) {
        HostStackLab lab;
        CHECK_FALSE(lab.receive(kPort, PuntReason::kLocal, solicitation("2001:db8:a::5", "2001:db8:a::1", to)));
        Sent reply = lab.reply();
        CHECK(reply.link == kBridge);
        CHECK(reply.frame ==
              neighbor_advertisement({kBridgeMac, ip("2001:db8:a::1")}, {kPeerMac, ip("2001:db8:a::5")}, 0x60));
        CHECK(has_right_checksums(reply.frame));
        CHECK(ipv6_of(reply.frame).hop_limit == 255);
        CHECK(reply.frame.size() == kL4v6 + 32);
        CHECK(reply.frame[kL4v6 + 24] == std::byte{2}); // target link-layer address
        CHECK(lab.resolver.find({kBridge, ip("2001:db8:a::5")}) == kPeerMac);
    }
}

TEST_CASE("duplicate address detection is answered to all nodes")
{
    HostStackLab lab;
    Octets frame = neighbor_solicitation({kPeerMac, ip("::")}, ip("2001:db8:a::1"), {});
    CHECK_FALSE(lab.receive(kPort, PuntReason::kLocal, frame));
    CHECK(lab.sent.empty()); // RFC 4861 section 7.1.1: it must not have a source link-layer address
    frame.resize(frame.size() - 8);
    ipv6_of(frame).payload_length = 24;
    fix_message6(frame);
    CHECK_FALSE(lab.receive(kPort, PuntReason::kLocal, frame));
    const Octets reply = lab.reply().frame;
    CHECK(reply == neighbor_advertisement({kBridgeMac, ip("2001:db8:a::1")},
                                          {*Mac::parse("33:33:00:00:00:01"), ip("ff02::1")}, 0x20));
    CHECK(lab.resolver.all().empty());
}

TEST_CASE("a solicitation that is not valid or not for us is not answered")
{
    const auto refused = [](const std::function<void(Octets&)>& change) {
        HostStackLab lab;
        Octets frame = solicitation("2001:db8:a::5", "2001:db8:a::1");
        change(frame);
        lab.receive(kPort, PuntReason::kLocal, frame);
        return lab.sent.empty() && lab.resolver.all().empty();
    };
    const auto set = [](std::size_t offset, std::uint8_t value) {
        return [=](Octets& frame) {
            frame[kL4v6 + offset] = std::byte{value};
            fix_message6(frame);
        };
    };
    CHECK_FALSE(refused([](Octets&) {}));
    CHECK(refused([](Octets& frame) { ipv6_of(frame).hop_limit = 254; }));
    CHECK(refused([](Octets& frame) { frame.back() ^= std::byte{1}; }));
    CHECK(refused(set(1, 1)));     // code
    CHECK(refused(set(25, 0)));    // option of no length
    CHECK(refused(set(25, 2)));    // option longer than the message
    CHECK(refused(set(26, 0x03))); // group address
    CHECK(refused(set(8, 0xff)));  // multicast target
    CHECK(refused([](Octets& frame) { frame = solicitation("2001:db8:a::5", "2001:db8:a::2"); }));
    CHECK(refused([](Octets& frame) { frame = solicitation("2001:db8:a::5", "2001:db8:1::1"); }));
    CHECK(refused([](Octets& frame) { frame = solicitation("2001:db8:a::1", "2001:db8:a::1"); }));
    CHECK(refused([](Octets& frame) { frame = solicitation("ff02::5", "2001:db8:a::1"); }));
    CHECK(refused([](Octets& frame) { ethernet_of(frame).source = kBridgeMac; }));
}

TEST_CASE("options that are not known are passed over; ones that do not end with the message spoil it")
{
    const auto answered = [](const Octets& options) {
        HostStackLab lab;
        Octets frame = solicitation("2001:db8:a::5", "2001:db8:a::1");
        frame.insert(frame.end(), options.begin(), options.end());
        ipv6_of(frame).payload_length = static_cast<std::uint16_t>(frame.size() - kL4v6);
        fix_message6(frame);
        lab.receive(kPort, PuntReason::kLocal, frame);
        return !lab.sent.empty();
    };
    const auto option = [](std::uint8_t type, std::uint8_t length, std::size_t size) {
        Octets bytes(size, std::byte{0x55});
        if (size > 0)
            bytes[0] = std::byte{type};
        if (size > 1)
            bytes[1] = std::byte{length};
        return bytes;
    };
    CHECK(answered(option(14, 1, 8))); // nonce, RFC 3971
    CHECK(answered(option(14, 2, 16)));
    for (const std::uint8_t type : {std::uint8_t{14}, LinkLayerOption::kSource}) {
        for (std::size_t size = 1; size < 24; ++size)
            CHECK_FALSE(answered(option(type, 3, size)));
        CHECK_FALSE(answered(option(type, 255, 8)));
        CHECK_FALSE(answered(option(type, 0, 8)));
    }
}

TEST_CASE("a next hop becomes reachable by its Neighbor Advertisement")
{
    const NeighborKey peer{kUplink, ip("2001:db8:1::2")};
    const Station us{kUplinkMac, ip("2001:db8:1::1")};
    HostStackLab lab;
    want_next_hops(lab.resolver, {peer}, lab.now);
    Octets asked = lab.reply().frame;
    CHECK(has_right_checksums(asked));
    CHECK(ethernet_of(asked).destination == *Mac::parse("33:33:ff:00:00:02"));
    CHECK(ipv6_of(asked).destination == ip("ff02::1:ff00:2").bytes());
    CHECK(ipv6_of(asked).source == ip("2001:db8:1::1").bytes());
    CHECK(ipv6_of(asked).hop_limit == 255);
    const auto advertise = [&](const Mac& mac, std::uint8_t flags) {
        lab.now += 2000;
        CHECK_FALSE(lab.receive(kUplink, PuntReason::kUnderlay, neighbor_advertisement({mac, peer.second}, us, flags)));
        return lab.resolver.find(peer);
    };
    CHECK(advertise(kPeerMac, 0x40) == kPeerMac);
    CHECK(lab.resolver.all().at(peer).state == NudState::kReachable);
    CHECK(advertise(kOtherMac, 0x40) == kPeerMac); // without override
    CHECK(advertise(kOtherMac, 0x60) == kOtherMac);
    CHECK(advertise(kPeerMac, 0x20) == kPeerMac);
    CHECK(lab.resolver.all().at(peer).state == NudState::kStale);

    Octets bare = neighbor_advertisement({kPeerMac, peer.second}, us, 0x60); // as an answer to unicast may be
    bare.resize(bare.size() - 8);
    ipv6_of(bare).payload_length = 24;
    fix_message6(bare);
    CHECK_FALSE(lab.receive(kUplink, PuntReason::kUnderlay, bare));
    CHECK(lab.resolver.all().at(peer).state == NudState::kReachable);
}

TEST_CASE("advertisements that are not valid, of our own addresses, or that nobody asked for, are ignored")
{
    HostStackLab lab;
    const Station all{*Mac::parse("33:33:00:00:00:01"), ip("ff02::1")};
    const NeighborKey peer{kUplink, ip("2001:db8:1::3")};
    want_next_hops(lab.resolver, {peer}, lab.now);
    lab.sent.clear();
    CHECK_FALSE(lab.receive(kUplink, PuntReason::kUnderlay,
                            neighbor_advertisement({kPeerMac, peer.second}, all, 0x60))); // RFC 4861 section 7.1.2
    CHECK_FALSE(lab.resolver.find(peer));
    want_next_hops(lab.resolver, {}, lab.now);
    for (const char* target : {"2001:db8:1::1", "2001:db8:1::2"})
        CHECK_FALSE(
            lab.receive(kUplink, PuntReason::kUnderlay, neighbor_advertisement({kPeerMac, ip(target)}, all, 0x20)));
    CHECK(lab.resolver.all().empty());
    CHECK(lab.sent.empty());
}

TEST_CASE("IPv6 that is not for us is named so, unless it was flooded and others have it")
{
    HostStackLab lab;
    CHECK(lab.receive(kPort, PuntReason::kLocal, ping6(kBridgeMac, "2001:db8:b::9", "2001:db8:a::5")) ==
          DropReason::routed_not_ipv4);
    CHECK_FALSE(
        lab.receive(kPort, PuntReason::kLocal, ping6(*Mac::parse("33:33:00:00:00:01"), "ff02::1", "2001:db8:a::5")));
    CHECK(lab.receive(kUplink, PuntReason::kUnderlay, ping6(kUplinkMac, "2001:db8:b::9", "2001:db8:1::2")) ==
          DropReason::local_unserved);
    CHECK(lab.sent.empty());
}
