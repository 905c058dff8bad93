// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/state/word_table.h"

#include <algorithm>
#include <array>
#include <random>

namespace vx
{

namespace
{

constexpr std::size_t kMinCapacity = 1024;

// Leaves a fifth free, so that the cost of a rebuild is spread over at least that many inserts.
std::size_t capacity_for(std::size_t size)
{
    return std::max(size + size / 4, kMinCapacity);
}

// Where it is known what comes, there is less to be prepared for.
std::size_t capacity_for_expected(std::size_t size)
{
    return size + size / 32;
}

// Keys that crowd a few buckets may cost this many times the memory that their number asks for, and no more.
constexpr std::size_t kMaxOversize = 4;

} // namespace

std::uint64_t WordTable::random_seed()
{
    std::random_device device;
    return (std::uint64_t{device()} << 32) | device();
}

WordTable::WordTable(std::size_t max_size, SeedSource seed_source)
    : max_size_(max_size), seed_source_(seed_source), table_(std::make_unique<BucketTable>(kMinCapacity, seed_source()))
{
}

WordTable::Change WordTable::set(std::uint64_t key, std::uint64_t value, std::uint32_t now)
{
    if (size() >= max_size_ && find(key) == 0)
        return refuse();
    if (table_->insert(key, value, now) != BucketTable::Insert::kFull)
        return Change::kInPlace;
    return rebuild_with(key, value, now);
}

std::optional<std::uint32_t> WordTable::last_seen(std::uint64_t key) const
{
    const BucketTable::Found found = table_->find(key);
    if (found.value == 0)
        return std::nullopt;
    return table_->last_seen(found.slot);
}

WordTable::Change WordTable::refuse()
{
    ++refused_;
    return Change::kRefused;
}

WordTable::Change WordTable::rebuild_with(std::uint64_t key, std::uint64_t value, std::uint32_t now)
{
    // Whoever sends keys without a place must not buy a rebuild with each of them.
    if (!table_->is_full() && gave_up_ == now)
        return refuse();
    const std::size_t enough =
        std::max(capacity_for(size() + 1), capacity_for_expected(std::min(expected_, max_size_)));
    for (std::size_t capacity = enough; capacity <= kMaxOversize * enough; capacity *= 2) {
        std::unique_ptr<BucketTable> fresh = copy(capacity);
        if (fresh == nullptr || fresh->insert(key, value, now) == BucketTable::Insert::kFull)
            continue;
        retired_.push_back(std::move(table_));
        table_ = std::move(fresh);
        return Change::kRebuilt;
    }
    gave_up_ = now;
    return refuse();
}

// Nothing if some key finds no place.
std::unique_ptr<BucketTable> WordTable::copy(std::size_t capacity) const
{
    struct Entry {
        std::uint64_t key, value;
        std::uint32_t seen;
    };
    auto fresh = std::make_unique<BucketTable>(capacity, seed_source_());
    const BucketTable::Reader reader{*fresh};
    // Each lands in a place of its own: several are asked for at a time.
    std::array<Entry, 16> waiting;
    std::size_t count = 0;
    bool is_whole = true;
    const auto insert = [&](const Entry& entry) {
        is_whole = is_whole && fresh->insert(entry.key, entry.value, entry.seen) != BucketTable::Insert::kFull;
    };
    table_->for_each([&](std::uint64_t key, std::uint64_t value, std::uint32_t seen) {
        Entry& place = waiting[count % waiting.size()];
        if (count >= waiting.size())
            insert(place);
        place = {key, value, seen};
        ++count;
        reader.prefetch_with_age(reader.home(key));
    });
    for (std::size_t left = std::min(count, waiting.size()); left > 0; --left)
        insert(waiting[(count - left) % waiting.size()]);
    return is_whole ? std::move(fresh) : nullptr;
}

} // namespace vx
