// SPDX-License-Identifier: BSD-3-Clause
// The names of links, for threads that write captures. The control thread keeps them up to date; it and the readers
// hold the lock for one look-up.
#pragma once

#include "control/model/model.h"

#include <mutex>
#include <string>
#include <unordered_map>

namespace vx
{

class LinkNames
{
public:
    // Control thread.
    void set(const Model& model)
    {
        const std::lock_guard lock(mutex_);
        names_.clear();
        for (const auto& [id, link] : model.links())
            names_.emplace(id.value, link.name);
    }
    void update(const Model& model, const ModelDiff& before)
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [id, old] : before.links)
            if (const Link* link = model.find(id); link != nullptr) // of one that is gone there may be frames yet
                names_.insert_or_assign(id.value, link->name);
    }

    // Any thread. By its number if there was never such a link.
    std::string of(LinkId id) const
    {
        const std::lock_guard lock(mutex_);
        const auto found = names_.find(id.value);
        return found == names_.end() ? fmt::format("if{}", id.value) : found->second;
    }

private:
    mutable std::mutex mutex_;
    std::unordered_map<std::uint16_t, std::string> names_;
};

} // namespace vx
