// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/state/fdb.h"

namespace vx
{

Fdb::Fdb(std::size_t max_size, WordTable::SeedSource seed_source) : words_(max_size, seed_source) {}

Dest Fdb::find(FdbKey key) const
{
    return Dest::from_word(words_.find(key.word()));
}

std::optional<std::uint32_t> Fdb::last_seen(FdbKey key) const
{
    return words_.last_seen(key.word());
}

Fdb::Change Fdb::set(FdbKey key, Dest dest, std::uint32_t now)
{
    const Dest old = find(key);
    const Change change = words_.set(key.word(), dest.word(), now);
    if (change != Change::kRefused) {
        count(old, -1);
        count(dest, +1);
    }
    return change;
}

bool Fdb::erase(FdbKey key)
{
    count(find(key), -1);
    return words_.erase(key.word());
}

} // namespace vx
