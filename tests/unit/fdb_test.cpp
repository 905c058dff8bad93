// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/state/fdb.h"
#include "dataplane/state/neighbor_table.h"

#include <catch2/catch.hpp>

#include <map>
#include <memory>
#include <random>
#include <vector>

namespace
{

using namespace vx;
using Change = Fdb::Change;

FdbKey key_of(std::uint64_t number, std::uint16_t bridge = 1)
{
    return FdbKey{BridgeId{bridge}, Mac::from_u64(0x020000000000 + number)};
}
Dest dest_of(std::uint32_t number)
{
    return Dest::vtep(LinkId{7}, VtepId{number});
}

std::uint64_t constant_seed()
{
    return 0x5555aaaa5555aaaa;
}

// Keys that begin their probe in one bucket of the table as it is now.
std::vector<FdbKey> colliding_keys(const BucketTable& table, std::size_t count, std::uint64_t first = 0)
{
    std::vector<FdbKey> keys;
    const std::uint32_t home = table.home(key_of(first).word());
    for (std::uint64_t number = first; keys.size() < count; ++number)
        if (table.home(key_of(number).word()) == home)
            keys.push_back(key_of(number));
    return keys;
}

} // namespace

TEST_CASE("the FDB counts the entries of each link, whatever becomes of them")
{
    Fdb fdb;
    const auto key = [](std::uint64_t mac) { return FdbKey{BridgeId{1}, Mac::from_u64(mac)}; };
    fdb.set(key(1), Dest::port(LinkId{5}), 0);
    fdb.set(key(2), Dest::vtep(LinkId{6}, VtepId{1}), 0);
    fdb.set(key(3), Dest::local(LinkId{5}), 0);
    CHECK(fdb.count_of(LinkId{5}) == 1);
    CHECK(fdb.count_of(LinkId{6}) == 1);
    fdb.set(key(1), Dest::vtep(LinkId{6}, VtepId{2}), 0);
    CHECK(fdb.count_of(LinkId{5}) == 0);
    CHECK(fdb.count_of(LinkId{6}) == 2);
    fdb.erase(key(1));
    fdb.erase(key(1));
    fdb.erase(key(3));
    CHECK(fdb.count_of(LinkId{6}) == 1);
    fdb.erase(key(2));
    CHECK(fdb.count_of(LinkId{6}) == 0);
}

TEST_CASE("the FDB agrees with a map over random changes, flushes and rebuilds")
{
    std::mt19937_64 random(1);
    Fdb fdb;
    std::map<FdbKey, std::pair<Dest, std::uint32_t>> model;
    int rebuilds = 0;
    for (std::uint32_t round = 0; round < 200000; ++round) {
        const FdbKey key = key_of(random() % 20000, static_cast<std::uint16_t>(1 + random() % 3));
        const std::uint64_t what = random() % 100000;
        if (what == 0) {
            const auto bridge = BridgeId{static_cast<std::uint16_t>(1 + random() % 3)};
            const std::size_t expected =
                std::erase_if(model, [&](const auto& entry) { return entry.first.bridge() == bridge; });
            std::size_t erased = 0;
            fdb.for_each(
                [&](FdbKey k, Dest, std::uint32_t) { erased += k.bridge() == bridge && fdb.erase(k) ? 1 : 0; });
            REQUIRE(erased == expected);
        } else if (what < 70000) {
            const Dest dest = dest_of(static_cast<std::uint32_t>(random()));
            const Change change = fdb.set(key, dest, round);
            REQUIRE(change != Change::kRefused);
            rebuilds += change == Change::kRebuilt ? 1 : 0;
            fdb.release_retired();
            model[key] = {dest, round};
        } else {
            REQUIRE(fdb.erase(key) == (model.erase(key) == 1));
        }
        REQUIRE(fdb.size() == model.size());
        const auto expected = model.find(key);
        REQUIRE(fdb.find(key) == (expected == model.end() ? Dest{} : expected->second.first));
    }
    CHECK(rebuilds > 3);
    std::map<FdbKey, std::pair<Dest, std::uint32_t>> listed;
    fdb.for_each([&](FdbKey key, Dest dest, std::uint32_t seen) { listed.emplace(key, std::pair{dest, seen}); });
    CHECK(listed == model);
    for (const auto& [key, entry] : model)
        REQUIRE(fdb.last_seen(key) == entry.second);
}

TEST_CASE("keys that come and go for ever do not make the table grow")
{
    Fdb fdb;
    for (std::uint64_t number = 0; number < 100000; ++number) {
        REQUIRE(fdb.set(key_of(number), dest_of(1), 0) != Change::kRefused);
        fdb.release_retired();
        if (number >= 100)
            REQUIRE(fdb.erase(key_of(number - 100)));
    }
    CHECK(fdb.size() == 100);
    CHECK(fdb.table().capacity() <= 1024);
}

TEST_CASE("an address that returns takes its own slot again")
{
    Fdb fdb;
    fdb.set(key_of(1), dest_of(1), 0);
    for (int round = 0; round < 10000; ++round) {
        REQUIRE(fdb.erase(key_of(1)));
        REQUIRE(fdb.set(key_of(1), dest_of(2), 0) == Change::kInPlace);
    }
}

