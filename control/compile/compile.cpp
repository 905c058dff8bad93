// SPDX-License-Identifier: BSD-3-Clause
#include "control/compile/compile.h"

#include <algorithm>

namespace vx
{

Compiler::Compiler(const Model& model, const VtepRegistry& vteps, Adjacencies& adjacencies, MacOf mac_of)
    : model_(model), vteps_(vteps), adjacencies_(adjacencies), paths_(model, std::move(mac_of)), routing_(adjacencies)
{
}

// An L3 VNI (RFC 9136 section 4.4.1) has no address: it routes because routes lead out by it. A bridge that has neither
// is a network of its own, and stays so though others have routes.
bool Compiler::is_router(LinkId interface) const
{
    return model_.has_address(interface) || model_.has_route(interface);
}

// A list that stays as it is keeps its number, by which frames that wait know it again.
template <typename T>
static void replace(SharedList<T>& list, std::vector<T> items)
{
    if (!std::ranges::equal(list, items))
        list = SharedList{std::move(items)};
}

std::unique_ptr<ForwardingConfig> Compiler::update(const VtepRegistry::Changes& changes)
{
    if (std::exchange(is_new_, false))
        add_everything();
    paths_.renew(); // the config before is published
    stale_.vteps.insert(changes.vteps.begin(), changes.vteps.end());
    for (const ReplicationId id : changes.lists)
        replace(config_.replication.edit(id.value), vteps_.list_of(id).vteps);
    for (const LinkId id : std::exchange(stale_.links, {}))
        compile_link(id);
    for (const BridgeId domain : std::exchange(stale_.domains, {}))
        config_.bridges.edit(domain.value) = BridgeState{};
    compile_listeners();
    for (const VtepId id : std::exchange(stale_.vteps, {}))
        compile_vtep(id);
    compile_routing();
    follow_next_hops();
    config_.paths = paths_.rows();
    return std::make_unique<ForwardingConfig>(config_);
}

void Compiler::compile_link(LinkId id)
{
    const Link* const link = model_.find(id);
    LinkState& state = config_.links.edit(id.value);
    const BridgeId old_domain = std::exchange(state, {}).bridge;
    if (link == nullptr)
        return;
    state.mac = link->mac;
    state.mtu = model_.mtu_of(*link);
    const Link* interface = model_.interface_of(*link);
    const bool is_up = link->is_up && (interface == nullptr || interface->is_up);
    if (is_up)
        state.bridge = model_.domain_of(*link);
    if (state.bridge != old_domain) { // where next hops' MACs are looked up
        for (const AddressKey& key : model_.addresses_of(id))
            stale_.addresses.insert(key);
        stale_.routes.insert(model_.routes_of(id).begin(), model_.routes_of(id).end());
    }
    if (const VxlanSettings* vxlan = link->vxlan()) {
        state.role = LinkState::Role::kVxlan;
        state.learns = vxlan->learning;
    } else if (link->bridge() != nullptr) {
        state.role = LinkState::Role::kBridge;
    } else if (is_up) {
        // Without an address it serves no tunnels: a container whose bridge was deleted must not decapsulate.
        const bool is_underlay = model_.is_underlay(*link) && model_.has_address(id);
        state.role = is_underlay ? LinkState::Role::kUnderlay : LinkState::Role::kOverlay;
        const Link* master = model_.find(link->master);
        const bool is_hub = master != nullptr && master->bridge()->ageing_time == 0;
        // What the fabric sends is in no domain.
        state.learns = state.role == LinkState::Role::kOverlay && !is_hub;
    }
    if (interface == link)
        compile_domain(*link);
}

// Precondition: it is the interface of its own domain.
void Compiler::compile_domain(const Link& interface)
{
    BridgeState& bridge = config_.bridges.edit(interface.own_bridge.value);
    stale_.domains.erase(interface.own_bridge);
    if (!interface.is_up || bridge.interface != interface.id)
        bridge = BridgeState{};
    if (!interface.is_up)
        return;
    bridge.interface = interface.id;
    bridge.answers = model_.has_address(interface.id);
    bridge.routes = is_router(interface.id);
    std::vector<LinkId> ports;
    std::vector<VtepId> flood;
    std::vector<LinkId> tunnels;
    // An own address may be in the list, so that one script is for all hosts.
    const auto is_ourselves = [&](const VxlanSettings& vxlan, const Remote& remote) {
        return remote.address == vxlan.local || model_.owner_of(remote.address) != nullptr;
    };
    const auto add = [&](const Link& link) {
        if (!link.is_up)
            return;
        if (link.port() != nullptr)
            ports.push_back(link.id);
        const VxlanSettings* const vxlan = link.vxlan();
        if (vxlan == nullptr)
            return;
        const std::size_t before = flood.size();
        for (const Remote& remote : vxlan->flood)
            if (const auto id = vteps_.find({link.id, remote}); id && !is_ourselves(*vxlan, remote))
                flood.push_back(*id);
        if (flood.size() != before)
            tunnels.push_back(link.id);
    };
    add(interface);
    for (const LinkId member : model_.members(interface.id))
        add(*model_.find(member));
    replace(bridge.ports, std::move(ports));
    replace(bridge.vteps, std::move(flood));
    replace(bridge.tunnels, std::move(tunnels));
}

void Compiler::compile_listeners()
{
    std::map<std::uint16_t, std::vector<VniMap::Entry>> changed; // by UDP port
    for (const auto& [udp_port, vni] : std::exchange(stale_.listeners, {})) {
        const Link* link = model_.find_vxlan(udp_port, vni);
        changed[udp_port].push_back({vni, link != nullptr && link->is_up ? link->id : kNoLink});
    }
    auto& listeners = config_.listeners;
    for (const auto& [udp_port, entries] : changed) {
        auto at = std::lower_bound(
            listeners.begin(), listeners.end(), udp_port,
            [](const VxlanListener& listener, std::uint16_t port) { return listener.udp_port < port; });
        if (at == listeners.end() || at->udp_port != udp_port)
            at = listeners.insert(at, VxlanListener{udp_port, VniMap{}});
        at->vnis = at->vnis.with(entries);
        if (at->vnis.is_empty())
            listeners.erase(at);
    }
}

void Compiler::compile_vtep(VtepId id)
{
    if (path_of_.size() <= id.value)
        path_of_.resize(vteps_.vteps().size());
    std::uint32_t path = 0;
    config_.vteps.edit(id.value) = vtep(vteps_.key_of(id), path);
    const std::uint32_t old = std::exchange(path_of_[id.value], path);
    for (const std::uint32_t touched : {old, path})
        if (touched != 0 && old != path)
            stale_.next_hops.insert(paths_.neighbor_of(touched));
    paths_.release(old);
}

// With the number of the path, which is acquired; 0 if it leads nowhere.
EncapTemplate Compiler::vtep(const VtepRegistry::Key& key, std::uint32_t& path)
{
    const auto& [id, remote] = key;
    const Link* link = model_.find(id);
    if (link == nullptr || !link->is_up)
        return EncapTemplate::unusable(id, remote.address, kLinkDown);
    const VxlanSettings& vxlan = *link->vxlan();
    const auto way = model_.underlay_path(remote.address);
    const Link* source = model_.owner_of(vxlan.local);
    const bool is_ours = model_.owner_of(remote.address) != nullptr;
    if (!way || source == nullptr || !model_.is_underlay(*source) || is_ours)
        return EncapTemplate::unusable(id, remote.address, kNoRoute);
    path = paths_.acquire({way->link->id, way->next_hop});
    Tunnel tunnel;
    tunnel.local = vxlan.local;
    tunnel.remote = remote.address;
    tunnel.destination_port = remote.port;
    tunnel.mtu = model_.mtu_of(*link);
    tunnel.vni = remote.vni;
    tunnel.ttl = vxlan.ttl != 0 ? vxlan.ttl : tunnel.ttl;
    tunnel.tos = vxlan.tos;
    tunnel.udp_checksum = vxlan.udp_checksum ? Tunnel::UdpChecksum::kComputed : Tunnel::UdpChecksum::kZero;
    return EncapTemplate::build(id, paths_.row(path), tunnel);
}

// What a path's neighbour is, and whether it is for the Resolver to find.
void Compiler::follow_next_hops()
{
    for (const NeighborKey& key : std::exchange(stale_.next_hops, {})) {
        paths_.follow(key);
        const bool is_wanted = paths_.has(key) && !model_.neighbors().contains(key);
        if (is_wanted && wanted_.insert(key).second)
            next_hops_.wanted.push_back(key);
        else if (!is_wanted && wanted_.erase(key) != 0)
            next_hops_.unwanted.push_back(key);
    }
}

std::unique_ptr<ForwardingConfig> compile(const Model& model, const VtepRegistry& vteps, Adjacencies& adjacencies,
                                          MacOf mac_of)
{
    return Compiler{model, vteps, adjacencies, std::move(mac_of)}.update({});
}

} // namespace vx
