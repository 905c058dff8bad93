// SPDX-License-Identifier: BSD-3-Clause
// The routing part of the compiled config: what addresses and routes lead to.
#include "control/compile/compile.h"

namespace vx
{

using Part = Routing::Source::Part;
using Rank = Routing::Source::Rank;

// All that was said goes before anything is said anew: then nothing is left of an adjacency that is another one now.
void Compiler::compile_routing()
{
    const auto addresses = std::exchange(stale_.addresses, {});
    const auto routes = std::exchange(stale_.routes, {});
    bool is_underlay_changed = false;
    for (const AddressKey& key : addresses) {
        is_underlay_changed |= underlay_.erase(key) != 0;
        const IpPrefix& prefix = key.second;
        if (prefix.address().is_v6())
            continue;
        routing_.remove(prefix, {Rank::kAddress, key, Part::kSubnet});
        routing_.remove({prefix.address(), 32}, {Rank::kAddress, key, Part::kHost});
        if (const auto broadcast = prefix.broadcast())
            routing_.remove({*broadcast, 32}, {Rank::kAddress, key, Part::kBroadcast});
    }
    for (const IpPrefix& prefix : routes)
        if (prefix.address().is_v4())
            routing_.remove(prefix, {Rank::kRoute, {}, {}});
    for (const AddressKey& key : addresses)
        if (const Link* link = model_.find(key.first);
            link != nullptr && link->is_up && model_.addresses().contains(key)) {
            is_underlay_changed |= model_.is_underlay(*link) && underlay_.insert(key).second;
            route_to(key);
        }
    for (const IpPrefix& prefix : routes)
        if (const auto route = model_.routes().find(prefix); route != model_.routes().end())
            route_by(prefix, route->second);
    config_.adjacencies = adjacencies_.rows();
    config_.routes = routing_.table();
    if (!is_underlay_changed)
        return;
    config_.local_v4.clear();
    config_.local_v6.clear();
    config_.broadcasts_v4.clear();
    for (const auto& [id, prefix] : underlay_) {
        if (prefix.address().is_v4())
            config_.local_v4.push_back(load<std::uint32_t>(prefix.address().bytes().data()));
        else
            config_.local_v6.push_back(prefix.address().bytes());
        if (const auto broadcast = prefix.broadcast())
            config_.broadcasts_v4.push_back(load<std::uint32_t>(broadcast->bytes().data()));
    }
}

// Precondition: its link is up.
void Compiler::route_to(const AddressKey& key)
{
    using Kind = Adjacency::Kind;
    const auto& [id, prefix] = key;
    if (prefix.address().is_v6())
        return; // inner IPv6 is bridged, not routed
    const bool is_underlay = model_.is_underlay(*model_.find(id));
    const BridgeId domain = config_.links[id.value].bridge;
    const auto add = [&](const IpPrefix& to, Part part, Kind kind) {
        routing_.add(to, {Rank::kAddress, key, part}, {kind, key.first, 0}, domain);
    };
    add(prefix, Part::kSubnet, is_underlay ? Kind::kUnderlay : Kind::kConnected);
    if (const auto broadcast = prefix.broadcast())
        add({*broadcast, 32}, Part::kBroadcast, Kind::kBroadcast);
    add({prefix.address(), 32}, Part::kHost, is_underlay ? Kind::kUnderlay : Kind::kLocal);
}

// Configured routes win over those of addresses; but as on Linux a local address wins over all.
void Compiler::route_by(const IpPrefix& prefix, const Route& route)
{
    using Kind = Adjacency::Kind;
    const Link& link = *model_.find(route.link);
    if (prefix.address().is_v6() || !link.is_up ||
        (prefix.length() == 32 && model_.owner_of(prefix.address()) != nullptr))
        return;
    const Kind kind = model_.is_underlay(link) ? Kind::kUnderlay : route.via ? Kind::kVia : Kind::kConnected;
    const std::uint32_t via = kind == Kind::kVia ? route.via->v4_host() : 0;
    routing_.add(prefix, {Rank::kRoute, {}, {}}, {kind, route.link, via}, config_.links[route.link.value].bridge);
}

} // namespace vx
