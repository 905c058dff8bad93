// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/state/route_table.h"

#include <algorithm>
#include <cassert>

namespace vx
{

std::shared_ptr<const RouteTable> RouteTable::build(std::span<const Route> routes)
{
    std::vector<Route> sorted(routes.begin(), routes.end());
    std::stable_sort(sorted.begin(), sorted.end(), [](const Route& a, const Route& b) { return a.length < b.length; });
    std::shared_ptr<RouteTable> table{new RouteTable};
    for (const Route& route : sorted)
        table->add(route);
    table->words_.shrink_to_fit();
    return table;
}

// Where the chunk below entry `at` begins; made, and filled with what the entry said, where there is none.
std::size_t RouteTable::descend(std::size_t at)
{
    const std::uint32_t entry = words_[at];
    if ((entry & kChunk) != 0)
        return entry & ~kChunk;
    const std::size_t begin = words_.size();
    words_.resize(begin + kChunkSize, entry);
    assert(begin < kChunk);
    words_[at] = kChunk | static_cast<std::uint32_t>(begin);
    return begin;
}

// Routes come shortest first, so what a route covers has no chunk below it yet and is simply overwritten.
void RouteTable::add(const Route& route)
{
    assert(route.length <= 32 && route.result != 0 && route.result <= kMaxResult);
    const unsigned level_end = route.length <= 16 ? 16 : route.length <= 24 ? 24 : 32;
    const std::size_t count = std::size_t{1} << (level_end - route.length);
    std::size_t begin = 0;
    std::size_t index = route.prefix >> 16;
    if (level_end >= 24) {
        begin = descend(index);
        index = (route.prefix >> 8) & 0xff;
    }
    if (level_end == 32) {
        begin = descend(begin + index);
        index = route.prefix & 0xff;
    }
    index &= ~(count - 1);
    std::fill_n(words_.begin() + static_cast<std::ptrdiff_t>(begin + index), count, route.result);
}

} // namespace vx
