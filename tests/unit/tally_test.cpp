// SPDX-License-Identifier: BSD-3-Clause
// Counting by VTEP and by MAC, while somebody asks.
#include "tests/unit/daemon_lab.h"

#include "dataplane/capture/tally.h"

#include <catch2/catch.hpp>

#include <map>
#include <thread>

namespace vx::test
{

namespace
{

Tally::Key key_of(std::uint32_t number)
{
    Tally::Key key{.link = LinkId{static_cast<std::uint16_t>(number & 7)}, .family = 4};
    std::memcpy(key.name.data(), &number, sizeof(number));
    return key;
}

std::map<Tally::Key, Tally::Counts> rows_of(const Tally& tally)
{
    std::map<Tally::Key, Tally::Counts> rows;
    tally.for_each([&](const Tally::Key& key, Tally::Counts counts) {
        CHECK_FALSE(rows.contains(key));
        rows[key] = counts;
    });
    return rows;
}

} // namespace

TEST_CASE("a tally counts every key by itself, and no packet is lost where keys find no row")
{
    Tally tally;
    for (std::uint32_t round = 1; round <= 2; ++round)
        for (std::uint32_t number = 0; number < 40'000; ++number)
            tally.add(key_of(number), 100);
    const auto rows = rows_of(tally);
    CHECK(rows.size() > 10'000);
    CHECK(rows.size() < 40'000);
    std::uint64_t packets = tally.others().packets;
    for (const auto& [key, counts] : rows) {
        packets += counts.packets;
        CHECK(counts.packets == 2);
        CHECK(counts.bytes == 200);
    }
    CHECK(packets == 80'000);
    CHECK(tally.others().bytes == tally.others().packets * 100);
}

TEST_CASE("a reader of a tally sees whole keys while they are added")
{
    Tally tally;
    std::thread writer([&] {
        for (std::uint32_t number = 0; number < 5000; ++number)
            tally.add(key_of(number), 60);
    });
    for (int i = 0; i < 20; ++i)
        for (const auto& [key, counts] : rows_of(tally)) {
            std::uint32_t number = 0;
            std::memcpy(&number, key.name.data(), sizeof(number));
            CHECK(key == key_of(number));
        }
    writer.join();
    CHECK(rows_of(tally).size() + tally.others().packets == 5000);
}

TEST_CASE("stats vtep and stats mac count from the first question until nobody asks any more")
{
    std::int64_t clock = 1'000'000;
    Daemon vxd{{0}, 8191, [&clock] { return clock; }};
    vxd.tutorial();
    const auto wait = [&](int seconds) {
        for (int i = 0; i < seconds; ++i) {
            clock += 1000;
            vxd.controller().tick();
        }
    };
    wait(1);
    CHECK(vxd.json("stats vtep")["seconds"] == 0);
    CHECK(vxd.json("stats mac")["macs"].empty());
    wait(9);
    CHECK(vxd.json("stats vtep")["seconds"] == 9);
    wait(9);
    CHECK(vxd.json("stats vtep")["seconds"] == 18);
    CHECK(vxd.json("stats mac")["seconds"] == 0); // of that, nobody asked
    wait(12);
    CHECK(vxd.json("stats vtep dev vxlan100")["seconds"] == 0);
    CHECK(vxd("stats vtep").find("counting begins now") != std::string::npos);
    CHECK(vxd.error("stats vtep dev nosuch").find("Cannot find device") != std::string::npos);
    CHECK(vxd.error("stats vtep all").find("all") != std::string::npos);
}

} // namespace vx::test
