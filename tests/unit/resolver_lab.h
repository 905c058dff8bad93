// SPDX-License-Identifier: BSD-3-Clause
// A Resolver with a clock, and what it said through its hooks.
#pragma once

#include "control/neighbours/resolver.h"
#include "tests/unit/next_hops.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <functional>
#include <vector>

namespace vx::test
{

inline const NeighborKey kPeer{LinkId{1}, *IpAddress::parse("192.0.2.2")};
inline const NeighborKey kOther{LinkId{1}, *IpAddress::parse("192.0.2.3")};
inline const Mac kMac = *Mac::parse("02:00:00:00:00:02");
inline const Mac kNewMac = *Mac::parse("02:00:00:00:00:03");
inline const LinkId kIn{7};

struct Question {
    NeighborKey key;
    std::optional<Mac> known;
    std::int64_t at_ms;
};

class ResolverLab
{
public:
    ResolverLab()
        : resolver({
              .solicit =
                  [this](LinkId link, const IpAddress& address, std::optional<Mac> known) {
                      asked.push_back({{link, address}, known, now});
                  },
              .changed =
                  [this](const NeighborKey& key, std::optional<Mac> mac) {
                      changes.emplace_back(key, mac);
                      if (on_change)
                          on_change();
                      else
                          CHECK(resolver.find(key) == mac);
                  },
              .release =
                  [this](const HeldFrame& held) {
                      last_in = held.in;
                      released.push_back(held.frame);
                  },
              .dropped = [this](const HeldFrame&) { ++dropped; },
          })
    {
    }
    ResolverLab(const ResolverLab&) = delete;
    ResolverLab& operator=(const ResolverLab&) = delete;

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
        resolver.hold(key, {kIn, frame, {}}, now);
    }
    void answer(const NeighborKey& key, const Mac& mac = kMac)
    {
        resolver.heard(key, mac, Resolver::Claim::kAnswer, now);
    }
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

} // namespace vx::test
