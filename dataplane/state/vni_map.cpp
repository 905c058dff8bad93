// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/state/vni_map.h"

#include <algorithm>

namespace vx
{

constexpr VniMap::Chunk VniMap::kEmpty{};

VniMap VniMap::with(std::span<const Entry> entries) const
{
    VniMap next = *this;
    next.assign(entries);
    return next;
}

VniMap VniMap::with(Vni vni, LinkId link) const
{
    const Entry entry{vni, link};
    return with({&entry, 1});
}

// Every chunk concerned is copied once, however many of its entries change.
void VniMap::assign(std::span<const Entry> entries)
{
    std::map<std::uint32_t, std::shared_ptr<Chunk>> changed;
    for (const Entry& entry : entries) {
        const std::uint32_t index = entry.vni.value() >> kBits;
        std::shared_ptr<Chunk>& chunk = changed[index];
        if (chunk == nullptr)
            chunk = std::make_shared<Chunk>(*chunks_[index]);
        (*chunk)[entry.vni.value() & kMask] = entry.link;
    }
    for (const auto& [index, chunk] : changed) {
        const bool is_empty = std::all_of(chunk->begin(), chunk->end(), [](LinkId link) { return link.is_none(); });
        chunks_[index] = is_empty ? &kEmpty : chunk.get();
        if (is_empty)
            owned_.erase(index);
        else
            owned_[index] = chunk;
    }
}

} // namespace vx
