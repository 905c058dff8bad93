// SPDX-License-Identifier: BSD-3-Clause
#include "control/compile/adjacencies.h"

#include <algorithm>

namespace vx
{

void Adjacencies::clear()
{
    rows_ = SharedArray<Adjacency>{1};
    hops_.assign(1, Hop{});
    free_.clear();
    numbers_.clear();
    users_.clear();
}

std::uint32_t Adjacencies::acquire(const Key& key, BridgeId domain)
{
    const auto [at, is_new] = numbers_.try_emplace(key);
    if (!is_new) {
        ++hops_[at->second].references;
        return at->second;
    }
    std::uint32_t number = static_cast<std::uint32_t>(hops_.size());
    if (free_.empty()) {
        hops_.emplace_back();
    } else {
        number = free_.back();
        free_.pop_back();
    }
    at->second = number;
    hops_[number] = {key, domain, 1, std::nullopt};
    Adjacency& row = rows_.edit(number);
    row = Adjacency{};
    row.kind = key.kind;
    row.interface = key.interface;
    row.via = key.via;
    if (key.kind == Adjacency::Kind::kVia)
        compile(number);
    return number;
}

// Its row stays as it is: no route of the next config leads there.
void Adjacencies::release(std::uint32_t number)
{
    Hop& hop = hops_[number];
    if (--hop.references != 0)
        return;
    follow(number, std::nullopt);
    numbers_.erase(hop.key);
    free_.push_back(number);
}

// Whose FDB entry it depends on.
void Adjacencies::follow(std::uint32_t number, std::optional<Mac> mac)
{
    Hop& hop = hops_[number];
    if (mac == hop.mac)
        return;
    if (hop.mac) {
        const auto old = users_.find(FdbKey{hop.domain, *hop.mac}.word());
        std::erase(old->second, number);
        if (old->second.empty())
            users_.erase(old);
    }
    if (mac)
        users_[FdbKey{hop.domain, *mac}.word()].push_back(number);
    hop.mac = mac;
}

void Adjacencies::compile(std::uint32_t number)
{
    const Hop& hop = hops_[number];
    const auto mac = neighbors_.find(hop.key.interface, hop.key.via);
    follow(number, mac);
    rows_.edit_shared(number).next_hop.store(mac ? NextHop{mac->to_u64(), fdb_.find({hop.domain, *mac}).without_flags()}
                                                 : NextHop{});
}

void Adjacencies::note(const NeighborKey& neighbor)
{
    if (!neighbor.second.is_v4())
        return;
    const auto found = numbers_.find({Adjacency::Kind::kVia, neighbor.first, neighbor.second.v4_host()});
    if (found != numbers_.end())
        compile(found->second);
}

void Adjacencies::note(FdbKey key)
{
    if (users_.empty()) // most often, and FDB entries come by the million
        return;
    const auto found = users_.find(key.word());
    if (found == users_.end())
        return;
    const Dest dest = fdb_.find(key).without_flags();
    for (const std::uint32_t number : found->second)
        rows_.edit_shared(number).next_hop.store({key.mac().to_u64(), dest});
}

} // namespace vx
