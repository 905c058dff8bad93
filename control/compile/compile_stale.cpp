// SPDX-License-Identifier: BSD-3-Clause
// The Compiler's bookkeeping: what of a config is another one when the model changes, and no more.
#include "control/compile/compile.h"

#include <algorithm>

namespace vx
{

// A link whose rows, domain or listener may say something else.
void Compiler::add_link(const Link& link, Stale& stale) const
{
    stale.links.insert(link.id);
    if (!link.own_bridge.is_none())
        stale.domains.insert(link.own_bridge);
    if (!link.master.is_none())
        stale.links.insert(link.master);
    if (const VxlanSettings* vxlan = link.vxlan())
        stale.listeners.insert({vxlan->udp_port, vxlan->vni});
    if (link.bridge() != nullptr)
        stale.links.insert(model_.members(link.id).begin(), model_.members(link.id).end());
}

// Tunnels from this address: its link's MTU is theirs. And those to it, which lead nowhere while it is ours.
void Compiler::add_endpoint(const IpAddress& address, Stale& stale) const
{
    for (const LinkId id : model_.vxlans_from(address)) {
        add_link(*model_.find(id), stale);
        stale.vteps.insert(vteps_.vteps_of(id).begin(), vteps_.vteps_of(id).end());
    }
    const auto remote = vteps_.remotes().find(address);
    if (remote == vteps_.remotes().end())
        return;
    for (const VtepId id : remote->second) {
        stale.vteps.insert(id);
        if (const Link* link = model_.find(vteps_.key_of(id).first))
            add_link(*link, stale); // whose domain floods there, or does not
    }
}

// The far VTEPs that an underlay's route with this prefix may lead to.
void Compiler::add_destinations(const IpPrefix& prefix, Stale& stale) const
{
    const auto& remotes = vteps_.remotes();
    for (auto at = remotes.lower_bound(prefix.network().address()); at != remotes.end() && prefix.contains(at->first);
         ++at)
        stale.vteps.insert(at->second.begin(), at->second.end());
}

void Compiler::add_address(const AddressKey& key, bool is_ports, Stale& stale) const
{
    const auto& [link, prefix] = key;
    stale.addresses.insert(key);
    stale.links.insert(link); // its role, and whether it answers
    add_endpoint(prefix.address(), stale);
    if (is_ports)
        add_destinations(prefix, stale);
    const IpPrefix host{prefix.address(), prefix.address().bit_count()};
    if (model_.routes().contains(host))
        stale.routes.insert(host); // an own address goes before it
}

bool Compiler::has_same_vteps(const std::optional<Link>& old, const Link* now)
{
    return old && now != nullptr && old->is_up == now->is_up && now->vxlan() != nullptr &&
           old->vxlan()->has_same_header(*now->vxlan()) && old->mtu == now->mtu;
}

void Compiler::add_changes(const ModelDiff& before, Stale& stale) const
{
    const auto is_port = [&](LinkId id) {
        const auto old = before.links.find(id);
        const Link* link = model_.find(id);
        return (link != nullptr && link->port() != nullptr) ||
               (old != before.links.end() && old->second && old->second->port() != nullptr);
    };
    for (const auto& [id, old] : before.links) {
        const Link* link = model_.find(id);
        if (old)
            add_link(*old, stale);
        if (link != nullptr)
            add_link(*link, stale);
        if (!has_same_vteps(old, link))
            stale.vteps.insert(vteps_.vteps_of(id).begin(), vteps_.vteps_of(id).end());
        const bool leads_elsewhere = !old || link == nullptr || old->is_up != link->is_up ||
                                     old->master != link->master || old->kind.index() != link->kind.index();
        if (old && link != nullptr && old->mac != link->mac)
            paths_.for_each(id, [&](const NeighborKey& key) { stale.next_hops.insert(key); });
        if (!leads_elsewhere && old->mtu == link->mtu)
            continue; // a MAC is only in the link's own row and in its paths
        for (const LinkId master : {old ? old->master : kNoLink, link != nullptr ? link->master : kNoLink})
            for (const AddressKey& key : model_.addresses_of(master))
                add_endpoint(key.second.address(), stale);
        for (const AddressKey& key : model_.addresses_of(id))
            add_address(key, leads_elsewhere && is_port(id), stale);
        if (!leads_elsewhere)
            continue;
        stale.routes.insert(model_.routes_of(id).begin(), model_.routes_of(id).end());
        if (is_port(id))
            for (const IpPrefix& prefix : model_.routes_of(id))
                add_destinations(prefix, stale);
    }
    for (const auto& [key, was_there] : before.addresses)
        add_address(key, is_port(key.first), stale);
    const auto add_router = [&](LinkId id) {
        const Link* link = model_.find(id);
        if (link != nullptr && link->own_bridge.value < config_.bridges.size() &&
            config_.bridges[link->own_bridge.value].routes != is_router(id))
            stale.links.insert(id);
    };
    for (const auto& [prefix, old] : before.routes) {
        stale.routes.insert(prefix);
        const auto now = model_.routes().find(prefix);
        const LinkId links[] = {old ? old->link : kNoLink, now != model_.routes().end() ? now->second.link : kNoLink};
        for (const LinkId link : links)
            add_router(link);
        if (std::ranges::any_of(links, is_port))
            add_destinations(prefix, stale);
    }
    for (const auto& [key, mac] : before.neighbors)
        if (paths_.has(key))
            stale.next_hops.insert(key);
}

// Before the first config.
void Compiler::add_everything()
{
    for (const auto& [id, link] : model_.links())
        add_link(link, stale_);
    for (const AddressKey& key : model_.addresses())
        stale_.addresses.insert(stale_.addresses.end(), key);
    for (const auto& [prefix, route] : model_.routes())
        stale_.routes.insert(stale_.routes.end(), prefix);
    for (std::uint32_t number = 1; number < vteps_.vteps().size(); ++number)
        stale_.vteps.insert(stale_.vteps.end(), VtepId{number});
    for (std::uint32_t number = 1; number < vteps_.lists().size(); ++number)
        config_.replication.edit(number) = SharedList{vteps_.lists()[number].vteps};
}

std::size_t Compiler::memory_for(const ModelDiff& before, const VtepRegistry::Changes& changes) const
{
    constexpr std::size_t kOfThing = 2048; // a link, an address, a route, with its part of the indices and the config
    constexpr std::size_t kOfRoute = std::size_t{16}
                                     << 10; // parts of the tree and of arrays that it shares with others
    constexpr std::size_t kOfVtep = 512;
    constexpr std::size_t kOfVtepAlone = std::size_t{64} << 10; // likewise
    Stale stale = stale_;
    add_changes(before, stale);
    std::size_t flooded = 0;
    for (const LinkId id : stale.links)
        if (const Link* link = model_.find(id); link != nullptr && link->vxlan() != nullptr)
            flooded += link->vxlan()->flood.size();
    const std::size_t vteps = stale.vteps.size() + changes.vteps.size();
    const std::size_t routes = 3 * stale.addresses.size() + stale.routes.size();
    const std::size_t all_routes = kOfThing * (3 * model_.addresses().size() + model_.routes().size() + 16);
    return kOfThing * (stale.links.size() + before.neighbors.size()) + 4 * sizeof(VtepId) * flooded +
           std::min(kOfVtepAlone * vteps, kOfVtep * vteps_.vteps().size()) + std::min(kOfRoute * routes, all_routes);
}

} // namespace vx
