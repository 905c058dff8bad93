// SPDX-License-Identifier: BSD-3-Clause
// The data plane's FDB as its control thread writes it and its workers read it: a table behind an RCU pointer.
#pragma once

#include "bench/fdb/keys.h"
#include "dataplane/dpdk/qsbr.h"
#include "dataplane/dpdk/rcu_pointer.h"
#include "dataplane/state/fdb.h"

#include <cstddef>
#include <cstdint>
#include <memory>

namespace vx::bench
{

// As the pipeline does it: all lines of a burst are asked for before the first is read.
inline void look_up(const BucketTable& table, Keys keys, Values& values) noexcept
{
    const BucketTable::Reader reader{table};
    for (const std::uint64_t key : keys)
        reader.prefetch(reader.home(key));
    for (std::size_t i = 0; i < kKeysPerBurst; ++i)
        values[i] = reader.find(keys[i]).value;
}

class OurTable
{
public:
    // Grows as it is filled; `sharing` says whether somebody reads while somebody writes.
    OurTable(std::size_t entries, Sharing sharing, WordTable::SeedSource seed_source = WordTable::random_seed);

    // ---- the writer ----

    bool add(std::uint64_t key); // false: refused
    void remove(std::uint64_t key) { fdb_.erase(FdbKey::from_word(key)); }
    std::size_t rebuilds() const { return rebuilds_; }
    const Fdb& fdb() const { return fdb_; }

    // ---- the reader, one ----

    void begin_reading() noexcept { qsbr_.online(0); }
    void end_reading() noexcept { qsbr_.offline(0); }
    void look_up(Keys keys, Values& values) noexcept
    {
        bench::look_up(*current_.read().table, keys, values);
        if (sharing_ == Sharing::kConcurrent)
            qsbr_.quiescent(0);
    }
    static std::uint64_t value_of(std::uint64_t key);

private:
    struct Snapshot {
        const BucketTable* table;
    };
    void publish();

    Fdb fdb_;
    Qsbr qsbr_{1};
    RcuPointer<Snapshot> current_{qsbr_};
    Sharing sharing_;
    std::size_t rebuilds_ = 0;
};

} // namespace vx::bench
