// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/state/route_table.h"

#include <catch2/catch.hpp>

#include <iterator>
#include <map>
#include <random>
#include <utility>
#include <vector>

namespace
{

using namespace vx;
using Route = RouteTable::Route;

std::uint32_t mask_of(unsigned length)
{
    return length == 0 ? 0 : 0xffffffffU << (32 - length);
}

// Routes by length and prefix, and the definition: the longest prefix that covers the address.
using Routes = std::map<std::pair<unsigned, std::uint32_t>, std::uint32_t>;

Route longest(const Routes& routes, std::uint32_t address, unsigned most = 32)
{
    for (unsigned length = most + 1; length-- != 0;)
        if (const auto found = routes.find({length, address & mask_of(length)}); found != routes.end())
            return {found->first.second, length, found->second};
    return {};
}

void set(RouteTable& table, Routes& routes, const Route& route)
{
    routes[{route.length, route.prefix & mask_of(route.length)}] = route.result;
    table.set(route);
}

void erase(RouteTable& table, Routes& routes, Routes::iterator at)
{
    const auto [length, prefix] = at->first;
    routes.erase(at);
    table.erase(prefix, length, length == 0 ? Route{} : longest(routes, prefix, length - 1));
}

class Random
{
public:
    explicit Random(unsigned seed) : engine_(seed) {}
    std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(engine_() % bound); }
    std::uint32_t word() { return static_cast<std::uint32_t>(engine_()); }
    Route route() // mostly below few bases, so that they nest
    {
        const std::uint32_t base = below(4) == 0 ? word() : 0x0a000000U | (below(4) << 16);
        return {base ^ below(2048), below(33), 1 + below(1000)};
    }
    Routes::iterator any(Routes& routes)
    {
        return std::next(routes.begin(), below(static_cast<std::uint32_t>(routes.size())));
    }
    std::uint32_t address(Routes& routes) // at, just before and just behind a route's ends
    {
        if (routes.empty() || below(8) == 0)
            return word();
        const auto [length, first] = any(routes)->first;
        const std::uint32_t last = first | ~mask_of(length);
        const std::uint32_t edges[] = {first, first - 1, last, last + 1};
        return edges[below(4)];
    }

private:
    std::mt19937_64 engine_;
};

} // namespace

TEST_CASE("a route table finds what a search of all routes finds, whatever was added and taken out before")
{
    Random random(1);
    for (int number = 0; number < 40; ++number) {
        RouteTable table;
        Routes routes;
        for (int step = 0; step < 300; ++step) {
            if (random.below(3) == 0 && !routes.empty())
                erase(table, routes, random.any(routes));
            else
                set(table, routes, random.route());
            for (int probe = 0; probe < 10; ++probe) {
                const std::uint32_t address = random.address(routes);
                INFO("address " << std::hex << address);
                REQUIRE(table.find(address) == longest(routes, address).result);
            }
        }
        while (!routes.empty())
            erase(table, routes, random.any(routes));
        for (int probe = 0; probe < 100; ++probe)
            REQUIRE(table.find(random.word()) == 0);
    }
}

TEST_CASE("a copy of a route table keeps what it says when the other one changes")
{
    Random random(2);
    RouteTable table;
    Routes routes;
    std::vector<std::pair<RouteTable, Routes>> versions;
    for (int step = 0; step < 400; ++step) {
        if (random.below(3) == 0 && !routes.empty())
            erase(table, routes, random.any(routes));
        else
            set(table, routes, random.route());
        if (step % 20 == 0)
            versions.emplace_back(table, routes);
        if (step % 90 == 0)
            versions.erase(versions.begin());
    }
    for (auto& [version, its_routes] : versions)
        for (int probe = 0; probe < 300; ++probe) {
            const std::uint32_t address = random.address(its_routes);
            REQUIRE(version.find(address) == longest(its_routes, address).result);
        }
}

TEST_CASE("an empty route table finds nothing")
{
    const RouteTable table;
    CHECK(table.find(0) == 0);
    CHECK(table.find(0xffffffff) == 0);
}

TEST_CASE("a route of every length has exact ends")
{
    for (unsigned length = 1; length <= 32; ++length) {
        const std::uint32_t first = 0xac10a5a5 & mask_of(length);
        const std::uint32_t last = first | ~mask_of(length);
        const std::vector<Route> routes{{0xac10a5a5, length, 0xffffffff}};
        const RouteTable table{routes};
        INFO("length " << length);
        CHECK(table.find(first) == 0xffffffff);
        CHECK(table.find(last) == 0xffffffff);
        CHECK(table.find(first - 1) == 0);
        CHECK(table.find(last + 1) == 0);
    }
}

TEST_CASE("of two routes with one prefix the later counts")
{
    const std::vector<Route> routes{{0x0a000000, 8, 1}, {0x0a123456, 8, 2}};
    CHECK(RouteTable{routes}.find(0x0a000001) == 2);
}
