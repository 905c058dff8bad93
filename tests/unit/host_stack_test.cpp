// SPDX-License-Identifier: BSD-3-Clause
// HostStack: what holds for every frame, and routed packets.
#include "tests/unit/host_stack_lab.h"

#include <catch2/catch.hpp>

#include <random>
#include <set>

using namespace vx;
using namespace vx::test;

// ---- properties ------------------------------------------------------------------------------------------------

TEST_CASE("every kind of frame that something is done about is served")
{
    for (const Received& kind : every_kind()) {
        HostStackLab lab;
        want_next_hops(lab.resolver, {{kUplink, ip("192.0.2.2")}, {kUplink, ip("2001:db8:1::2")}}, lab.now);
        const auto verdict = lab.receive(kind.in, kind.reason, kind.frame);
        std::optional<DropReason> expected;
        if (kind.reason == PuntReason::kTtlExpired)
            expected = DropReason::ttl_expired;
        if (kind.reason == PuntReason::kTooBig)
            expected = DropReason::frame_too_big;
        CHECK(verdict == expected);
    }
}

TEST_CASE("a truncated frame is neither read beyond its end nor answered")
{
    for (const Received& kind : every_kind()) {
        for (std::size_t size = 0; size < kind.frame.size(); ++size) {
            HostStackLab lab;
            lab.receive(kind.in, kind.reason, Bytes{kind.frame}.first(size));
            if (!lab.sent.empty() || !lab.resolver.all().empty())
                FAIL("answered " << size << " of " << kind.frame.size() << " bytes");
        }
    }
}

TEST_CASE("an ICMPv6 message of any length is not read beyond its end, though its lengths and checksum agree")
{
    for (const Received& kind : every_kind()) {
        if (header_at<EthernetHeader>(kind.frame, 0).type.host() != ether_type::kIpv6)
            continue;
        for (std::size_t size = 0; size < kind.frame.size() - kL4v6; ++size) {
            HostStackLab lab;
            Octets frame = kind.frame;
            frame.resize(kL4v6 + size);
            ipv6_of(frame).payload_length = static_cast<std::uint16_t>(size);
            if (size >= 4)
                fix_message6(frame);
            lab.receive(kind.in, kind.reason, frame);
            if (size < sizeof(IcmpHeader) && !lab.sent.empty())
                FAIL("answered " << size << " bytes of a message");
        }
    }
}

