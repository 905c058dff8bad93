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
    // At the highest load the longest probe of a million keys is 12-15 buckets, and 5% look at a second.
    static constexpr std::size_t kMaxProbe = 16;

    struct Found {
        std::uint64_t value = 0; // 0: absent
        std::uint32_t slot = kNoSlot;
    };

    // Takes up to `capacity` keys, erased ones included, at a load of at most 8/15: then a key costs 37.5 bytes, its
    // age included. Any number of buckets will do, so that no table is larger than what it is for asks.
    BucketTable(std::size_t capacity, std::uint64_t seed);

    // ---- any thread ----

    // The bucket where a key's probe begins: its distance from the first, bytes. What a packet carries from prefetch()
    // to find(), so that it is hashed once.
    using Home = std::uint32_t;

    // The table as a reader keeps it over a burst: home() and prefetch() of every key, then find() each, so that misses
    // overlap. For as long as the table lives.
    class Reader
    {
    public:
        explicit Reader(const BucketTable& table)
            : buckets_(reinterpret_cast<const std::byte*>(table.buckets_.get())), last_seen_(table.last_seen_.get()),
              multiplier_(table.multiplier_), scale_(table.scale_), crc_seed_(table.crc_seed_)
        {
        }

        // The same, but stamps go elsewhere: to slot_count() words.
        Reader with_ages(std::atomic<std::uint32_t>* ages) const noexcept
        {
            Reader other = *this;
            other.last_seen_ = ages;
            return other;
        }

        Home home(std::uint64_t key) const noexcept
        {
            unsigned long long scaled; // the hash is a fraction of 2^32: this much of all buckets lies before its own
            _mulx_u64(_mm_crc32_u64(crc_seed_, key * multiplier_), scale_, &scaled);
            return static_cast<Home>(scaled) & ~static_cast<Home>(sizeof(Bucket) - 1);
        }
        void prefetch(Home home) const noexcept { ask_for(buckets_ + home); }
        // For a key that is going to be stamped: also where its age is likely to lie.
        void prefetch_with_age(Home home) const noexcept
        {
            prefetch(home);
            ask_for(reinterpret_cast<const std::byte*>(last_seen_) + home / kHomeOverAge);
        }

        // `home` is the key's own. 0 marks a free slot, so there is nothing to be asked of it.
        Found find(const std::uint64_t& key, Home home) const noexcept
        {
            const auto& bucket = *reinterpret_cast<const Bucket*>(buckets_ + home);
            if (const Match match{bucket, key}; match.is_found) [[likely]]
                return match.at(bucket, home);
            if (bucket.keys[kSlotsPerBucket - 1].load(std::memory_order_relaxed) == 0)
                return {};
            return find_further(*this, home, key);
        }
        Found find(const std::uint64_t& key) const noexcept { return find(key, home(key)); }

        // Notes that the entry was in use at `now`. Lives apart from the probed lines and is written at most once a
        // second per entry. Precondition: `slot` was found in this very table.
        void stamp(std::uint32_t slot, std::uint32_t now) const noexcept
        {
            bool is_older; // in assembly for the same reason as Match
            asm volatile("cmpl %[now], %[seen]" : "=@ccne"(is_older) : [seen] "m"(last_seen_[slot]), [now] "r"(now));
            if (is_older) [[unlikely]]
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

        // The ages of a bucket's entries are so many times smaller than the bucket, and so are their offsets.
        static constexpr Home kHomeOverAge = sizeof(Bucket) / (kSlotsPerBucket * sizeof(std::uint32_t));
        static constexpr Home kHomeOverSlot = sizeof(Bucket) / kSlotsPerBucket;

        // Which slot of a bucket has the key; no branch, as no predictor knows which it will be. In assembly because
        // the memory model has no word for it: x86 reads each aligned eight bytes of a vector whole (implementations
        // split 32 bytes into two loads at most), and the address of the value loaded next depends on the outcome,
        // which orders the two. The writer stores a key after its value. And because compilers take an atomic load for
        // a write to everything, and drop what they had in registers.
        struct Match {
            bool is_found;
            std::uint64_t place;

            Match(const Bucket& bucket, const std::uint64_t& key) noexcept
            {
                __m256i equal;
                bool is_absent;
                asm volatile("vpbroadcastq %[key], %[equal]\n\t"
                             "vpcmpeqq %[keys], %[equal], %[equal]\n\t"
                             "vmovmskpd %[equal], %k[place]\n\t"
                             "tzcnt %k[place], %k[place]" // carry: none
                             : [equal] "=&x"(equal), [place] "=&r"(place), "=@ccc"(is_absent)
                             : [key] "m"(key), [keys] "m"(bucket.keys));
                is_found = !is_absent;
            }
            Found at(const Bucket& bucket, Home home) const noexcept
            {
                std::uint64_t value;
                asm volatile("movq %1, %0" : "=r"(value) : "m"(bucket.values[place]));
                return {value, home / kHomeOverSlot + static_cast<std::uint32_t>(place)};
            }
        };
        // Beyond the first bucket, which was full: 4% of all keys at the highest load.
        [[gnu::noinline]] static Found find_further(const Reader& table, Home home, std::uint64_t key) noexcept
        {
            for (std::size_t i = 1; i < kMaxProbe; ++i) {
                home += static_cast<Home>(sizeof(Bucket));
                if (home == table.scale_ >> 32)
                    home = 0;
                const auto& bucket = *reinterpret_cast<const Bucket*>(table.buckets_ + home);
                if (const Match match{bucket, key}; match.is_found)
                    return match.at(bucket, home);
                if (bucket.keys[kSlotsPerBucket - 1].load(std::memory_order_relaxed) == 0)
                    break;
            }
            return {};
        }

        const std::byte* buckets_;
        std::atomic<std::uint32_t>* last_seen_;
        std::uint64_t multiplier_;
        std::uint64_t scale_;
        std::uint32_t crc_seed_;
    };

    Found find(std::uint64_t key) const noexcept { return Reader{*this}.find(key); }
    void stamp(std::uint32_t slot, std::uint32_t now) const noexcept { Reader{*this}.stamp(slot, now); }
    Home home(std::uint64_t key) const noexcept { return Reader{*this}.home(key); }
    std::size_t home_bucket(std::uint64_t key) const noexcept { return home(key) / sizeof(Bucket); }

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
    std::size_t bucket_count() const { return (scale_ >> 32) / sizeof(Bucket); }
    std::size_t slot_count() const { return bucket_count() * kSlotsPerBucket; }

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
    struct Free {
        void operator()(void* memory) const { std::free(memory); }
    };
    template <typename T>
    using Array = std::unique_ptr<T[], Free>;
    template <typename T>
    static Array<T> allocate(std::size_t count);

    Word& key_at(std::size_t slot) const { return buckets_[slot / kSlotsPerBucket].keys[slot % kSlotsPerBucket]; }
    Word& value_at(std::size_t slot) const { return buckets_[slot / kSlotsPerBucket].values[slot % kSlotsPerBucket]; }

    // Read by every worker, written never.
    alignas(64) Array<Bucket> buckets_;
    Array<std::atomic<std::uint32_t>> last_seen_; // by slot
    std::uint64_t multiplier_;
    std::uint64_t scale_; // of all buckets: their bytes, times 2^32
    std::uint32_t crc_seed_;
    std::size_t capacity_;

    // The writer's.
    alignas(64) std::size_t used_ = 0; // slots with a key
    std::size_t erased_ = 0;           // of these, with the value 0
};

} // namespace vx
