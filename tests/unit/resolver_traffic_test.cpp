// SPDX-License-Identifier: BSD-3-Clause
// Resolver: neighbours that traffic asks for, and frames that wait for them.
#include "tests/unit/resolver_lab.h"

#include <catch2/catch.hpp>

using namespace vx;
using namespace vx::test;

TEST_CASE("a held frame is released, unchanged and after the MAC was reported, when the answer comes")
{
    ResolverLab lab;
    lab.hold(kPeer, 5);
    CHECK(lab.asked.size() == 1);
    CHECK_FALSE(lab.asked[0].known);
    lab.on_change = [&] { CHECK(lab.released.empty()); };
    lab.run(500);
    lab.answer(kPeer);
    REQUIRE(lab.released.size() == 1);
    CHECK(lab.released[0] == std::vector<std::byte>(60, std::byte{5}));
    CHECK(lab.last_in == kIn);
    CHECK(lab.dropped == 0);
    CHECK(lab.resolver.all().at(kPeer).held.empty());
}

TEST_CASE("of more frames than may be held, the oldest are dropped")
{
    ResolverLab lab;
    for (std::uint8_t i = 0; i < 10; ++i)
        lab.hold(kPeer, i);
    CHECK(lab.asked.size() == 1);
    CHECK(lab.dropped == 10 - Resolver::kMaxHeld);
    lab.answer(kPeer);
    REQUIRE(lab.released.size() == Resolver::kMaxHeld);
    CHECK(lab.released.front()[0] == std::byte{6});
    CHECK(lab.released.back()[0] == std::byte{9});
}

TEST_CASE("frames held for all neighbours together are bounded in bytes, and the account is settled")
{
    ResolverLab lab;
    const std::vector<std::byte> large(65536);
    const auto fill = [&](std::uint32_t first) {
        for (std::uint32_t i = 0; i < 400; ++i)
            lab.resolver.hold({LinkId{1}, IpAddress::v4(first + i)}, {kIn, large, {}}, lab.now);
    };
    fill(0x0a000000);
    CHECK(lab.dropped == 400 - Resolver::kMaxHeldBytes / large.size());
    lab.run(Resolver::kMaxProbes * 1000 + Resolver::kFailedMs + 1000);
    CHECK(lab.resolver.all().empty());
    CHECK(lab.dropped == 400);
    fill(0x0b000000);
    CHECK(lab.dropped == 800 - Resolver::kMaxHeldBytes / large.size());
}

TEST_CASE("a neighbour that does not answer three broadcasts fails, is remembered as dead, and then forgotten")
{
    ResolverLab lab;
    lab.hold(kPeer);
    lab.run(2900);
    CHECK(lab.asked.size() == 3);
    CHECK(lab.state(kPeer) == NudState::kIncomplete);
    CHECK(lab.dropped == 0);
    lab.run(100);
    CHECK(lab.state(kPeer) == NudState::kFailed);
    CHECK(lab.dropped == 1);
    CHECK(lab.changes.empty());
    lab.hold(kPeer);
    CHECK(lab.dropped == 2);
    CHECK(lab.asked.size() == 3);
    lab.run(Resolver::kFailedMs);
    CHECK(lab.resolver.all().empty());
    lab.hold(kPeer);
    CHECK(lab.asked.size() == 4);
}

TEST_CASE("a flood to a dead address asks for it at most once a second")
{
    ResolverLab lab;
    std::size_t sent = 0;
    for (int i = 0; i < 300; ++i) {
        for (int k = 0; k < 5; ++k, ++sent)
            lab.hold(kPeer);
        lab.run(100);
        CHECK(lab.asked_since(lab.now - 1000) <= 2); // both ends of the second
    }
    CHECK(lab.asked.size() <= 30);
    std::size_t held = 0;
    for (const auto& [key, neighbor] : lab.resolver.all())
        held += neighbor.held.size();
    CHECK(lab.dropped + held == sent);
}

TEST_CASE("a reachable neighbour is confirmed by unicast when its time is over, and forgotten if it is silent")
{
    ResolverLab lab;
    lab.hold(kPeer);
    lab.answer(kPeer);
    lab.asked.clear();
    lab.run(Resolver::kReachableMs - 100);
    CHECK(lab.asked.empty());
    lab.run(100);
    REQUIRE(lab.asked.size() == 1);
    CHECK(lab.asked[0].known == kMac);
    CHECK(lab.resolver.find(kPeer) == kMac);
    SECTION("it answers")
    {
        lab.answer(kPeer);
        CHECK(lab.state(kPeer) == NudState::kReachable);
        lab.run(10'000);
        CHECK(lab.asked.size() == 1);
        CHECK(lab.changes.size() == 1);
    }
    SECTION("it is silent")
    {
        lab.run(2900);
        CHECK(lab.asked.size() == 3);
        CHECK(lab.resolver.find(kPeer) == kMac);
        lab.run(100);
        CHECK(lab.resolver.all().empty());
        CHECK(lab.changes.back() == std::pair{kPeer, std::optional<Mac>{}});
    }
}

TEST_CASE("a frame for a neighbour that is known is sent back at once, but not without end")
{
    ResolverLab lab;
    lab.hold(kPeer);
    lab.answer(kPeer);
    lab.hold(kPeer, 1);
    CHECK(lab.released.size() == 2);
    CHECK(lab.dropped == 0);
    for (int i = 0; i < 10'000; ++i)
        lab.hold(kPeer);
    CHECK(lab.released.size() == 1 + Resolver::kMaxReleases);
    lab.run(1000);
    lab.hold(kPeer);
    CHECK(lab.released.size() == 2 + Resolver::kMaxReleases);
}

TEST_CASE("no more neighbours than allowed are kept for traffic; next hops are not counted")
{
    ResolverLab lab;
    want_next_hops(lab.resolver, {kPeer}, lab.now);
    for (std::uint32_t i = 0; i < Resolver::kMaxOfLink + 10; ++i)
        lab.hold({LinkId{2}, IpAddress::v4(0x0a000000 + i)});
    CHECK(lab.dropped == 10);
    CHECK(lab.resolver.all().size() == Resolver::kMaxOfLink + 1);
    lab.resolver.heard({LinkId{2}, *IpAddress::parse("11.0.0.1")}, kMac, Resolver::Claim::kIntroduction, lab.now);
    CHECK(lab.resolver.all().size() == Resolver::kMaxOfLink + 1);
    want_next_hops(lab.resolver, {kPeer, kOther}, lab.now);
    CHECK(lab.resolver.all().contains(kOther));
    lab.resolver.forget_link(LinkId{1});
    lab.hold({LinkId{2}, *IpAddress::parse("11.0.0.1")});
    CHECK(lab.dropped == 11);
    CHECK(lab.resolver.all().size() == Resolver::kMaxOfLink);
}
