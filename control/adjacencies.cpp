// SPDX-License-Identifier: BSD-3-Clause
#include "control/adjacencies.h"

#include <algorithm>

namespace vx
{

std::uint64_t Adjacencies::key_of(Adjacency::Kind kind, LinkId interface, std::uint32_t via)
{
    return (static_cast<std::uint64_t>(kind) << 48) | (std::uint64_t{interface.value} << 32) | via;
}

void Adjacencies::clear()
{
    rows_ = SharedArray<Adjacency>{1};
    hops_.assign(1, Hop{});
    numbers_.clear();
    users_.clear();
}

std::uint32_t Adjacencies::number_of(Adjacency::Kind kind, LinkId interface, std::uint32_t via, BridgeId domain)
{
    const auto number = static_cast<std::uint32_t>(rows_.size());
    const auto [at, is_new] = numbers_.try_emplace(key_of(kind, interface, via), number);
    if (!is_new)
        return at->second;
    Adjacency& row = rows_.edit(number);
    row.kind = kind;
    row.interface = interface;
    row.via = via;
    hops_.push_back({domain, std::nullopt});
    if (kind == Adjacency::Kind::kVia)
        compile(number);
    return number;
}

void Adjacencies::compile(std::uint32_t number)
{
    Adjacency& row = rows_.edit_shared(number);
    Hop& hop = hops_[number];
    const auto mac = neighbors_.find(row.interface, row.via);
    if (mac != hop.mac) {
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
    row.next_hop.store(mac ? NextHop{mac->to_u64(), fdb_.find({hop.domain, *mac}).without_flags()} : NextHop{});
}

void Adjacencies::note(const NeighborKey& neighbor)
{
    if (!neighbor.second.is_v4())
        return;
    const auto found = numbers_.find(key_of(Adjacency::Kind::kVia, neighbor.first, neighbor.second.v4_host()));
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
