// SPDX-License-Identifier: BSD-3-Clause
// Resolver: next hops, what is heard, and what is forgotten.
#include "tests/unit/resolver_lab.h"

#include <catch2/catch.hpp>

#include <random>

using namespace vx;
using namespace vx::test;

TEST_CASE("a next hop is asked for at once and every second until it answers, however long that takes")
{
    ResolverLab lab;
    want_next_hops(lab.resolver, {kPeer}, lab.now);
    REQUIRE(lab.asked.size() == 1);
    CHECK(lab.asked[0].key == kPeer);
    CHECK_FALSE(lab.asked[0].known);
    lab.run(3600 * 1000);
    CHECK(lab.asked.size() == 3601);
    CHECK(lab.state(kPeer) == NudState::kFailed);
    CHECK_FALSE(lab.resolver.find(kPeer));
    CHECK(lab.changes.empty());
    lab.answer(kPeer);
    CHECK(lab.state(kPeer) == NudState::kReachable);
    CHECK(lab.resolver.find(kPeer) == kMac);
    CHECK(lab.changes == decltype(lab.changes){{kPeer, kMac}});
}

TEST_CASE("a next hop that answers its probes is usable for ever, and asked by unicast only")
{
    ResolverLab lab;
    want_next_hops(lab.resolver, {kPeer}, lab.now);
    lab.answer(kPeer);
    lab.asked.clear();
    std::int64_t confirmed = lab.now;
    for (int i = 0; i < 6000; ++i) {
        const std::size_t before = lab.asked.size();
        lab.run(100);
        if (lab.asked.size() != before) {
            CHECK(lab.asked.back().known == kMac);
            CHECK(lab.now - confirmed < Resolver::kReachableMs);
            lab.answer(kPeer);
            confirmed = lab.now;
        }
        if (lab.resolver.find(kPeer) != kMac)
            FAIL("it was lost at " << i);
    }
    CHECK(lab.asked.size() == 30);
    CHECK(lab.changes.size() == 1);
}

TEST_CASE("a next hop that falls silent is usable while it is probed, then given up, then asked for by broadcast")
{
    ResolverLab lab;
    want_next_hops(lab.resolver, {kPeer}, lab.now);
    lab.answer(kPeer);
    lab.asked.clear();
    lab.run(Resolver::kRefreshMs + 2900);
    REQUIRE(lab.asked.size() == Resolver::kMaxProbes);
    for (const Question& question : lab.asked)
        CHECK(question.known == kMac);
    CHECK(lab.state(kPeer) == NudState::kProbe);
    CHECK(lab.resolver.find(kPeer) == kMac);
    lab.run(100);
    CHECK(lab.state(kPeer) == NudState::kFailed);
    CHECK_FALSE(lab.resolver.find(kPeer));
    CHECK(lab.changes.back() == std::pair{kPeer, std::optional<Mac>{}});
    REQUIRE(lab.asked.size() == Resolver::kMaxProbes + 1);
    CHECK_FALSE(lab.asked.back().known);
    lab.run(5000);
    CHECK(lab.asked.size() == Resolver::kMaxProbes + 6);
    lab.answer(kPeer, kNewMac);
    CHECK(lab.resolver.find(kPeer) == kNewMac);
    CHECK(lab.changes.size() == 3);
}

