// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "control/neighbours/resolver.h"

#include <set>
#include <vector>

namespace vx::test
{

// The next hops that VTEPs need from now on, all of them.
inline void want_next_hops(Resolver& resolver, const std::set<NeighborKey>& next_hops, std::int64_t now_ms)
{
    std::vector<NeighborKey> unwanted;
    for (const auto& [key, neighbor] : resolver.all())
        if (neighbor.is_next_hop && !next_hops.contains(key))
            unwanted.push_back(key);
    resolver.change_next_hops(std::vector(next_hops.begin(), next_hops.end()), unwanted, now_ms);
}

} // namespace vx::test
