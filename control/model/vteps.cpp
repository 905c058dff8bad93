// SPDX-License-Identifier: BSD-3-Clause
#include "control/model/vteps.h"

namespace vx
{

namespace
{

template <typename Entry>
std::uint32_t take_number(std::vector<Entry>& entries, std::vector<std::uint32_t>& free)
{
    if (free.empty()) {
        entries.emplace_back();
        return static_cast<std::uint32_t>(entries.size() - 1);
    }
    const std::uint32_t number = free.back();
    free.pop_back();
    return number;
}

} // namespace

VtepId VtepRegistry::intern(const Key& key)
{
    const auto [at, is_new] = by_key_.try_emplace(key);
    if (is_new) {
        at->second = VtepId{take_number(vteps_, free_vteps_)};
        vteps_[at->second.value] = Vtep{key, 0};
        by_link_[key.first].insert(at->second);
        remotes_[key.second.address].insert(at->second);
        unused_vteps_.push_back(at->second);
        changes_.vteps.push_back(at->second);
        changes_.has_new = true;
    }
    return at->second;
}

std::optional<VtepId> VtepRegistry::find(const Key& key) const
{
    const auto found = by_key_.find(key);
    return found == by_key_.end() ? std::nullopt : std::optional{found->second};
}

ReplicationId VtepRegistry::intern(LinkId vxlan, const std::vector<VtepId>& vteps)
{
    const auto [at, is_new] = by_list_.try_emplace({vxlan, vteps});
    if (is_new) {
        at->second = ReplicationId{take_number(lists_, free_lists_)};
        lists_[at->second.value] = List{vxlan, vteps, 0};
        for (const VtepId id : vteps)
            acquire(id);
        unused_lists_.push_back(at->second);
        changes_.lists.push_back(at->second);
        changes_.has_new = true;
    }
    return at->second;
}

void VtepRegistry::collect()
{
    for (const ReplicationId id : std::exchange(unused_lists_, {})) {
        List& list = lists_[id.value];
        if (list.references != 0 || list.vxlan.is_none())
            continue;
        for (const VtepId vtep : list.vteps)
            release(vtep);
        by_list_.erase({list.vxlan, list.vteps});
        list = List{};
        free_lists_.push_back(id.value);
        changes_.lists.push_back(id);
    }
    for (const VtepId id : std::exchange(unused_vteps_, {})) {
        Vtep& vtep = vteps_[id.value];
        const auto& [link, remote] = vtep.key;
        if (vtep.references != 0 || link.is_none())
            continue;
        const auto siblings = by_link_.find(link);
        siblings->second.erase(id);
        if (siblings->second.empty())
            by_link_.erase(siblings);
        const auto same = remotes_.find(remote.address);
        same->second.erase(id);
        if (same->second.empty())
            remotes_.erase(same);
        by_key_.erase(vtep.key);
        vtep = Vtep{};
        free_vteps_.push_back(id.value);
        changes_.vteps.push_back(id);
    }
}

const std::unordered_set<VtepId, IdHash>& VtepRegistry::vteps_of(LinkId vxlan) const
{
    static const std::unordered_set<VtepId, IdHash> kNone;
    const auto found = by_link_.find(vxlan);
    return found == by_link_.end() ? kNone : found->second;
}

} // namespace vx
