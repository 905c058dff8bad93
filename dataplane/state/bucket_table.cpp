// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/state/bucket_table.h"

#include <sys/mman.h>

#include <algorithm>
#include <cassert>
#include <limits>
#include <new>

namespace vx
{

namespace
{

constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kMinCapacity = 36; // so that a probe meets no bucket twice

std::size_t round_up(std::size_t size, std::size_t unit)
{
    return (size + unit - 1) / unit * unit;
}

} // namespace

// Zeroed and touched here, so that no reader ever takes a page fault.
template <typename T>
BucketTable::Array<T> BucketTable::allocate(std::size_t count)
{
    const std::size_t size = count * sizeof(T);
    const std::size_t alignment = size >= kHugePage ? kHugePage : alignof(Bucket);
    void* memory = std::aligned_alloc(alignment, round_up(size, alignment));
    for (; memory == nullptr; memory = std::aligned_alloc(alignment, round_up(size, alignment))) { // as operator new
        const std::new_handler handler = std::get_new_handler();
        if (handler == nullptr)
            throw std::bad_alloc();
        handler();
    }
    if (alignment == kHugePage)
        static_cast<void>(madvise(memory, round_up(size, alignment), MADV_HUGEPAGE)); // a hint; 4 KiB pages work too
    T* const first = static_cast<T*>(memory);
    std::uninitialized_value_construct_n(first, count);
    return Array<T>{first};
}

BucketTable::BucketTable(std::size_t capacity, std::uint64_t seed)
    : multiplier_(seed | 1), crc_seed_(static_cast<std::uint32_t>(seed >> 32)),
      capacity_(std::max(capacity, kMinCapacity))
{
    const std::size_t bucket_count = (15 * capacity_ / 8 + kSlotsPerBucket - 1) / kSlotsPerBucket;
    assert(bucket_count <= std::numeric_limits<Home>::max() / sizeof(Bucket));
    scale_ = std::uint64_t{bucket_count * sizeof(Bucket)} << 32;
    buckets_ = allocate<Bucket>(bucket_count);
    last_seen_ = allocate<std::atomic<std::uint32_t>>(slot_count());
}

BucketTable::Insert BucketTable::insert(std::uint64_t key, std::uint64_t value, std::uint32_t now)
{
    std::size_t index = home_bucket(key);
    const std::size_t end = bucket_count();
    for (std::size_t i = 0; i < kMaxProbe; ++i, index = index + 1 == end ? 0 : index + 1) {
        for (std::size_t place = 0; place < kSlotsPerBucket; ++place) {
            const std::size_t slot = index * kSlotsPerBucket + place;
            const std::uint64_t present = key_at(slot).load(std::memory_order_relaxed);
            if (present == key) {
                const bool was_erased = value_at(slot).load(std::memory_order_relaxed) == 0;
                erased_ -= was_erased ? 1 : 0;
                last_seen_[slot].store(now, std::memory_order_relaxed);
                value_at(slot).store(value, std::memory_order_release);
                return was_erased ? Insert::kInserted : Insert::kUpdated;
            }
            if (present == 0) {
                if (is_full())
                    return Insert::kFull;
                ++used_;
                last_seen_[slot].store(now, std::memory_order_relaxed);
                value_at(slot).store(value, std::memory_order_release);
                key_at(slot).store(key, std::memory_order_release); // publishes the value
                return Insert::kInserted;
            }
        }
    }
    return Insert::kFull;
}

bool BucketTable::erase(std::uint64_t key)
{
    const Found found = find(key);
    if (found.value == 0)
        return false;
    // A reader that has matched the key and not yet loaded the value gets the old one or 0, both of them right.
    value_at(found.slot).store(0, std::memory_order_release);
    ++erased_;
    return true;
}

} // namespace vx