TEST_CASE("next hops that are no longer wanted are forgotten without a word; others stay as they are")
{
    ResolverLab lab;
    want_next_hops(lab.resolver, {kPeer, kOther}, lab.now);
    lab.answer(kPeer);
    lab.changes.clear();
    want_next_hops(lab.resolver, {kPeer}, lab.now);
    CHECK_FALSE(lab.resolver.all().contains(kOther));
    CHECK(lab.resolver.find(kPeer) == kMac);
    CHECK(lab.asked.size() == 2);
    want_next_hops(lab.resolver, {}, lab.now);
    CHECK(lab.resolver.all().empty());
    CHECK(lab.changes.empty());
    lab.run(10'000);
    CHECK(lab.asked.size() == 2);
}

TEST_CASE("thousands of next hops are asked for in portions, and every one gets its turn")
{
    ResolverLab lab;
    std::set<NeighborKey> next_hops;
    for (std::uint32_t i = 0; i < 4000; ++i)
        next_hops.insert({LinkId{1}, IpAddress::v4(0x0a000000 + i)});
    want_next_hops(lab.resolver, next_hops, lab.now);
    CHECK(lab.asked.size() == Resolver::kMaxAsked);
    std::map<NeighborKey, int> count;
    std::size_t before = 0;
    for (int i = 0; i < 100; ++i) {
        lab.run(100);
        CHECK(lab.asked.size() - before <= 2 * Resolver::kMaxAsked);
        before = lab.asked.size();
    }
    for (const Question& question : lab.asked)
        ++count[question.key];
    CHECK(count.size() == 4000);
    for (const auto& [key, times] : count)
        if (times < 4) // 2560 questions a second among 4000, for 10 seconds
            FAIL(key.second.to_string() << " was asked for " << times << " times only");
}

TEST_CASE("what nobody asked for is taken for known addresses only, unless it may create an entry")
{
    ResolverLab lab;
    lab.resolver.heard(kPeer, kMac, Resolver::Claim::kAnswer, lab.now);
    lab.resolver.heard(kPeer, kMac, Resolver::Claim::kNotice, lab.now);
    CHECK(lab.resolver.all().empty());
    lab.resolver.heard(kPeer, Mac::broadcast(), Resolver::Claim::kIntroduction, lab.now);
    lab.resolver.heard(kPeer, Mac{}, Resolver::Claim::kIntroduction, lab.now);
    CHECK(lab.resolver.all().empty());
    lab.resolver.heard(kPeer, kMac, Resolver::Claim::kIntroduction, lab.now);
    CHECK(lab.state(kPeer) == NudState::kStale);
    CHECK(lab.resolver.find(kPeer) == kMac);
    CHECK(lab.changes.size() == 1);
    CHECK(lab.asked.empty());
}

TEST_CASE("an announcement ends the wait for an answer; a next hop is then confirmed at once")
{
    ResolverLab lab;
    want_next_hops(lab.resolver, {kPeer}, lab.now);
    lab.resolver.heard(kPeer, kMac, Resolver::Claim::kNotice, lab.now);
    CHECK(lab.state(kPeer) == NudState::kStale);
    CHECK(lab.resolver.find(kPeer) == kMac);
    lab.run(100);
    CHECK(lab.state(kPeer) == NudState::kProbe);
    CHECK(lab.asked.back().known == kMac);
    lab.answer(kPeer);
    CHECK(lab.state(kPeer) == NudState::kReachable);
    CHECK(lab.changes.size() == 1);
}

TEST_CASE("what a known neighbour says unasked is no sign that it hears us")
{
    ResolverLab lab;
    want_next_hops(lab.resolver, {kPeer}, lab.now);
    lab.answer(kPeer);
    lab.run(Resolver::kRefreshMs);
    CHECK(lab.state(kPeer) == NudState::kProbe);
    lab.resolver.heard(kPeer, kMac, Resolver::Claim::kIntroduction, lab.now);
    CHECK(lab.state(kPeer) == NudState::kProbe);
}

TEST_CASE("a neighbour that moves to another MAC is followed at once, and again after a second")
{
    ResolverLab lab;
    want_next_hops(lab.resolver, {kPeer}, lab.now);
    lab.answer(kPeer);
    lab.resolver.heard(kPeer, kNewMac, Resolver::Claim::kNotice, lab.now);
    CHECK(lab.resolver.find(kPeer) == kNewMac);
    CHECK(lab.changes.size() == 2);
    lab.run(1000);
    lab.answer(kPeer, kMac);
    CHECK(lab.resolver.find(kPeer) == kMac);
    CHECK(lab.changes.size() == 3);
}

TEST_CASE("two that claim one address change it at most once a second")
{
    ResolverLab lab;
    want_next_hops(lab.resolver, {kPeer}, lab.now);
    for (int i = 0; i < 100; ++i) {
        lab.resolver.heard(kPeer, i % 2 == 0 ? kMac : kNewMac,
                           i % 3 == 0 ? Resolver::Claim::kAnswer : Resolver::Claim::kNotice, lab.now);
        lab.resolver.heard(kPeer, i % 2 != 0 ? kMac : kNewMac,
                           i % 3 != 0 ? Resolver::Claim::kAnswer : Resolver::Claim::kNotice, lab.now);
        lab.run(100);
    }
    CHECK(lab.changes.size() <= 12);
    CHECK(lab.resolver.find(kPeer));
}

TEST_CASE("a neighbour that is forgotten is reported and its frames are dropped; a next hop is asked for anew")
{
    ResolverLab lab;
    CHECK_FALSE(lab.resolver.forget(kPeer));
    lab.hold(kPeer);
    CHECK(lab.resolver.forget(kPeer));
    CHECK(lab.dropped == 1);
    CHECK(lab.changes.empty());
    lab.hold(kPeer);
    lab.answer(kPeer);
    CHECK(lab.resolver.forget(kPeer));
    CHECK(lab.changes.back() == std::pair{kPeer, std::optional<Mac>{}});
    CHECK(lab.resolver.all().empty());

    want_next_hops(lab.resolver, {kOther}, lab.now);
    lab.answer(kOther);
    CHECK(lab.resolver.forget(kOther));
    CHECK_FALSE(lab.resolver.find(kOther));
    const std::size_t before = lab.asked.size();
    lab.run(100);
    REQUIRE(lab.asked.size() == before + 1);
    CHECK_FALSE(lab.asked.back().known);
}

TEST_CASE("all neighbours of a link go with it, and no others")
{
    ResolverLab lab;
    const NeighborKey v6{LinkId{2}, *IpAddress::parse("2001:db8::1")};
    for (const NeighborKey& key : {kPeer, kOther, v6}) {
        lab.hold(key);
        lab.answer(key);
    }
    lab.hold({LinkId{1}, *IpAddress::parse("192.0.2.9")});
    lab.resolver.forget_link(LinkId{1});
    CHECK(lab.resolver.all().size() == 1);
    CHECK(lab.resolver.find(v6) == kMac);
    CHECK(lab.dropped == 1);
    CHECK(lab.changes.size() == 5);
}

TEST_CASE("hooks may come back into the resolver, and find it consistent")
{
    ResolverLab lab;
    std::mt19937 random{1};
    const auto pick = [&](unsigned bound) { return static_cast<unsigned>(random() % bound); };
    const auto key = [&] {
        return NeighborKey{LinkId{static_cast<std::uint16_t>(1 + pick(3))}, IpAddress::v4(0x0a000000 + pick(6))};
    };
    const auto next_hops = [&] {
        std::set<NeighborKey> some;
        for (unsigned i = pick(6); i != 0; --i)
            some.insert({LinkId{1}, IpAddress::v4(0x0a000000 + pick(6))});
        return some;
    };
    lab.on_change = [&] { // as Controller::publish() does
        if (pick(2) == 0)
            want_next_hops(lab.resolver, next_hops(), lab.now);
    };
    std::size_t held = 0;
    for (int i = 0; i < 200'000; ++i) {
        switch (pick(12)) {
        case 0:
            want_next_hops(lab.resolver, next_hops(), lab.now);
            break;
        case 1:
            lab.resolver.forget(key());
            break;
        case 2:
            if (pick(20) == 0)
                lab.resolver.forget_link(LinkId{static_cast<std::uint16_t>(1 + pick(3))});
            break;
        case 3:
        case 4:
            lab.hold(key());
            ++held;
            break;
        case 5:
            lab.resolver.heard(key(), Mac::from_u64(0x020000000000 + pick(3)), static_cast<Resolver::Claim>(pick(3)),
                               lab.now);
            break;
        default:
            lab.run(static_cast<std::int64_t>(100 * (1 + pick(30))));
            break;
        }
        for (const auto& [where, neighbor] : lab.resolver.all()) {
            if (neighbor.is_usable() != neighbor.mac.has_value() || neighbor.held.size() > Resolver::kMaxHeld ||
                (!neighbor.held.empty() && neighbor.state != NudState::kIncomplete) ||
                (neighbor.next_ms != 0 && neighbor.next_ms + 3000 < lab.now)) // 0: to be asked anew by the next tick
                FAIL("step " << i << ": " << to_string(neighbor.state));
        }
    }
    std::size_t waiting = 0;
    for (const auto& [where, neighbor] : lab.resolver.all())
        waiting += neighbor.held.size();
    CHECK(lab.released.size() + lab.dropped + waiting == held);
}
