// SPDX-License-Identifier: BSD-3-Clause
#include "bench/fdb/our_table.h"

#include <algorithm>

namespace vx::bench
{

OurTable::OurTable(std::size_t entries, Sharing sharing, WordTable::SeedSource seed_source)
    : fdb_(std::max(2 * entries, Fdb::kDefaultMax), seed_source), sharing_(sharing)
{
    qsbr_.register_worker(0);
    publish();
}

void OurTable::publish()
{
    current_.publish(std::make_unique<Snapshot>(Snapshot{&fdb_.table()}));
    fdb_.release_retired();
}

std::uint64_t OurTable::value_of(std::uint64_t key)
{
    return Dest::vtep(LinkId{7}, VtepId{static_cast<std::uint32_t>(key)}).word();
}

bool OurTable::add(std::uint64_t key)
{
    const Fdb::Change change = fdb_.set(FdbKey::from_word(key), Dest::from_word(value_of(key)), 1);
    if (change == Fdb::Change::kRebuilt) {
        ++rebuilds_;
        publish();
    }
    return change != Fdb::Change::kRefused;
}

} // namespace vx::bench
