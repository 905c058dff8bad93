// SPDX-License-Identifier: BSD-3-Clause
#include "control/resolver.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <random>

namespace
{

using namespace vx;

const NeighborKey kPeer{LinkId{1}, *IpAddress::parse("192.0.2.2")};
const NeighborKey kOther{LinkId{1}, *IpAddress::parse("192.0.2.3")};
const Mac kMac = *Mac::parse("02:00:00:00:00:02");
const Mac kNewMac = *Mac::parse("02:00:00:00:00:03");
const LinkId kIn{7};

struct Question {
    NeighborKey key;
    std::optional<Mac> known;
    std::int64_t at_ms;
};

// A resolver with a clock, and what it said.
class Lab
{
public:
    Lab()
        : resolver({
              .solicit = [this](LinkId link, const IpAddress& address,
                                std::optional<Mac> known) { asked.push_back({{link, address}, known, now}); },
              .changed =
                  [this](const NeighborKey& key, std::optional<Mac> mac) {
                      changes.emplace_back(key, mac);
                      if (on_change)
                          on_change();
                      else
                          CHECK(resolver.find(key) == mac);
                  },
              .release =
                  [this](LinkId in, Bytes frame) {
                      last_in = in;
                      released.emplace_back(frame.begin(), frame.end());
                  },
              .dropped = [this](LinkId) { ++dropped; },
          })
    {
    }
    Lab(const Lab&) = delete;
    Lab& operator=(const Lab&) = delete;

    void run(std::int64_t milliseconds)
    {
        for (const std::int64_t end = now + milliseconds; now < end;) {
            now += 100;
            resolver.tick(now);
        }
    }
    void hold(const NeighborKey& key, std::uint8_t content = 0)
    {
        const std::vector<std::byte> frame(60, std::byte{content});
        resolver.hold(key, kIn, frame, now);
    }
    void answer(const NeighborKey& key, const Mac& mac = kMac) { resolver.heard(key, mac, true, false, now); }
    NudState state(const NeighborKey& key) const { return resolver.all().at(key).state; }
    std::size_t asked_since(std::int64_t time) const
    {
        return static_cast<std::size_t>(
            std::count_if(asked.begin(), asked.end(), [&](const Question& question) { return question.at_ms > time; }));
    }

    std::int64_t now = 1'000'000;
    std::vector<Question> asked;
    std::vector<std::pair<NeighborKey, std::optional<Mac>>> changes;
    std::vector<std::vector<std::byte>> released;
    LinkId last_in;
    std::size_t dropped = 0;
    std::function<void()> on_change;
    Resolver resolver;
};

} // namespace

