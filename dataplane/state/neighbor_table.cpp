// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/state/neighbor_table.h"

namespace vx
{

NeighborTable::NeighborTable(std::size_t max_size, WordTable::SeedSource seed_source) : words_(max_size, seed_source) {}

std::optional<Mac> NeighborTable::find(LinkId interface, std::uint32_t address) const
{
    const std::uint64_t found = words_.find(key(interface, address));
    if (found == 0)
        return std::nullopt;
    return mac_of(found);
}

NeighborTable::Change NeighborTable::set(LinkId interface, std::uint32_t address, const Mac& mac, std::uint32_t now)
{
    return words_.set(key(interface, address), value(mac), now);
}

bool NeighborTable::erase(LinkId interface, std::uint32_t address)
{
    return words_.erase(key(interface, address));
}

} // namespace vx
