// SPDX-License-Identifier: BSD-3-Clause
// A hash table of one-word keys and one-word values: one writer (the control thread), any number of lock-free readers.
// A lookup reads one cache line: four keys, then their values.
//
// Invariant: a slot's key is written once in the life of a table and never again, so a reader that matched may trust
// the slot: what its value says, now or later in the same loop turn, is said about that key. Erasing stores the value
// 0 ("absent") and leaves the key, so the same key may come back by one more value store. Slots of a bucket fill in
// order and are never freed: a bucket whose last key is 0 ends every probe. Whoever owns the table replaces it by a
// fresh one when it is full (see WordTable); nothing moves within a table.
//
// Tenants choose MACs, and CRC is affine: for keys that collide in the CRC no seed and no finisher helps. So the key is
// first multiplied by a secret odd number, which is a bijection, and the CRC then mixes all bits of the product. The
// number of buckets that a lookup may read is bounded nevertheless.
#pragma once

#include <immintrin.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>

namespace vx
{

class BucketTable
{
public:
    static constexpr std::uint32_t kNoSlot = 0xffffffff;
    static constexpr std::size_t kMaxBurst = 64;
    static constexpr std::size_t kSlotsPerBucket = 4;
    // With every bucket half full, the longest probe of a million keys is 11-14 buckets, and 4% look at a second.
    static constexpr std::size_t kMaxProbe = 16;

    struct Found {
        std::uint64_t value = 0; // 0: absent
        std::uint32_t slot = kNoSlot;
    };

    // Takes up to `capacity` keys (rounded up to a power of two), erased ones included, at a load of at most 50%.
    BucketTable(std::size_t capacity, std::uint64_t seed);

    // ---- any thread ----

    // 0 marks a free slot: asking for it is allowed (as for the row of a dropped packet), but the answer means nothing.
    Found find(std::uint64_t key) const noexcept { return probe(home(key), key); }

    // Precondition: keys.size() <= kMaxBurst and out.size() >= keys.size(). All first lines are asked for before the
    // first is read, so misses overlap.
    void find_bulk(std::span<const std::uint64_t> keys, std::span<Found> out) const noexcept
    {
        std::uint32_t homes[kMaxBurst];
        for (std::size_t i = 0; i < keys.size(); ++i) {
            homes[i] = home(keys[i]);
            _mm_prefetch(reinterpret_cast<const char*>(&buckets_[homes[i]]), _MM_HINT_T0);
        }
        for (std::size_t i = 0; i < keys.size(); ++i)
            out[i] = probe(homes[i], keys[i]);
    }

    // Notes that the entry was in use at `now`. Lives apart from the probed lines and is written at most once a second
    // per entry. Precondition: `slot` was found in this very table.
    void stamp(std::uint32_t slot, std::uint32_t now) const noexcept
    {
        if (last_seen_[slot].load(std::memory_order_relaxed) != now)
            last_seen_[slot].store(now, std::memory_order_relaxed);
    }
    std::uint32_t last_seen(std::uint32_t slot) const noexcept
    {
        return last_seen_[slot].load(std::memory_order_relaxed);
    }

    // The bucket where a key's probe begins.
    std::uint32_t home(std::uint64_t key) const noexcept
    {
        return static_cast<std::uint32_t>(_mm_crc32_u64(crc_seed_, key * multiplier_)) & mask_;
    }

    // ---- the writer ----

    enum class Insert { kInserted, kUpdated, kFull };

    // kFull: no slot is left, or none within kMaxProbe buckets; nothing changed. Precondition: key and value not 0.
    Insert insert(std::uint64_t key, std::uint64_t value, std::uint32_t now);
    bool erase(std::uint64_t key);

    std::size_t size() const { return used_ - erased_; }
    std::size_t erased() const { return erased_; } // keys that keep their slot without being present
    bool is_full() const { return used_ == capacity_; }
    std::size_t capacity() const { return capacity_; }
    std::size_t slot_count() const { return (std::size_t{mask_} + 1) * kSlotsPerBucket; }

    // Calls function(key, value, last_seen) for every entry; the function may erase or update entries.
    template <typename Function>
    void for_each(Function&& function) const
    {
        for_each_in(0, slot_count(), function);
    }
    // Those in some of the slots; there are slot_count() of them.
    template <typename Function>
    void for_each_in(std::size_t first, std::size_t last, Function&& function) const
    {
        for (std::size_t slot = first; slot < std::min(last, slot_count()); ++slot) {
            const std::uint64_t value = value_at(slot).load(std::memory_order_relaxed);
            if (value != 0)
                function(key_at(slot).load(std::memory_order_relaxed), value,
                         last_seen(static_cast<std::uint32_t>(slot)));
        }
    }

private:
    using Word = std::atomic<std::uint64_t>;
    struct alignas(64) Bucket {
        Word keys[kSlotsPerBucket];
        Word values[kSlotsPerBucket];
    };
    static_assert(sizeof(Bucket) == 64 && Word::is_always_lock_free);

    struct Free {
        void operator()(void* memory) const { std::free(memory); }
    };
    template <typename T>
    using Array = std::unique_ptr<T[], Free>;
    template <typename T>
    static Array<T> allocate(std::size_t count);

    // One bit per slot whose key is `key`; no branch, as no predictor knows which slot it will be. Half the time of
    // four atomic loads. In assembly because the memory model has no word for it: x86 reads each aligned eight bytes
    // of a vector whole (implementations split 32 bytes into two loads at most), and the address of the value loaded
    // next depends on the outcome, which orders the two. The writer stores a key after its value.
    static unsigned match(const Bucket& bucket, std::uint64_t key) noexcept
    {
        __m256i equal = _mm256_set1_epi64x(static_cast<long long>(key));
        asm volatile("vpcmpeqq %1, %0, %0" : "+x"(equal) : "m"(bucket.keys));
        return static_cast<unsigned>(_mm256_movemask_pd(_mm256_castsi256_pd(equal)));
    }

    Found probe(std::uint32_t index, std::uint64_t key) const noexcept
    {
        for (std::size_t i = 0; i < kMaxProbe; ++i, index = (index + 1) & mask_) {
            const Bucket& bucket = buckets_[index];
            const unsigned matches = match(bucket, key);
            if (matches != 0) [[likely]] {
                const auto place = static_cast<std::uint32_t>(__builtin_ctz(matches));
                return {bucket.values[place].load(std::memory_order_acquire),
                        static_cast<std::uint32_t>(index * kSlotsPerBucket + place)};
            }
            if (bucket.keys[kSlotsPerBucket - 1].load(std::memory_order_relaxed) == 0)
                break;
        }
        return {};
    }

    Word& key_at(std::size_t slot) const { return buckets_[slot / kSlotsPerBucket].keys[slot % kSlotsPerBucket]; }
    Word& value_at(std::size_t slot) const { return buckets_[slot / kSlotsPerBucket].values[slot % kSlotsPerBucket]; }

    // Read by every worker, written never.
    alignas(64) Array<Bucket> buckets_;
    Array<std::atomic<std::uint32_t>> last_seen_; // by slot
    std::uint64_t multiplier_;
    std::uint32_t crc_seed_;
    std::uint32_t mask_;
    std::size_t capacity_;

    // The writer's.
    alignas(64) std::size_t used_ = 0; // slots with a key
    std::size_t erased_ = 0;           // of these, with the value 0
};

} // namespace vx
