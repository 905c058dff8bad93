// SPDX-License-Identifier: BSD-3-Clause
#include "control/compile.h"

#include <algorithm>

namespace vx
{

Compiler::Compiler(const Model& model, const VtepRegistry& vteps, Adjacencies& adjacencies, MacOf mac_of)
    : model_(model), vteps_(vteps), adjacencies_(adjacencies), mac_of_(std::move(mac_of))
{
}

// ---- what has to be compiled anew ------------------------------------------------------------------------------

// Whether the way to far VTEPs may be another one: rare, and then nearly everything changes.
bool Compiler::concerns_underlay(const ModelDiff& before) const
{
    const auto was_touched = [&](LinkId id) {
        const auto first = before.addresses.lower_bound(AddressKey{id, IpPrefix{}});
        return first != before.addresses.end() && first->first.first == id;
    };
    const auto is_port = [&](LinkId id) {
        const auto old = before.links.find(id);
        const Link* link = model_.find(id);
        return (link != nullptr && link->port() != nullptr) ||
               (old != before.links.end() && old->second && old->second->port() != nullptr);
    };
    const auto is_endpoint = [&](const IpAddress& address) {
        return model_.is_vxlan_local(address) || vteps_.is_remote(address);
    };
    for (const auto& [id, old] : before.links) {
        const bool is_reached = model_.has_address(id) || model_.has_route(id) || was_touched(id);
        if (is_port(id) && is_reached)
            return true;
        const Link* link = model_.find(id);
        for (const LinkId changed : {id, old ? old->master : kNoLink, link != nullptr ? link->master : kNoLink})
            for (const AddressKey& key : model_.addresses_of(changed)) // its MTU is that of VXLAN devices
                if (is_endpoint(key.second.address()))
                    return true;
    }
    for (const auto& [key, was_there] : before.addresses)
        if (is_port(key.first) || is_endpoint(key.second.address()))
            return true;
    for (const auto& [prefix, old] : before.routes) {
        const auto now = model_.routes().find(prefix);
        if ((old && is_port(old->link)) || (now != model_.routes().end() && is_port(now->second.link)))
            return true;
    }
    return false;
}

bool Compiler::concerns_routing(const ModelDiff& before) const
{
    if (!before.addresses.empty() || !before.routes.empty())
        return true;
    return std::any_of(before.links.begin(), before.links.end(), [&](const auto& entry) {
        const auto& [id, old] = entry;
        const Link* link = model_.find(id);
        const bool is_same = old && link != nullptr && old->is_up == link->is_up && old->master == link->master;
        return !is_same && (model_.has_address(id) || model_.has_route(id));
    });
}

// An L3 VNI (RFC 9136 section 4.4.1) has no address: it routes because routes lead out by it. A bridge that has neither
// is a network of its own, and stays so though others have routes.
bool Compiler::is_router(LinkId interface) const
{
    return model_.has_address(interface) || model_.has_route(interface);
}

bool Compiler::has_same_vteps(const std::optional<Link>& old, const Link* now)
{
    return old && now != nullptr && old->is_up == now->is_up && now->vxlan() != nullptr &&
           old->vxlan()->has_same_header(*now->vxlan()) && old->mtu == now->mtu;
}

void Compiler::note(const ModelDiff& before)
{
    is_all_stale_ = is_all_stale_ || concerns_underlay(before);
    is_routing_stale_ = is_routing_stale_ || concerns_routing(before);
    const auto note_link = [&](const Link& link) {
        stale_links_.insert(link.id);
        if (!link.own_bridge.is_none())
            stale_domains_.insert(link.own_bridge);
        if (!link.master.is_none())
            stale_links_.insert(link.master);
        if (const VxlanSettings* vxlan = link.vxlan())
            stale_listeners_.insert({vxlan->udp_port, vxlan->vni});
        if (link.bridge() != nullptr)
            for (const LinkId member : model_.members(link.id))
                stale_links_.insert(member);
    };
    for (const auto& [id, old] : before.links) {
        const Link* link = model_.find(id);
        if (old)
            note_link(*old);
        if (link != nullptr)
            note_link(*link);
        if (!has_same_vteps(old, link))
            stale_vteps_.insert(vteps_.vteps_of(id).begin(), vteps_.vteps_of(id).end());
    }
    for (const auto& [key, was_there] : before.addresses)
        stale_links_.insert(key.first); // its role, and whether it answers
    const auto note_router = [&](LinkId id) {
        const Link* link = model_.find(id);
        if (link != nullptr && link->own_bridge.value < config_.bridges.size() &&
            config_.bridges[link->own_bridge.value].routes != is_router(id))
            stale_links_.insert(id);
    };
    for (const auto& [prefix, old] : before.routes) {
        if (old)
            note_router(old->link);
        if (const auto now = model_.routes().find(prefix); now != model_.routes().end())
            note_router(now->second.link);
    }
    for (const auto& [key, mac] : before.neighbors)
        note(key);
}

void Compiler::note(const NeighborKey& next_hop)
{
    const auto found = users_.find(next_hop);
    if (found == users_.end())
        return;
    stale_vteps_.insert(found->second.begin(), found->second.end());
    stale_next_hops_.insert(next_hop);
}

std::size_t Compiler::memory_for(const ModelDiff& before, const VtepRegistry::Changes& changes) const
{
    constexpr std::size_t kOfThing = 2048; // a link, an address, a route, with its part of the indices and the config
    constexpr std::size_t kOfVtep = 512;
    constexpr std::size_t kOfVtepAlone = std::size_t{64} << 10; // the part of the array that it shares with others
    const std::size_t routing = kOfThing * (model_.addresses().size() + model_.routes().size());
    const std::size_t all_vteps = kOfVtep * vteps_.vteps().size();
    if (is_all_stale_ || concerns_underlay(before))
        return kOfThing * model_.links().size() + routing + all_vteps;
    std::size_t things = before.addresses.size() + before.routes.size() + before.neighbors.size();
    std::size_t flooded = 0;
    std::size_t vteps = stale_vteps_.size() + changes.vteps.size();
    const auto add_link = [&](const Link* link) {
        things += link != nullptr ? 1 : 0;
        flooded += link != nullptr && link->vxlan() != nullptr ? link->vxlan()->flood.size() : 0;
    };
    for (const auto& [id, old] : before.links) {
        const Link* link = model_.find(id);
        for (const LinkId changed : {id, old ? old->master : kNoLink, link != nullptr ? link->master : kNoLink}) {
            add_link(model_.find(changed));
            for (const LinkId member : model_.members(changed))
                add_link(model_.find(member));
        }
        if (!has_same_vteps(old, link))
            vteps += vteps_.vteps_of(id).size();
    }
    for (const auto& [key, old] : before.neighbors)
        if (const auto users = users_.find(key); users != users_.end())
            vteps += users->second.size();
    return kOfThing * things + 4 * sizeof(VtepId) * flooded + std::min(kOfVtepAlone * vteps, all_vteps) +
           (is_routing_stale_ || concerns_routing(before) ? routing : 0);
}

// ---- compiling -------------------------------------------------------------------------------------------------

// A list that stays as it is keeps its number, by which frames that wait know it again.
template <typename T>
static void replace(SharedList<T>& list, std::vector<T> items)
{
    if (!std::ranges::equal(list, items))
        list = SharedList{std::move(items)};
}

std::unique_ptr<ForwardingConfig> Compiler::update(const VtepRegistry::Changes& changes)
{
    if (std::exchange(is_all_stale_, false)) {
        start_over();
    } else {
        stale_vteps_.insert(changes.vteps.begin(), changes.vteps.end());
        for (const ReplicationId id : changes.lists)
            replace(config_.replication.edit(id.value), vteps_.list_of(id).vteps);
    }
    for (const LinkId id : std::exchange(stale_links_, {}))
        compile_link(id);
    for (const BridgeId domain : std::exchange(stale_domains_, {}))
        config_.bridges.edit(domain.value) = BridgeState{};
    compile_listeners();
    for (const VtepId id : std::exchange(stale_vteps_, {}))
        compile_vtep(id);
    if (std::exchange(is_routing_stale_, false))
        compile_routing();
    compare_next_hops();
    return std::make_unique<ForwardingConfig>(config_);
}

void Compiler::start_over()
{
    ForwardingConfig fresh;
    fresh.bridges = config_.bridges; // their lists may be as they were
    fresh.replication = config_.replication;
    config_ = std::move(fresh);
    for (std::uint32_t number = 1; number < config_.bridges.size(); ++number)
        if (!config_.bridges[number].interface.is_none())
            stale_domains_.insert(BridgeId{static_cast<std::uint16_t>(number)});
    for (const auto& [key, users] : users_)
        stale_next_hops_.insert(key);
    users_.clear();
    next_hop_of_.clear();
    stale_listeners_.clear();
    for (const auto& [id, link] : model_.links()) {
        stale_links_.insert(stale_links_.end(), id);
        if (const VxlanSettings* vxlan = link.vxlan())
            stale_listeners_.insert({vxlan->udp_port, vxlan->vni});
    }
    stale_vteps_.clear();
    for (std::uint32_t number = 1; number < vteps_.vteps().size(); ++number)
        stale_vteps_.insert(stale_vteps_.end(), VtepId{number});
    for (std::uint32_t number = 1; number < vteps_.lists().size(); ++number)
        replace(config_.replication.edit(number), vteps_.lists()[number].vteps);
    is_routing_stale_ = true;
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
    is_routing_stale_ |= state.bridge != old_domain && model_.has_route(id); // where next hops' MACs are looked up
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
    stale_domains_.erase(interface.own_bridge);
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
    for (const auto& [udp_port, vni] : std::exchange(stale_listeners_, {})) {
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
    if (next_hop_of_.size() <= id.value)
        next_hop_of_.resize(vteps_.vteps().size());
    std::optional<NeighborKey>& old = next_hop_of_[id.value];
    std::optional<NeighborKey> next_hop;
    config_.vteps.edit(id.value) = vtep(vteps_.key_of(id), next_hop);
    if (old == next_hop)
        return;
    if (old) {
        stale_next_hops_.insert(*old);
        const auto users = users_.find(*old);
        users->second.erase(id);
        if (users->second.empty())
            users_.erase(users);
    }
    if (next_hop) {
        stale_next_hops_.insert(*next_hop);
        users_[*next_hop].insert(id);
    }
    old = next_hop;
}

EncapTemplate Compiler::vtep(const VtepRegistry::Key& key, std::optional<NeighborKey>& next_hop) const
{
    const auto& [id, remote] = key;
    const Link* link = model_.find(id);
    if (link == nullptr || !link->is_up)
        return EncapTemplate::unusable(id, remote.address, DropReason::link_down);
    const VxlanSettings& vxlan = *link->vxlan();
    const auto path = model_.underlay_path(remote.address);
    const Link* source = model_.owner_of(vxlan.local);
    const bool is_ours = model_.owner_of(remote.address) != nullptr;
    if (!path || source == nullptr || !model_.is_underlay(*source) || is_ours)
        return EncapTemplate::unusable(id, remote.address, DropReason::vtep_no_route);
    next_hop = NeighborKey{path->link->id, path->next_hop};
    const auto mac = mac_of_(*next_hop);
    if (!mac)
        return EncapTemplate::unusable(id, remote.address, DropReason::vtep_unresolved);
    Tunnel tunnel;
    tunnel.source_mac = path->link->mac;
    tunnel.next_hop_mac = *mac;
    tunnel.local = vxlan.local;
    tunnel.remote = remote.address;
    tunnel.destination_port = remote.port;
    tunnel.mtu = model_.mtu_of(*link);
    tunnel.vni = remote.vni;
    tunnel.ttl = vxlan.ttl != 0 ? vxlan.ttl : tunnel.ttl;
    tunnel.tos = vxlan.tos;
    tunnel.udp_checksum = vxlan.udp_checksum ? Tunnel::UdpChecksum::kComputed : Tunnel::UdpChecksum::kZero;
    return EncapTemplate::build(id, path->link->id, tunnel);
}

void Compiler::compare_next_hops()
{
    for (const NeighborKey& key : std::exchange(stale_next_hops_, {})) {
        const bool is_wanted = users_.contains(key) && !model_.neighbors().contains(key);
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