TEST_CASE("a next hop is asked for at once and every second until it answers, however long that takes")
{
    Lab lab;
    lab.resolver.want_next_hops({kPeer}, lab.now);
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
    Lab lab;
    lab.resolver.want_next_hops({kPeer}, lab.now);
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
    Lab lab;
    lab.resolver.want_next_hops({kPeer}, lab.now);
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
    Lab lab;
    lab.resolver.want_next_hops({kPeer, kOther}, lab.now);
    lab.answer(kPeer);
    lab.changes.clear();
    lab.resolver.want_next_hops({kPeer}, lab.now);
    CHECK_FALSE(lab.resolver.all().contains(kOther));
    CHECK(lab.resolver.find(kPeer) == kMac);
    CHECK(lab.asked.size() == 2);
    lab.resolver.want_next_hops({}, lab.now);
    CHECK(lab.resolver.all().empty());
    CHECK(lab.changes.empty());
    lab.run(10'000);
    CHECK(lab.asked.size() == 2);
}

TEST_CASE("thousands of next hops are asked for in portions, and every one gets its turn")
{
    Lab lab;
    std::set<NeighborKey> next_hops;
    for (std::uint32_t i = 0; i < 4000; ++i)
        next_hops.insert({LinkId{1}, IpAddress::v4(0x0a000000 + i)});
    lab.resolver.want_next_hops(next_hops, lab.now);
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

TEST_CASE("a held frame is released, unchanged and after the MAC was reported, when the answer comes")
{
    Lab lab;
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
    Lab lab;
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
    Lab lab;
    const std::vector<std::byte> large(65536);
    const auto fill = [&](std::uint32_t first) {
        for (std::uint32_t i = 0; i < 400; ++i)
            lab.resolver.hold({LinkId{1}, IpAddress::v4(first + i)}, kIn, large, lab.now);
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
    Lab lab;
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
    Lab lab;
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
    Lab lab;
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
    Lab lab;
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

TEST_CASE("what nobody asked for is taken for known addresses only, unless it may create an entry")
{
    Lab lab;
    lab.resolver.heard(kPeer, kMac, true, false, lab.now);
    lab.resolver.heard(kPeer, kMac, false, false, lab.now);
    CHECK(lab.resolver.all().empty());
    lab.resolver.heard(kPeer, Mac::broadcast(), false, true, lab.now);
    lab.resolver.heard(kPeer, Mac{}, false, true, lab.now);
    CHECK(lab.resolver.all().empty());
    lab.resolver.heard(kPeer, kMac, false, true, lab.now);
    CHECK(lab.state(kPeer) == NudState::kStale);
    CHECK(lab.resolver.find(kPeer) == kMac);
    CHECK(lab.changes.size() == 1);
    CHECK(lab.asked.empty());
}

TEST_CASE("an announcement ends the wait for an answer; a next hop is then confirmed at once")
{
    Lab lab;
    lab.resolver.want_next_hops({kPeer}, lab.now);
    lab.resolver.heard(kPeer, kMac, false, false, lab.now);
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
    Lab lab;
    lab.resolver.want_next_hops({kPeer}, lab.now);
    lab.answer(kPeer);
    lab.run(Resolver::kRefreshMs);
    CHECK(lab.state(kPeer) == NudState::kProbe);
    lab.resolver.heard(kPeer, kMac, false, true, lab.now);
    CHECK(lab.state(kPeer) == NudState::kProbe);
}

TEST_CASE("a neighbour that moves to another MAC is followed at once, and again after a second")
{
    Lab lab;
    lab.resolver.want_next_hops({kPeer}, lab.now);
    lab.answer(kPeer);
    lab.resolver.heard(kPeer, kNewMac, false, false, lab.now);
    CHECK(lab.resolver.find(kPeer) == kNewMac);
    CHECK(lab.changes.size() == 2);
    lab.run(1000);
    lab.answer(kPeer, kMac);
    CHECK(lab.resolver.find(kPeer) == kMac);
    CHECK(lab.changes.size() == 3);
}

TEST_CASE("two that claim one address change it at most once a second")
{
    Lab lab;
    lab.resolver.want_next_hops({kPeer}, lab.now);
    for (int i = 0; i < 100; ++i) {
        lab.resolver.heard(kPeer, i % 2 == 0 ? kMac : kNewMac, i % 3 == 0, false, lab.now);
        lab.resolver.heard(kPeer, i % 2 != 0 ? kMac : kNewMac, i % 3 != 0, false, lab.now);
        lab.run(100);
    }
    CHECK(lab.changes.size() <= 12);
    CHECK(lab.resolver.find(kPeer));
}

TEST_CASE("no more neighbours than allowed are kept for traffic; next hops are not counted")
{
    Lab lab;
    lab.resolver.want_next_hops({kPeer}, lab.now);
    for (std::uint32_t i = 0; i < Resolver::kMaxNeighbors + 10; ++i)
        lab.hold({LinkId{2}, IpAddress::v4(0x0a000000 + i)});
    CHECK(lab.dropped == 10);
    CHECK(lab.resolver.all().size() == Resolver::kMaxNeighbors + 1);
    lab.resolver.heard({LinkId{2}, *IpAddress::parse("11.0.0.1")}, kMac, false, true, lab.now);
    CHECK(lab.resolver.all().size() == Resolver::kMaxNeighbors + 1);
    lab.resolver.want_next_hops({kPeer, kOther}, lab.now);
    CHECK(lab.resolver.all().contains(kOther));
    lab.resolver.forget_link(LinkId{1});
    lab.hold({LinkId{2}, *IpAddress::parse("11.0.0.1")});
    CHECK(lab.dropped == 11);
    CHECK(lab.resolver.all().size() == Resolver::kMaxNeighbors);
}

TEST_CASE("a neighbour that is forgotten is reported and its frames are dropped; a next hop is asked for anew")
{
    Lab lab;
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

    lab.resolver.want_next_hops({kOther}, lab.now);
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
    Lab lab;
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
    Lab lab;
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
            lab.resolver.want_next_hops(next_hops(), lab.now);
    };
    std::size_t held = 0;
    for (int i = 0; i < 200'000; ++i) {
        switch (pick(12)) {
        case 0:
            lab.resolver.want_next_hops(next_hops(), lab.now);
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
            lab.resolver.heard(key(), Mac::from_u64(0x020000000000 + pick(3)), pick(2) == 0, pick(2) == 0, lab.now);
            break;
        default:
            lab.run(static_cast<std::int64_t>(100 * (1 + pick(30))));
            break;
        }
        for (const auto& [where, neighbor] : lab.resolver.all()) {
            if (neighbor.is_usable() != neighbor.mac.has_value() || neighbor.held.size() > Resolver::kMaxHeld ||
                (!neighbor.held.empty() && neighbor.state != NudState::kIncomplete) ||
                neighbor.next_ms + 10'000 < lab.now)
                FAIL("step " << i << ": " << to_string(neighbor.state));
        }
    }
    std::size_t waiting = 0;
    for (const auto& [where, neighbor] : lab.resolver.all())
        waiting += neighbor.held.size();
    CHECK(lab.released.size() + lab.dropped + waiting == held);
}
