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

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

namespace vx
{

class BucketTable
{
public:
    static constexpr std::size_t kSlotsPerBucket = 4;

private:
    using Word = std::atomic<std::uint64_t>;
    struct alignas(64) Bucket {
        Word keys[kSlotsPerBucket];
        Word values[kSlotsPerBucket];
    };
    static_assert(sizeof(Bucket) == 64 && Word::is_always_lock_free);

public:
    static constexpr std::uint32_t kNoSlot = 0xffffffff;
    // With every bucket half full, the longest probe of a million keys is 11-14 buckets, and 4% look at a second.
    static constexpr std::size_t kMaxProbe = 16;

    struct Found {
        std::uint64_t value = 0; // 0: absent
        std::uint32_t slot = kNoSlot;
    };

    // Takes up to `capacity` keys (rounded up to a power of two), erased ones included, at a load of at most 50%.
    BucketTable(std::size_t capacity, std::uint64_t seed);

    // ---- any thread ----

    // The table as a reader keeps it in registers over a burst: prefetch() every key, then find() each, so that misses
    // overlap. For as long as the table lives.
    class Reader
    {
    public:
        explicit Reader(const BucketTable& table)
            : buckets_(table.buckets_.get()), last_seen_(table.last_seen_.get()), multiplier_(table.multiplier_),
              crc_seed_(table.crc_seed_), mask_(table.mask_)
        {
        }

        // The bucket where a key's probe begins.
        std::uint32_t home(std::uint64_t key) const noexcept
        {
            return static_cast<std::uint32_t>(_mm_crc32_u64(crc_seed_, key * multiplier_)) & mask_;
        }
        void prefetch(std::uint64_t key) const noexcept { ask_for(&buckets_[home(key)]); }
        // For a key that is going to be stamped: also where its age is likely to lie.
        void prefetch_with_age(std::uint64_t key) const noexcept
        {
            const std::uint32_t index = home(key);
            ask_for(&buckets_[index]);
            ask_for(&last_seen_[index * kSlotsPerBucket]);
        }

        // 0 marks a free slot: asking for it is allowed (as for the row of a dropped packet), but the answer means
        // nothing.
        Found find(std::uint64_t key) const noexcept
        {
            const std::uint32_t index = home(key);
            const Bucket& bucket = buckets_[index];
            const unsigned matches = match(bucket, key);
            if (matches != 0) [[likely]]
                return at(bucket, index, matches);
            if (bucket.keys[kSlotsPerBucket - 1].load(std::memory_order_relaxed) == 0)
                return {};
            return find_further(buckets_, mask_, index, key);
        }

        // Notes that the entry was in use at `now`. Lives apart from the probed lines and is written at most once a
        // second per entry. Precondition: `slot` was found in this very table.
        void stamp(std::uint32_t slot, std::uint32_t now) const noexcept
        {
            if (last_seen_[slot].load(std::memory_order_relaxed) != now) [[unlikely]]
                last_seen_[slot].store(now, std::memory_order_relaxed);
        }

    private:
        // Not _mm_prefetch(): g++ takes a function that does nothing else for one without effect, and leaves out its
        // calls. A volatile asm stays.
        template <typename T>
        static void ask_for(const T* what) noexcept
        {
            asm volatile("prefetcht0 %0" : : "m"(*what));
        }

        // One bit per slot whose key is `key`; no branch, as no predictor knows which slot it will be. Half the time of
        // four atomic loads. In assembly because the memory model has no word for it: x86 reads each aligned eight
        // bytes of a vector whole (implementations split 32 bytes into two loads at most), and the address of the value
        // loaded next depends on the outcome, which orders the two. The writer stores a key after its value.
        static unsigned match(const Bucket& bucket, std::uint64_t key) noexcept
        {
            __m256i equal = _mm256_set1_epi64x(static_cast<long long>(key));
            asm volatile("vpcmpeqq %1, %0, %0" : "+x"(equal) : "m"(bucket.keys));
            return static_cast<unsigned>(_mm256_movemask_pd(_mm256_castsi256_pd(equal)));
        }
        static Found at(const Bucket& bucket, std::uint32_t index, unsigned matches) noexcept
        {
            const auto place = static_cast<std::uint32_t>(__builtin_ctz(matches));
            return {bucket.values[place].load(std::memory_order_acquire),
                    static_cast<std::uint32_t>(index * kSlotsPerBucket + place)};
        }
        // Beyond the first bucket, which was full: 4% of all keys at the highest load.
        [[gnu::noinline]] static Found find_further(const Bucket* buckets, std::uint32_t mask, std::uint32_t index,
                                                    std::uint64_t key) noexcept
        {
            for (std::size_t i = 1; i < kMaxProbe; ++i) {
                index = (index + 1) & mask;
                const Bucket& bucket = buckets[index];
                if (const unsigned matches = match(bucket, key); matches != 0)
                    return at(bucket, index, matches);
                if (bucket.keys[kSlotsPerBucket - 1].load(std::memory_order_relaxed) == 0)
                    break;
            }
            return {};
        }

        const Bucket* buckets_;
        std::atomic<std::uint32_t>* last_seen_;
        std::uint64_t multiplier_;
        std::uint32_t crc_seed_;
        std::uint32_t mask_;
    };

    Found find(std::uint64_t key) const noexcept { return Reader{*this}.find(key); }
    void stamp(std::uint32_t slot, std::uint32_t now) const noexcept { Reader{*this}.stamp(slot, now); }
    std::uint32_t home(std::uint64_t key) const noexcept { return Reader{*this}.home(key); }

    std::uint32_t last_seen(std::uint32_t slot) const noexcept
    {
        return last_seen_[slot].load(std::memory_order_relaxed);
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

    // Calls function(key, value, last_seen) for every entry; the function may erase or update entries.
    template <typename Function>
    void for_each(Function&& function) const
    {
        for (std::size_t slot = 0; slot < slot_count(); ++slot) {
            const std::uint64_t value = value_at(slot).load(std::memory_order_relaxed);
            if (value != 0)
                function(key_at(slot).load(std::memory_order_relaxed), value,
                         last_seen(static_cast<std::uint32_t>(slot)));
        }
    }

private:
    struct Free {
        void operator()(void* memory) const { std::free(memory); }
    };
    template <typename T>
    using Array = std::unique_ptr<T[], Free>;
    template <typename T>
    static Array<T> allocate(std::size_t count);

    std::size_t slot_count() const { return (std::size_t{mask_} + 1) * kSlotsPerBucket; }
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
