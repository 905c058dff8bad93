// SPDX-License-Identifier: BSD-3-Clause
// A next hop as workers see it while the control thread replaces it.
#include "dataplane/state/adjacency.h"

#include <catch2/catch.hpp>

#include <atomic>
#include <thread>

using namespace vx;

TEST_CASE("a next hop of which nothing is known says that it is unresolved")
{
    const NextHop unknown = Adjacency{}.next_hop.load();
    CHECK_FALSE(unknown.is_known());
    CHECK(unknown.dest == Dest::punt(static_cast<std::uint32_t>(PuntReason::kUnresolved)));
}

TEST_CASE("a reader never sees the MAC of one next hop with the place of another")
{
    Adjacency adjacency;
    const auto numbered = [](std::uint64_t number) {
        return NextHop{number, Dest::vtep(LinkId{1}, VtepId{static_cast<std::uint32_t>(number)})};
    };
    adjacency.next_hop.store(numbered(0));
    std::atomic<bool> is_read{false};
    std::thread writer{[&] {
        for (std::uint64_t number = 1; !is_read.load(std::memory_order_relaxed); ++number)
            adjacency.next_hop.store(numbered(number & 0xffffffff));
    }};
    std::size_t torn = 0;
    std::size_t backward = 0;
    for (std::uint64_t i = 0, last = 0; i < 2'000'000; ++i) {
        const NextHop seen = adjacency.next_hop.load();
        torn += seen.dest != numbered(seen.mac).dest ? 1 : 0;
        backward += seen.mac < last ? 1 : 0;
        last = seen.mac;
    }
    is_read.store(true, std::memory_order_relaxed);
    writer.join();
    CHECK(torn == 0);
    CHECK(backward == 0);
}
