// SPDX-License-Identifier: BSD-3-Clause
#include "control/vteps.h"

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
        is_new_ = is_garbage_ = true;
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
        is_new_ = is_garbage_ = true;
    }
    return at->second;
}

void VtepRegistry::collect()
{
    if (!is_garbage_)
        return;
    is_garbage_ = false;
    for (auto at = by_list_.begin(); at != by_list_.end();) {
        List& list = lists_[at->second.value];
        if (list.references != 0) {
            ++at;
            continue;
        }
        for (const VtepId id : list.vteps)
            release(id);
        list = List{};
        free_lists_.push_back(at->second.value);
        at = by_list_.erase(at);
    }
    for (auto at = by_key_.begin(); at != by_key_.end();) {
        Vtep& vtep = vteps_[at->second.value];
        if (vtep.references != 0) {
            ++at;
            continue;
        }
        vtep = Vtep{};
        free_vteps_.push_back(at->second.value);
        at = by_key_.erase(at);
    }
}

} // namespace vx
