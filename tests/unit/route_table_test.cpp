// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/state/route_table.h"

#include <catch2/catch.hpp>

#include <random>
#include <vector>

namespace
{

using namespace vx;
using Route = RouteTable::Route;

std::uint32_t mask_of(unsigned length)
{
    return length == 0 ? 0 : 0xffffffffU << (32 - length);
}

// The definition: the longest prefix that covers the address; of equal ones the later.
std::uint32_t reference(const std::vector<Route>& routes, std::uint32_t address)
{
    const Route* best = nullptr;
    for (const Route& route : routes)
        if (((address ^ route.prefix) & mask_of(route.length)) == 0 &&
            (best == nullptr || route.length >= best->length))
            best = &route;
    return best == nullptr ? 0 : best->result;
}

} // namespace

TEST_CASE("a route table finds what a search of all routes finds")
{
    std::mt19937_64 random(1);
    for (int table_number = 0; table_number < 60; ++table_number) {
        std::vector<Route> routes;
        const std::size_t count = random() % 200;
        for (std::size_t i = 0; i < count; ++i) {
            // Mostly below few bases, so that routes nest.
            const std::uint32_t base = random() % 4 == 0 ? static_cast<std::uint32_t>(random())
                                                         : 0x0a000000U | (random() % 4 << 16 & 0xff0000U);
            const auto prefix = base ^ static_cast<std::uint32_t>(random() % 2048);
            routes.push_back({prefix, static_cast<unsigned>(random() % 33),
                              static_cast<std::uint32_t>(1 + random() % RouteTable::kMaxResult)});
        }
        const auto table = RouteTable::build(routes);
        for (int probe = 0; probe < 500; ++probe) {
            REQUIRE(table->find(static_cast<std::uint32_t>(random())) != 0xffffffff);
            std::uint32_t address = static_cast<std::uint32_t>(random());
            if (!routes.empty() && random() % 8 != 0) { // at, just before and just behind a route's ends
                const Route& near = routes[random() % routes.size()];
                const std::uint32_t first = near.prefix & mask_of(near.length);
                const std::uint32_t last = first | ~mask_of(near.length);
                const std::uint32_t edges[] = {first, first - 1, last, last + 1, near.prefix};
                address = edges[random() % 5];
            }
            INFO("address " << std::hex << address);
            REQUIRE(table->find(address) == reference(routes, address));
        }
    }
}

TEST_CASE("an empty route table finds nothing")
{
    const auto table = RouteTable::build({});
    CHECK(table->find(0) == 0);
    CHECK(table->find(0xffffffff) == 0);
}

TEST_CASE("a route of every length has exact ends")
{
    for (unsigned length = 1; length <= 32; ++length) {
        const std::uint32_t first = 0xac10a5a5 & mask_of(length);
        const std::uint32_t last = first | ~mask_of(length);
        const std::vector<Route> routes{{0xac10a5a5, length, RouteTable::kMaxResult}};
        const auto table = RouteTable::build(routes);
        INFO("length " << length);
        CHECK(table->find(first) == RouteTable::kMaxResult);
        CHECK(table->find(last) == RouteTable::kMaxResult);
        CHECK(table->find(first - 1) == 0);
        CHECK(table->find(last + 1) == 0);
    }
}

TEST_CASE("of two routes with one prefix the later counts")
{
    const std::vector<Route> routes{{0x0a000000, 8, 1}, {0x0a123456, 8, 2}};
    CHECK(RouteTable::build(routes)->find(0x0a000001) == 2);
}
