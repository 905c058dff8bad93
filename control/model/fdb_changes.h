// SPDX-License-Identifier: BSD-3-Clause
// What a transaction does to the FDB: key -> Dest (kNone: erase), in the order in which the keys first came. A list
// with a hash index of open addressing, for batches have millions of entries.
#pragma once

#include "dataplane/state/dest.h"
#include "dataplane/state/fdb_key.h"
#include "dataplane/state/word_table.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace vx
{

class FdbChanges
{
public:
    using Change = std::pair<FdbKey, Dest>;

    // About how many there may be: a list that gets long has room for that many at once.
    void expect(std::size_t count) { expected_ = count; }

    bool empty() const { return changes_.empty(); }
    std::size_t size() const { return changes_.size(); }
    std::vector<Change>::const_iterator begin() const { return changes_.begin(); }
    std::vector<Change>::const_iterator end() const { return changes_.end(); }

    // Null: the entry is not changed.
    const Dest* find(FdbKey key) const
    {
        if (index_.empty())
            return nullptr;
        const std::uint32_t at = index_[place_of(key)];
        return at == 0 ? nullptr : &changes_[at - 1].second;
    }
    void set(FdbKey key, Dest dest)
    {
        if (changes_.size() >= index_.size() / 2)
            grow();
        std::uint32_t& at = index_[place_of(key)];
        if (at != 0) {
            changes_[at - 1].second = dest;
            return;
        }
        changes_.emplace_back(key, dest);
        at = static_cast<std::uint32_t>(changes_.size());
    }

private:
    // Where the key is, or where it is to go.
    std::size_t place_of(FdbKey key) const
    {
        const std::size_t mask = index_.size() - 1;
        std::uint64_t hash = key.word() * kMultiplier;
        hash = (hash ^ (hash >> 32)) * 0xd6e8feb86659fd93ULL;
        std::size_t place = (hash >> 32) & mask;
        while (index_[place] != 0 && changes_[index_[place] - 1].first != key)
            place = (place + 1) & mask;
        return place;
    }
    void grow()
    {
        constexpr std::size_t kLong = 1024;
        std::size_t size = index_.empty() ? 16 : 2 * index_.size();
        if (size >= kLong && expected_ > changes_.size()) {
            size = std::max(size, std::bit_ceil(2 * expected_ + 2));
            changes_.reserve(expected_);
        }
        index_.assign(size, 0);
        for (std::size_t i = 0; i < changes_.size(); ++i)
            index_[place_of(changes_[i].first)] = static_cast<std::uint32_t>(i + 1);
    }

    // Odd, and nobody's to know: tenants choose MACs, and could choose such that one probes all others.
    static inline const std::uint64_t kMultiplier = WordTable::random_seed() | 1;

    std::size_t expected_ = 0;
    std::vector<Change> changes_;
    std::vector<std::uint32_t> index_; // 0: free; else the number of a change, from 1
};

} // namespace vx
