// SPDX-License-Identifier: BSD-3-Clause
#include "bench/fdb/keys.h"

#include "dataplane/state/fdb_key.h"

#include <immintrin.h>

#include <algorithm>
#include <map>
#include <random>

namespace vx::bench
{

namespace
{

constexpr std::size_t kHostileCount = std::size_t{1} << 15;
constexpr unsigned kMacBits = 48;

// An odd multiplication and a shift that is folded in are bijections, so numbers that differ give MACs that differ.
std::uint64_t scramble(std::uint64_t number)
{
    constexpr std::uint64_t kMask = (std::uint64_t{1} << kMacBits) - 1;
    for (int round = 0; round < 3; ++round) {
        number = (number * 0x9e3779b97f4a7c15ULL) & kMask;
        number ^= number >> 23;
    }
    return number;
}

std::uint64_t key_of(std::uint64_t mac)
{
    return FdbKey{BridgeId{1}, Mac::from_u64(mac)}.word();
}

// MACs whose CRC is the same whatever the CRC's seed: CRC is affine, so they are one of them and a kernel's elements.
std::vector<std::uint64_t> of_one_crc(std::size_t count)
{
    const auto crc_of = [](std::uint64_t bits) { return static_cast<std::uint32_t>(_mm_crc32_u64(0, bits)); };
    std::vector<std::uint64_t> kernel;                              // MACs with the CRC 0, that generate all such
    std::map<unsigned, std::pair<std::uint32_t, std::uint64_t>> by; // highest bit of a CRC -> it, and whose it is
    for (unsigned bit = 0; bit < kMacBits; ++bit) {
        std::uint64_t mac = std::uint64_t{1} << bit;
        std::uint32_t crc = crc_of(mac);
        while (crc != 0) {
            const auto highest = static_cast<unsigned>(31 - __builtin_clz(crc));
            const auto [found, is_new] = by.try_emplace(highest, crc, mac);
            if (is_new)
                break;
            crc ^= found->second.first;
            mac ^= found->second.second;
        }
        if (crc == 0)
            kernel.push_back(mac);
    }
    std::vector<std::uint64_t> keys;
    for (std::uint64_t choice = 1; keys.size() < count && choice < std::uint64_t{1} << kernel.size(); ++choice) {
        std::uint64_t mac = 0;
        for (std::size_t i = 0; i < kernel.size(); ++i)
            mac ^= ((choice >> i) & 1) != 0 ? kernel[i] : 0;
        if (Mac::from_u64(mac).is_unicast())
            keys.push_back(key_of(mac));
    }
    return keys;
}

// base + i * step, without group addresses.
std::vector<std::uint64_t> progression(std::uint64_t base, std::uint64_t step, std::size_t count)
{
    std::vector<std::uint64_t> keys;
    for (std::uint64_t mac = base; keys.size() < count && mac < std::uint64_t{1} << kMacBits; mac += step)
        if (Mac::from_u64(mac).is_unicast())
            keys.push_back(key_of(mac));
    return keys;
}

} // namespace

std::vector<std::uint64_t> random_keys(std::size_t count, unsigned family)
{
    std::vector<std::uint64_t> keys;
    keys.reserve(count);
    for (std::uint64_t number = std::uint64_t{family} << 32; keys.size() < count; ++number)
        if (const Mac mac = Mac::from_u64(scramble(number)); mac.is_unicast())
            keys.push_back(key_of(mac.to_u64()));
    return keys;
}

std::vector<HostileSet> hostile_sets()
{
    constexpr std::uint64_t kLocal = 0x0200'0000'0000ULL;
    return {{"of one CRC", of_one_crc(kHostileCount)},
            {"consecutive", progression(kLocal, 1, kHostileCount)},
            {"low 16 bits alike", progression(kLocal, std::uint64_t{1} << 16, kHostileCount)},
            {"low 32 bits alike", progression(0x1234'5678ULL, std::uint64_t{1} << 32, kHostileCount)}};
}

std::vector<std::uint64_t> colliding_keys(const BucketTable& table, std::size_t group_count)
{
    constexpr std::uint32_t kApart = 2 * BucketTable::kMaxProbe; // buckets
    std::map<std::size_t, std::vector<std::uint64_t>> groups;
    std::size_t full = 0;
    for (std::uint64_t number = std::uint64_t{9} << 32; full < group_count; ++number) {
        const std::uint64_t mac = scramble(number);
        const std::size_t home = table.home_bucket(key_of(mac));
        if (!Mac::from_u64(mac).is_unicast() || home % kApart != 0 || home / kApart >= group_count)
            continue;
        std::vector<std::uint64_t>& group = groups[home];
        if (group.size() == kCollidingGroup)
            continue;
        group.push_back(key_of(mac));
        full += group.size() == kCollidingGroup ? 1 : 0;
    }
    std::vector<std::uint64_t> keys;
    for (const auto& [home, group] : groups)
        keys.insert(keys.end(), group.begin(), group.end());
    return keys;
}

std::size_t lines_of(const BucketTable& table, std::uint64_t key)
{
    const std::size_t bucket_count = table.bucket_count();
    const std::size_t bucket = table.find(key).slot / BucketTable::kSlotsPerBucket;
    return (bucket + bucket_count - table.home_bucket(key)) % bucket_count + 1;
}

KeyStream::KeyStream(std::span<const std::uint64_t> from)
{
    constexpr std::size_t kMost = std::size_t{1} << 20; // bursts of all of them are 8 MiB, read ahead by the hardware
    keys_.resize(std::clamp<std::size_t>(2 * from.size(), 4096, kMost) / kKeysPerBurst * kKeysPerBurst);
    std::mt19937_64 random{7};
    for (std::uint64_t& key : keys_)
        key = from[random() % from.size()];
}

} // namespace vx::bench
