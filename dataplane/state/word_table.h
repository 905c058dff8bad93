// SPDX-License-Identifier: BSD-3-Clause
// The control thread's handle on a BucketTable that workers read: inserts in place while it can, and otherwise builds
// a fresh table of the right size under a fresh seed. Growth, compaction, shrinking and the answer to a collision
// attack are this one function. The FDB and the neighbour table are views of it with types.
//
// A worker that still reads the old table stamps it until it sees the new one; the second of use that the copy missed
// is not worth carrying over.
#pragma once

#include "dataplane/state/bucket_table.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace vx
{

class WordTable
{
public:
    using SeedSource = std::uint64_t (*)();
    static std::uint64_t random_seed(); // from the kernel

    explicit WordTable(std::size_t max_size, SeedSource seed_source = random_seed);

    // What workers read. After kRebuilt it is another one: publish it, synchronize, then release_retired().
    const BucketTable& table() const { return *table_; }
    void release_retired() { retired_.clear(); }

    enum class Change {
        kInPlace,
        kRebuilt,
        kRefused, // max_size is reached, or no seed and size tried gives the key a place; nothing changed
    };
    // Inserts or updates; `now` becomes the entry's last_seen. Precondition: key and value not 0.
    Change set(std::uint64_t key, std::uint64_t value, std::uint32_t now);
    bool erase(std::uint64_t key) { return table_->erase(key); }
    // That many more keys are about to come: a rebuild that they cause makes room for all of them at once.
    void reserve(std::size_t count) { expected_ = size() + count; }

    void prefetch(std::uint64_t key) const
    {
        const BucketTable::Reader reader{*table_};
        reader.prefetch_with_age(reader.home(key));
    }
    std::uint64_t find(std::uint64_t key) const { return table_->find(key).value; } // 0: absent
    std::optional<std::uint32_t> last_seen(std::uint64_t key) const;
    std::size_t size() const { return table_->size(); }
    std::size_t max_size() const { return max_size_; }
    std::uint64_t refused() const { return refused_; } // how often set() said kRefused

    template <typename Function>
    void for_each(Function&& function) const
    {
        table_->for_each(function);
    }

private:
    Change refuse();
    Change rebuild_with(std::uint64_t key, std::uint64_t value, std::uint32_t now);
    std::unique_ptr<BucketTable> copy(std::size_t capacity) const;

    std::size_t max_size_;
    SeedSource seed_source_;
    std::unique_ptr<BucketTable> table_;
    std::vector<std::unique_ptr<BucketTable>> retired_;
    std::optional<std::uint32_t> gave_up_; // the second in which a rebuild last found no place for a key
    std::uint64_t refused_ = 0;
    std::size_t expected_ = 0; // see reserve()
};

} // namespace vx
