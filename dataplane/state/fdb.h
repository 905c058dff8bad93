// SPDX-License-Identifier: BSD-3-Clause
// The forwarding database as the control thread, its only writer, sees it: (bridging domain, MAC) -> Dest.
// last_seen counts seconds of a monotonic clock.
#pragma once

#include "dataplane/state/dest.h"
#include "dataplane/state/fdb_key.h"
#include "dataplane/state/word_table.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace vx
{

class Fdb
{
public:
    static constexpr std::size_t kDefaultMax = std::size_t{4} << 20; // entries
    using Change = WordTable::Change;

    explicit Fdb(std::size_t max_size = kDefaultMax, WordTable::SeedSource seed_source = WordTable::random_seed);

    const BucketTable& table() const { return words_.table(); } // for the next published config
    void release_retired() { words_.release_retired(); }        // after publishing and synchronizing

    Dest find(FdbKey key) const;
    std::optional<std::uint32_t> last_seen(FdbKey key) const;
    // Precondition: dest is not kNone.
    Change set(FdbKey key, Dest dest, std::uint32_t now);
    bool erase(FdbKey key);
    void prefetch(FdbKey key) const { words_.prefetch(key.word()); } // for find(), set() or erase()
    void reserve(std::size_t count) { words_.reserve(count); }       // more entries

    std::size_t size() const { return words_.size(); }
    // Entries that lead to or through a link; kLocal ones are not counted.
    std::size_t count_of(LinkId link) const { return link_counts_[link.value]; }
    std::size_t max_size() const { return words_.max_size(); }
    std::uint64_t refused() const { return words_.refused(); }

    // function(FdbKey, Dest, last_seen); it may erase and update entries, but not insert.
    template <typename Function>
    void for_each(Function&& function) const
    {
        words_.for_each([&](std::uint64_t key, std::uint64_t value, std::uint32_t seen) {
            function(FdbKey::from_word(key), Dest::from_word(value), seen);
        });
    }

    // The same for the part'th of `parts` equal parts of the table, from 0.
    template <typename Function>
    void for_each_in(std::size_t part, std::size_t parts, Function&& function) const
    {
        const std::size_t slots = table().slot_count();
        table().for_each_in(slots * part / parts, slots * (part + 1) / parts,
                            [&](std::uint64_t key, std::uint64_t value, std::uint32_t seen) {
                                function(FdbKey::from_word(key), Dest::from_word(value), seen);
                            });
    }

private:
    void count(Dest dest, int change)
    {
        if (dest.kind() != Dest::Kind::kNone && dest.kind() != Dest::Kind::kLocal)
            link_counts_[dest.link().value] += static_cast<std::uint32_t>(change);
    }

    WordTable words_;
    std::vector<std::uint32_t> link_counts_ = std::vector<std::uint32_t>(std::size_t{1} << 16); // by LinkId
};

} // namespace vx