TEST_CASE("whatever is received, what is sent has right checksums and comes from our own addresses")
{
    std::mt19937 random{1};
    HostStackLab lab;
    std::size_t count = 0;
    const std::set<Mac> own{kUplinkMac, kBridgeMac, kVxlanMac};
    const auto check = [&] {
        for (const Sent& sent : lab.sent) {
            const auto& ethernet = header_at<EthernetHeader>(Bytes{sent.frame}, 0);
            if (!has_right_checksums(sent.frame) || !own.contains(ethernet.source) ||
                ethernet.source == ethernet.destination)
                FAIL("sent a bad frame of " << sent.frame.size() << " bytes");
        }
        count += lab.sent.size();
        lab.sent.clear();
        lab.now += 50;
        lab.resolver.tick(lab.now);
        lab.groups.tick(lab.now);
    };
    lab.groups.listen(kUplink, {ip("ff02::1:ff00:1")}, lab.now);
    const auto kinds = every_kind();
    for (int i = 0; i < 100'000; ++i) {
        const Received& kind = kinds[random() % kinds.size()];
        Octets frame = kind.frame;
        for (auto flips = random() % 4; flips != 0; --flips)
            frame[random() % frame.size()] ^= static_cast<std::byte>(1U << (random() % 8));
        if (random() % 4 == 0)
            frame.resize(random() % (frame.size() + 20), static_cast<std::byte>(random()));
        if (random() % 2 == 0 && frame.size() >= kL4 && ethernet_of(frame).type.host() == ether_type::kIpv4 &&
            kL3 + ipv4_of(frame).size() <= frame.size())
            fix_header(frame); // so that what lies behind it is reached
        if (random() % 2 == 0 && frame.size() >= kL4v6 + 8 && ethernet_of(frame).type.host() == ether_type::kIpv6)
            fix_message6(frame);
        lab.receive(kind.in, static_cast<PuntReason>(random() % 4), frame);
        check();
    }
    CHECK(count > 10'000);
}

TEST_CASE("random bytes behind each EtherType are survived")
{
    std::mt19937 random{2};
    HostStackLab lab;
    for (int i = 0; i < 100'000; ++i) {
        Octets frame(random() % 160);
        for (std::byte& byte : frame)
            byte = static_cast<std::byte>(random());
        constexpr std::uint16_t kTypes[] = {ether_type::kArp, ether_type::kIpv4, ether_type::kIpv6, 0x88cc};
        if (frame.size() >= kL3)
            ethernet_of(frame).type = kTypes[random() % 4];
        const LinkId in{static_cast<std::uint16_t>(random() % 9)};
        lab.receive(in, static_cast<PuntReason>(random() % 4), frame);
    }
    CHECK(lab.sent.empty());
}

TEST_CASE("a ping of every size is answered with its own payload")
{
    for (std::size_t size = 0; size <= 9000; size += size < 100 ? 1 : 377) {
        HostStackLab lab;
        const Octets request = ping(kUplinkMac, "192.0.2.1", "192.0.2.2", size);
        REQUIRE(has_right_checksums(request));
        CHECK_FALSE(lab.receive(kUplink, PuntReason::kUnderlay, request));
        const Octets reply = lab.reply().frame;
        CHECK(has_right_checksums(reply));
        REQUIRE(reply.size() == request.size());
        CHECK(reply[kL4] == std::byte{IcmpHeader::kEchoReply});
        CHECK(std::equal(reply.begin() + kL4 + 4, reply.end(), request.begin() + kL4 + 4));

        const Octets request6 = ping6(kUplinkMac, "2001:db8:1::1", "2001:db8:1::2", size);
        REQUIRE(has_right_checksums(request6));
        CHECK_FALSE(lab.receive(kUplink, PuntReason::kUnderlay, request6));
        const Octets reply6 = lab.reply().frame;
        CHECK(has_right_checksums(reply6));
        REQUIRE(reply6.size() == request6.size());
        CHECK(reply6[kL4v6] == std::byte{IcmpHeader::kEchoReply6});
        CHECK(std::equal(reply6.begin() + kL4v6 + 4, reply6.end(), request6.begin() + kL4v6 + 4));
    }
}

// ---- routed packets --------------------------------------------------------------------------------------------

TEST_CASE("the next hop of a routed packet is found as workers find it")
{
    const Model model = small_model();
    const auto hop = [&](const char* destination) { return next_hop_of(model, ip(destination)); };
    CHECK(hop("172.18.10.5") == NeighborKey{kBridge, ip("172.18.10.5")});
    CHECK(hop("172.18.20.5") == NeighborKey{kVxlan, ip("172.18.20.0")});
    CHECK(hop("172.18.20.200") == NeighborKey{kBridge, ip("172.18.10.99")}); // longest prefix
    CHECK(hop("10.1.2.3") == NeighborKey{kVxlan, ip("10.1.2.3")});
    CHECK_FALSE(hop("172.18.10.1"));   // our own
    CHECK_FALSE(hop("172.18.10.255")); // broadcast
    CHECK_FALSE(hop("192.0.2.9"));     // underlay subnet
    CHECK_FALSE(hop("8.8.8.8"));       // underlay route
    Model nested = small_model();
    nested.add_address({kVxlan, *IpPrefix::parse("172.18.11.1/16")}); // shorter than the bridge's
    CHECK(next_hop_of(nested, ip("172.18.10.5")) == NeighborKey{kBridge, ip("172.18.10.5")});
    CHECK(next_hop_of(nested, ip("172.18.40.5")) == NeighborKey{kVxlan, ip("172.18.40.5")});
    CHECK(hop("2001:db8:a::9") == NeighborKey{kBridge, ip("2001:db8:a::9")});
    Model changed = small_model();
    changed.set_route(*IpPrefix::parse("172.18.10.0/24"), {ip("172.18.20.0"), kVxlan, true});
    CHECK(next_hop_of(changed, ip("172.18.10.5")) == NeighborKey{kVxlan, ip("172.18.20.0")}); // configured wins
    changed.edit(kVxlan)->is_up = false;
    CHECK(next_hop_of(changed, ip("172.18.10.5")) == NeighborKey{kBridge, ip("172.18.10.5")});
}

TEST_CASE("a routed frame waits for its neighbour, and goes back in where it came from")
{
    HostStackLab lab;
    const Octets frame = ping(kBridgeMac, "172.18.20.5", "172.18.10.5");
    CHECK_FALSE(lab.receive(kPort, PuntReason::kUnresolved, frame));
    const Sent asked = lab.reply();
    CHECK(asked.link == kVxlan);
    CHECK(asked.frame ==
          arp_frame(Mac::broadcast(), ArpPacket::kRequest, {kVxlanMac, ip("172.18.10.0")}, {Mac{}, ip("172.18.20.0")}));
    CHECK_FALSE(lab.receive(kVxlan, PuntReason::kLocal, arp_reply("172.18.20.0", kVxlanMac, "172.18.10.0")));
    REQUIRE(lab.released.size() == 1);
    CHECK(lab.released[0].link == kPort);
    CHECK(lab.released[0].frame == frame);
}

TEST_CASE("a routed frame without a route, or whose neighbour is a static one by now, is dropped by name")
{
    HostStackLab lab;
    CHECK(lab.receive(kPort, PuntReason::kUnresolved, ping(kBridgeMac, "8.8.8.8", "172.18.10.5")) ==
          DropReason::no_route);
    CHECK(lab.receive(kPort, PuntReason::kUnresolved, ping(kBridgeMac, "172.18.30.5", "172.18.10.5")) ==
          DropReason::neighbor_unresolved);
    CHECK(lab.receive(kPort, PuntReason::kUnresolved, arp_request("172.18.10.5", "172.18.10.1")) ==
          DropReason::routed_not_ipv4);
    CHECK(lab.resolver.all().empty());
}

TEST_CASE("time exceeded quotes the packet, up to 576 bytes in all, and says who we are")
{
    for (const std::size_t payload : {0U, 8U, 56U, 500U, 519U, 520U, 521U, 1400U, 8000U}) {
        HostStackLab lab;
        Octets frame = ping(kBridgeMac, "172.18.20.5", "172.18.10.5", payload);
        ipv4_of(frame).ttl = 1;
        fix_header(frame);
        CHECK(lab.receive(kPort, PuntReason::kTtlExpired, frame) == DropReason::ttl_expired);
        Sent error = lab.reply();
        CHECK(error.link == kBridge);
        CHECK(has_right_checksums(error.frame));
        CHECK(error.frame.size() - kL3 == std::min<std::size_t>(576, frame.size() - kL3 + 28));
        CHECK(ethernet_of(error.frame).destination == kPeerMac);
        CHECK(ethernet_of(error.frame).source == kBridgeMac);
        CHECK(IpAddress::v4_from_wire(&ipv4_of(error.frame).source) == ip("172.18.10.1"));
        CHECK(IpAddress::v4_from_wire(&ipv4_of(error.frame).destination) == ip("172.18.10.5"));
        CHECK(error.frame[kL4] == std::byte{11});
        CHECK(error.frame[kL4 + 1] == std::byte{0});
        CHECK(std::equal(error.frame.begin() + kL4 + 8, error.frame.end(), frame.begin() + kL3));
    }
}

TEST_CASE("time exceeded is not sent about errors, later fragments, broadcasts, or to who cannot be a sender")
{
    const auto silent = [](const std::function<void(Octets&)>& change) {
        HostStackLab lab;
        Octets frame = ping(kBridgeMac, "172.18.20.5", "172.18.10.5");
        change(frame);
        fix_header(frame);
        return lab.receive(kPort, PuntReason::kTtlExpired, frame) == DropReason::ttl_expired && lab.sent.empty();
    };
    CHECK_FALSE(silent([](Octets&) {}));
    CHECK_FALSE(silent([](Octets& frame) { ipv4_of(frame).fragment = 0x2000; })); // the first one
    CHECK(silent([](Octets& frame) { ipv4_of(frame).fragment = 0x0001; }));
    for (const unsigned type : {3U, 4U, 5U, 11U, 12U, 200U})
        CHECK(silent([&](Octets& frame) { frame[kL4] = static_cast<std::byte>(type); }));
    CHECK(silent([](Octets& frame) { ethernet_of(frame).destination = Mac::broadcast(); }));
    CHECK(silent([](Octets& frame) { ethernet_of(frame).source = Mac::broadcast(); }));
    for (const char* source : {"172.18.10.255", "172.18.10.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "127.0.0.1"})
        CHECK(silent([&](Octets& frame) { frame = ping(kBridgeMac, "172.18.20.5", source); }));
    CHECK(silent([](Octets& frame) { frame = ping(kBridgeMac, "224.0.0.9", "172.18.10.5"); }));
}

TEST_CASE("who sent a packet that is too large is told the MTU of the way it would have gone")
{
    HostStackLab lab;
    const Octets frame = ping(kBridgeMac, "172.18.20.5", "172.18.10.5", 1500);
    CHECK(lab.receive(kPort, PuntReason::kTooBig, frame) == DropReason::frame_too_big);
    const Sent error = lab.reply();
    CHECK(error.link == kBridge);
    CHECK(has_right_checksums(error.frame));
    CHECK(error.frame[kL4] == std::byte{3});
    CHECK(error.frame[kL4 + 1] == std::byte{4});
    const auto mtu = std::size_t{std::to_integer<std::uint8_t>(error.frame[kL4 + 6])} * 256 +
                     std::to_integer<std::uint8_t>(error.frame[kL4 + 7]);
    CHECK(mtu == lab.model.mtu_of(*lab.model.find(kVxlan)));
}

TEST_CASE("errors are limited to a number each second")
{
    HostStackLab lab;
    const Octets frame = ping(kBridgeMac, "172.18.20.5", "172.18.10.5");
    for (int i = 0; i < 1000; ++i)
        CHECK(lab.receive(kPort, PuntReason::kTtlExpired, frame) == DropReason::ttl_expired);
    CHECK(lab.sent.size() == 100);
    lab.now += 1000;
    lab.receive(kPort, PuntReason::kTtlExpired, frame);
    CHECK(lab.sent.size() == 101);
}