TEST_CASE("a full FDB refuses new keys, counts them, and still updates and erases")
{
    Fdb fdb(1500);
    for (std::uint64_t number = 0; number < 1500; ++number)
        REQUIRE(fdb.set(key_of(number), dest_of(1), 0) != Change::kRefused);
    CHECK(fdb.set(key_of(1500), dest_of(1), 0) == Change::kRefused);
    CHECK(fdb.set(key_of(1501), dest_of(1), 0) == Change::kRefused);
    CHECK(fdb.refused() == 2);
    CHECK(fdb.find(key_of(1500)) == Dest{});
    CHECK(fdb.set(key_of(3), dest_of(2), 0) == Change::kInPlace);
    CHECK(fdb.erase(key_of(3)));
    CHECK(fdb.set(key_of(1500), dest_of(1), 0) != Change::kRefused);
    CHECK(fdb.size() == 1500);
}

TEST_CASE("the table that a rebuild replaced stays readable until it is released")
{
    Fdb fdb;
    const BucketTable& old = fdb.table();
    std::uint64_t number = 0;
    while (fdb.set(key_of(number), dest_of(1), 0) == Change::kInPlace)
        ++number;
    CHECK(&fdb.table() != &old);
    for (std::uint64_t present = 0; present < number; ++present)
        REQUIRE(old.find(key_of(present).word()).value == dest_of(1).word());
    CHECK(fdb.size() == number + 1);
    fdb.release_retired();
}

TEST_CASE("a rebuild keeps what workers have stamped")
{
    Fdb fdb;
    fdb.set(key_of(0), dest_of(1), 10);
    fdb.table().stamp(fdb.table().find(key_of(0).word()).slot, 99);
    std::uint64_t number = 1;
    while (fdb.set(key_of(number), dest_of(1), 10) == Change::kInPlace)
        ++number;
    CHECK(fdb.last_seen(key_of(0)) == 99);
    CHECK(fdb.last_seen(key_of(number + 1)) == std::nullopt);
}

TEST_CASE("keys chosen to collide are spread by a new seed, and memory stays bounded")
{
    Fdb fdb;
    std::size_t inserted = 0;
    for (std::uint64_t attack = 0; attack < 5; ++attack)
        for (const FdbKey key : colliding_keys(fdb.table(), 100, attack << 32)) {
            REQUIRE(fdb.set(key, dest_of(1), 0) != Change::kRefused);
            inserted += 1;
        }
    CHECK(fdb.size() == inserted);
    CHECK(fdb.table().capacity() == 1024);
}

TEST_CASE("keys that collide under every seed are refused, at a bounded cost in memory and rebuilds")
{
    // An attacker who knows the seed of the largest table that the FDB is ready to build.
    Fdb fdb(Fdb::kDefaultMax, constant_seed);
    const BucketTable largest(4096, constant_seed());
    const auto keys = colliding_keys(largest, 200);
    std::size_t taken = 0;
    for (const FdbKey key : keys)
        taken += fdb.set(key, dest_of(1), 5) != Change::kRefused ? 1 : 0;
    CHECK(taken == BucketTable::kMaxProbe * BucketTable::kSlotsPerBucket);
    CHECK(fdb.refused() == keys.size() - taken);
    CHECK(fdb.table().capacity() <= 4096);
    CHECK(fdb.set(key_of(12345), dest_of(1), 5) != Change::kRefused); // others are not harmed
    for (std::size_t i = 0; i < taken; ++i)
        REQUIRE(fdb.find(keys[i]) == dest_of(1));
}

TEST_CASE("the neighbour table maps interface and address to a MAC, the zero MAC included")
{
    NeighborTable neighbors;
    const Mac mac = *Mac::parse("fe:ff:ff:ff:ff:ff");
    CHECK(neighbors.set(LinkId{1}, 0, Mac{}, 3) == Change::kInPlace);
    CHECK(neighbors.set(LinkId{0xffff}, 0xffffffff, mac, 4) == Change::kInPlace);
    CHECK(neighbors.find(LinkId{1}, 0) == Mac{});
    CHECK(neighbors.find(LinkId{0xffff}, 0xffffffff) == mac);
    CHECK_FALSE(neighbors.find(LinkId{2}, 0));
    const auto found = neighbors.table().find(NeighborTable::key(LinkId{0xffff}, 0xffffffff));
    CHECK(NeighborTable::mac_of(found.value) == mac);
    std::size_t count = 0;
    neighbors.for_each([&](LinkId interface, std::uint32_t address, const Mac& listed, std::uint32_t) {
        ++count;
        CHECK(neighbors.find(interface, address) == listed);
    });
    CHECK(count == 2);
    CHECK(neighbors.erase(LinkId{1}, 0));
    CHECK(neighbors.erase(LinkId{0xffff}, 0xffffffff));
    CHECK(neighbors.size() == 0);
}
