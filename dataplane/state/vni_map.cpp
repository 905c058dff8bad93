// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/state/vni_map.h"

#include <algorithm>
#include <map>

namespace vx
{

constexpr VniMap::Chunk VniMap::kEmpty{};

VniMap VniMap::with(std::span<const Entry> entries) const
{
    VniMap next = *this;
    next.assign(entries);
    return next;
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
    const auto owned = owned_ == nullptr ? std::make_shared<Owned>() : std::make_shared<Owned>(*owned_);
    for (const auto& [index, chunk] : changed) {
        const bool is_empty = std::all_of(chunk->begin(), chunk->end(), [](LinkId link) { return link.is_none(); });
        chunks_[index] = is_empty ? &kEmpty : chunk.get();
        (*owned)[index] = is_empty ? nullptr : chunk;
    }
    const bool is_empty = std::all_of(owned->begin(), owned->end(), [](const auto& chunk) { return chunk == nullptr; });
    owned_ = is_empty ? nullptr : owned;
}

} // namespace vx
