// SPDX-License-Identifier: BSD-3-Clause
// FDB keys: random MACs, MACs that somebody chose to do harm, and the order in which they are looked up.
#pragma once

#include "dataplane/state/bucket_table.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace vx::bench
{

inline constexpr std::size_t kKeysPerBurst = 32;
using Keys = std::span<const std::uint64_t, kKeysPerBurst>;
using Values = std::array<std::uint64_t, kKeysPerBurst>; // 0: absent

enum class Sharing { kNone, kConcurrent };

// Unicast MACs of one bridging domain, no two alike; those of different `family` are disjoint.
std::vector<std::uint64_t> random_keys(std::size_t count, unsigned family);

// What an attacker may send who knows the code, but no table's seed.
struct HostileSet {
    std::string_view name;
    std::vector<std::uint64_t> keys;
};
std::vector<HostileSet> hostile_sets();

// What one may send who knows the seed of this very table: `group_count` groups whose probes begin in one bucket each,
// far from each other, of as many keys as a probe can pass by. One behind the other, in the order of their slots.
std::vector<std::uint64_t> colliding_keys(const BucketTable& table, std::size_t group_count);
inline constexpr std::size_t kCollidingGroup = BucketTable::kMaxProbe * BucketTable::kSlotsPerBucket;

// Lines that a lookup of a key reads that is there.
std::size_t lines_of(const BucketTable& table, std::uint64_t key);

// Keys in random order, with repetition, burst by burst, over and over.
class KeyStream
{
public:
    explicit KeyStream(std::span<const std::uint64_t> from);
    Keys next() noexcept
    {
        const std::uint64_t* const first = keys_.data() + at_;
        at_ = at_ + kKeysPerBurst == keys_.size() ? 0 : at_ + kKeysPerBurst;
        return Keys{first, kKeysPerBurst};
    }

private:
    std::vector<std::uint64_t> keys_;
    std::size_t at_ = 0;
};

} // namespace vx::bench
