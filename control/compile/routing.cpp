// SPDX-License-Identifier: BSD-3-Clause
#include "control/compile/routing.h"

#include <iterator>

namespace vx
{

Routing::Routing(Adjacencies& adjacencies) : adjacencies_(adjacencies)
{
    adjacencies_.clear();
    // RFC 1812 section 5.3.7, as Linux has it.
    for (const char* text : {"0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/4", "255.255.255.255/32"})
        add(*IpPrefix::parse(text), {}, {Adjacency::Kind::kMartian, kNoLink, 0}, kNoBridge);
}

Routing::Prefix Routing::key_of(const IpPrefix& prefix)
{
    return {prefix.length(), prefix.network().address().v4_host()};
}

void Routing::add(const IpPrefix& prefix, const Source& source, const Adjacencies::Key& leads_to, BridgeId domain)
{
    const Prefix key = key_of(prefix);
    said_.emplace(std::pair{key, source}, adjacencies_.acquire(leads_to, domain));
    ++lengths_[key.first];
    changed_.insert(key);
}

void Routing::remove(const IpPrefix& prefix, const Source& source)
{
    const Prefix key = key_of(prefix);
    const auto found = said_.find({key, source});
    if (found == said_.end())
        return;
    adjacencies_.release(found->second);
    said_.erase(found);
    --lengths_[key.first];
    changed_.insert(key);
}

std::uint32_t Routing::result_of(const Prefix& prefix) const
{
    // The last of this prefix is in front of the first of the next.
    const auto next = said_.lower_bound({Prefix{prefix.first, prefix.second + 1}, Source{}});
    const auto behind = prefix.second == UINT32_MAX ? said_.lower_bound({Prefix{prefix.first + 1, 0}, Source{}}) : next;
    if (behind == said_.begin())
        return 0;
    const auto last = std::prev(behind);
    return last->first.first == prefix ? last->second : 0;
}

// The longest around it.
RouteTable::Route Routing::cover_of(const Prefix& prefix) const
{
    for (unsigned length = prefix.first; length-- != 0;) {
        const std::uint32_t mask = length == 0 ? 0 : UINT32_MAX << (32 - length);
        const Prefix around{length, prefix.second & mask};
        if (const std::uint32_t result = lengths_[length] == 0 ? 0 : result_of(around); result != 0)
            return {around.second, length, result};
    }
    return {};
}

const RouteTable& Routing::table()
{
    for (const Prefix& prefix : std::exchange(changed_, {}))
        if (const std::uint32_t result = result_of(prefix); result != 0)
            table_.set({prefix.second, prefix.first, result});
        else
            table_.erase(prefix.second, prefix.first, cover_of(prefix));
    return table_;
}

} // namespace vx
