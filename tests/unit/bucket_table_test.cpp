// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/state/bucket_table.h"

#include <catch2/catch.hpp>

#include <map>
#include <random>
#include <set>
#include <vector>

namespace
{

using namespace vx;
using Insert = BucketTable::Insert;
using Found = BucketTable::Found;

constexpr std::uint64_t kSeed = 0x123456789abcdef;

// Keys that all begin their probe in one bucket.
std::vector<std::uint64_t> colliding_keys(const BucketTable& table, std::size_t count)
{
    std::vector<std::uint64_t> keys;
    for (std::uint64_t key = 1; keys.size() < count; ++key)
        if (table.home(key) == table.home(1))
            keys.push_back(key);
    return keys;
}

} // namespace

TEST_CASE("a bucket table agrees with a map over random inserts, updates and erases")
{
    std::mt19937_64 random(1);
    BucketTable table(4096, kSeed);
    std::map<std::uint64_t, std::pair<std::uint64_t, std::uint32_t>> model;
    std::set<std::uint64_t> ever;
    for (int round = 0; round < 100000; ++round) {
        const std::uint64_t key = (std::uint64_t{1 + random() % 4} << 48) + random() % 700;
        const std::uint64_t value = random() | 1;
        const auto now = static_cast<std::uint32_t>(round);
        if (random() % 2 == 0) {
            const bool is_new = model.count(key) == 0;
            REQUIRE(table.insert(key, value, now) == (is_new ? Insert::kInserted : Insert::kUpdated));
            model[key] = {value, now};
            ever.insert(key);
        } else {
            REQUIRE(table.erase(key) == (model.erase(key) == 1));
        }
        REQUIRE(table.size() == model.size());
        REQUIRE(table.erased() == ever.size() - model.size());
        const std::uint64_t probe = (std::uint64_t{1 + random() % 4} << 48) + random() % 700;
        const Found found = table.find(probe);
        const auto expected = model.find(probe);
        REQUIRE(found.value == (expected == model.end() ? 0 : expected->second.first));
        if (found.value != 0)
            REQUIRE(table.last_seen(found.slot) == expected->second.second);
    }
    std::map<std::uint64_t, std::pair<std::uint64_t, std::uint32_t>> listed;
    table.for_each([&](std::uint64_t key, std::uint64_t value, std::uint32_t seen) {
        CHECK(listed.emplace(key, std::pair{value, seen}).second);
    });
    CHECK(listed == model);
}

TEST_CASE("a table takes exactly as many keys as it was made for, at the highest load")
{
    std::mt19937_64 random(3);
    for (const unsigned capacity : {16U, 999U, 1024U, 65537U}) {
        BucketTable table(capacity, random());
        CHECK(table.capacity() >= capacity);
        std::uint64_t key = 1;
        while (table.insert(key, key, 0) != Insert::kFull)
            ++key;
        CHECK(table.size() == table.capacity());
        CHECK(table.is_full());
        CHECK(table.insert(1, 7, 0) == Insert::kUpdated);
        for (std::uint64_t present = 2; present < key; ++present)
            REQUIRE(table.find(present).value == present);
        CHECK(table.find(key).value == 0);
    }
}

TEST_CASE("keys that collide are found up to the bound, and one more is refused without harm")
{
    BucketTable table(4096, kSeed);
    const std::size_t bound = BucketTable::kMaxProbe * BucketTable::kSlotsPerBucket;
    const auto keys = colliding_keys(table, bound + 1);
    for (std::size_t i = 0; i < bound; ++i)
        REQUIRE(table.insert(keys[i], keys[i], 0) == Insert::kInserted);
    CHECK(table.insert(keys[bound], 1, 0) == Insert::kFull);
    CHECK_FALSE(table.is_full());
    CHECK(table.size() == bound);
    CHECK(table.find(keys[bound]).value == 0);
    for (std::size_t i = 0; i < bound; ++i)
        REQUIRE(table.find(keys[i]).value == keys[i]);
}

TEST_CASE("erasing a key hides none of those that collided with it")
{
    BucketTable table(4096, kSeed);
    const auto keys = colliding_keys(table, 30);
    for (const std::uint64_t key : keys)
        table.insert(key, key, 0);
    for (std::size_t gone = 0; gone < keys.size(); ++gone) {
        table.erase(keys[gone]);
        for (std::size_t i = 0; i < keys.size(); ++i)
            REQUIRE(table.find(keys[i]).value == (i <= gone ? 0 : keys[i]));
    }
}

TEST_CASE("a slot belongs to one key for the life of the table")
{
    std::mt19937_64 random(4);
    BucketTable table(256, kSeed);
    std::map<std::uint32_t, std::uint64_t> owner;
    for (int round = 0; round < 20000; ++round) {
        const std::uint64_t key = 1 + random() % 200;
        if (random() % 2 == 0)
            table.erase(key);
        else
            table.insert(key, 1, 0);
        if (const Found found = table.find(key); found.slot != BucketTable::kNoSlot)
            REQUIRE(owner.emplace(found.slot, key).first->second == key);
    }
}

TEST_CASE("a stamp is seen as last_seen, and an erased key that returns starts anew")
{
    BucketTable table(16, kSeed);
    table.insert(5, 1, 100);
    table.stamp(table.find(5).slot, 130);
    CHECK(table.last_seen(table.find(5).slot) == 130);
    table.erase(5);
    CHECK(table.insert(5, 2, 200) == Insert::kInserted);
    CHECK(table.last_seen(table.find(5).slot) == 200);
    CHECK(table.erased() == 0);
}

TEST_CASE("keys that a CRC cannot tell apart are spread over the table")
{
    // The CRC of a xor difference decides whether two keys collide in a CRC, whatever its seed: collect such keys.
    std::vector<std::uint64_t> keys;
    for (std::uint64_t key = 1; keys.size() < 500; ++key)
        if ((_mm_crc32_u64(0, key) & 0xfff) == 0)
            keys.push_back(key);
    BucketTable table(1024, kSeed);
    std::set<std::uint32_t> homes;
    for (const std::uint64_t key : keys)
        homes.insert(table.home(key));
    CHECK(homes.size() > 250); // of 512; random keys reach about 320
}
