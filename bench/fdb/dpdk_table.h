// SPDX-License-Identifier: BSD-3-Clause
// The same on DPDK's rte_hash, with room for its entries at the load that the FDB has too; its lock-free mode with
// deferred reclamation only where somebody writes while somebody reads.
#pragma once

#include "bench/fdb/keys.h"

#include <rte_hash.h>
#include <rte_rcu_qsbr.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

namespace vx::bench
{

// Whose functions it calls for a key's hash and comparison: DPDK's for keys of any size (rte_hash_crc() and memcmp()),
// or ours for keys of eight bytes. A table of a million is twice as fast with the latter.
enum class Callbacks { kStock, kTuned };

class DpdkTable
{
public:
    // Throws if there is no memory for it.
    DpdkTable(std::size_t entries, Sharing sharing, Callbacks callbacks = Callbacks::kStock);

    // ---- the writer ----

    bool add(std::uint64_t key); // false: no room
    void remove(std::uint64_t key);

    // ---- the reader, one ----

    void begin_reading() noexcept { rte_rcu_qsbr_thread_online(qsbr_.get(), 0); }
    void end_reading() noexcept { rte_rcu_qsbr_thread_offline(qsbr_.get(), 0); }
    void look_up(Keys keys, Values& values) noexcept
    {
        std::array<const void*, kKeysPerBurst> pointers;
        for (std::size_t i = 0; i < kKeysPerBurst; ++i)
            pointers[i] = &keys[i];
        std::uint64_t hits = 0;
        rte_hash_lookup_bulk_data(hash_.get(), pointers.data(), kKeysPerBurst, &hits,
                                  reinterpret_cast<void**>(values.data()));
        if (hits != kAllHit) // what was not found left its place as it was
            for (std::uint64_t missed = ~hits & kAllHit; missed != 0; missed &= missed - 1)
                values[static_cast<std::size_t>(std::countr_zero(missed))] = 0;
        if (sharing_ == Sharing::kConcurrent)
            rte_rcu_qsbr_quiescent(qsbr_.get(), 0);
    }
    static std::uint64_t value_of(std::uint64_t key) { return (key << 8) | 1; }

private:
    static constexpr std::uint64_t kAllHit = (std::uint64_t{1} << kKeysPerBurst) - 1;
    struct Free {
        void operator()(rte_hash* hash) const { rte_hash_free(hash); }
        void operator()(rte_rcu_qsbr* state) const { std::free(state); }
    };

    std::unique_ptr<rte_rcu_qsbr, Free> qsbr_; // outlives the table
    std::unique_ptr<rte_hash, Free> hash_;
    Sharing sharing_;
};

// What DPDK's heaps have given out, in bytes.
std::size_t dpdk_heap_size();

} // namespace vx::bench
