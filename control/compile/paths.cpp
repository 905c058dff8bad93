// SPDX-License-Identifier: BSD-3-Clause
#include "control/compile/paths.h"

namespace vx
{

std::uint32_t Paths::acquire(const NeighborKey& neighbor)
{
    auto [found, is_new] = numbers_.try_emplace(neighbor, 0);
    if (is_new) {
        if (free_.empty()) {
            found->second = static_cast<std::uint32_t>(rows_->size());
            rows_->emplace_back();
            users_.emplace_back();
        } else {
            found->second = free_.back();
            free_.pop_back();
        }
        users_[found->second].neighbor = neighbor;
        follow(neighbor);
    }
    ++users_[found->second].references;
    return found->second;
}

void Paths::release(std::uint32_t number)
{
    if (number == 0 || --users_[number].references != 0)
        return;
    numbers_.erase(users_[number].neighbor);
    released_.push_back(number);
}

void Paths::renew()
{
    free_.insert(free_.end(), released_.begin(), released_.end());
    released_.clear();
}

void Paths::follow(const NeighborKey& neighbor)
{
    const auto found = numbers_.find(neighbor);
    if (found == numbers_.end())
        return;
    Path& row = (*rows_)[found->second];
    const Link* const port = model_.find(neighbor.first);
    const auto mac = mac_of_(neighbor);
    if (mac && port != nullptr)
        row.lead_to(*mac, port->mac, port->id);
    else
        row.lead_nowhere(DropReason::vtep_unresolved);
}

} // namespace vx
