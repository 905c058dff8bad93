// SPDX-License-Identifier: BSD-3-Clause
#include "control/model/model.h"

#include "dataplane/net/headers.h"

#include <algorithm>
#include <limits>

namespace vx
{

std::string_view Link::kind_name() const
{
    if (const PortSpec* spec = port())
        return spec->kind;
    return bridge() != nullptr ? "bridge" : "vxlan";
}

namespace
{

std::uint64_t vni_key(std::uint16_t udp_port, Vni vni)
{
    return (std::uint64_t{udp_port} << 32) | vni.value();
}

template <typename Map>
void count_down(Map& counts, const typename Map::key_type& key)
{
    if (const auto found = counts.find(key); --found->second == 0)
        counts.erase(found);
}

// What a map has of it; else nothing.
template <typename Map>
const typename Map::mapped_type& found_in(const Map& map, const typename Map::key_type& key)
{
    static const typename Map::mapped_type kNone;
    const auto found = map.find(key);
    return found == map.end() ? kNone : found->second;
}

// One of a key's, and the key with the last.
template <typename Map, typename Value>
void take_from(Map& map, const typename Map::key_type& key, const Value& value)
{
    const auto found = map.find(key);
    if (found == map.end())
        return;
    found->second.erase(value);
    if (found->second.empty())
        map.erase(found);
}

} // namespace

const Link* Model::find(LinkId id) const
{
    return id.value < by_number_.size() ? by_number_[id.value] : nullptr;
}

const Link* Model::find(std::string_view name) const
{
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : found->second;
}

const Link* Model::find_vxlan(std::uint16_t udp_port, Vni vni) const
{
    const auto found = by_vni_.find(vni_key(udp_port, vni));
    return found == by_vni_.end() ? nullptr : found->second;
}

const std::set<LinkId>& Model::members(LinkId bridge) const
{
    return found_in(members_, bridge);
}

const std::set<IpPrefix>& Model::routes_of(LinkId link) const
{
    return found_in(routes_of_, link);
}

const std::set<LinkId>& Model::vxlans_from(const IpAddress& address) const
{
    return found_in(vxlan_locals_, address);
}

BridgeId Model::domain_of(const Link& link) const
{
    if (link.master.is_none())
        return link.own_bridge;
    const Link* master = find(link.master);
    return master == nullptr ? kNoBridge : master->own_bridge;
}

const Link* Model::interface_of(const Link& link) const
{
    if (!link.master.is_none())
        return find(link.master);
    return link.own_bridge.is_none() ? nullptr : &link;
}

AddressRange Model::addresses_of(LinkId link) const
{
    const auto first = addresses_.lower_bound(AddressKey{link, IpPrefix{}});
    auto last = first;
    while (last != addresses_.end() && last->first == link)
        ++last;
    return {first, last};
}

const Link* Model::owner_of(const IpAddress& address) const
{
    const auto found = owners_.find(address);
    return found == owners_.end() ? nullptr : find(found->second.first);
}

const std::multiset<LinkId>& Model::broadcasters(const IpAddress& address) const
{
    return found_in(broadcasts_, address);
}

bool Model::is_on_link(LinkId link, const IpAddress& address) const
{
    return std::ranges::any_of(addresses_of(link), [&](const AddressKey& key) { return key.second.contains(address); });
}

const AddressKey* Model::subnet_of(const IpAddress& address, std::optional<LinkId> device) const
{
    const AddressKey* best = nullptr;
    for (const AddressKey& key : addresses_) {
        const Link* link = find(key.first);
        const bool is_possible = (!device || key.first == *device) && link != nullptr && link->is_up;
        if (is_possible && key.second.contains(address) &&
            (best == nullptr || key.second.length() > best->second.length()))
            best = &key;
    }
    return best;
}

std::optional<IpAddress> Model::source_for(LinkId link, const IpAddress& peer) const
{
    std::optional<IpAddress> any;
    for (const auto& [id, prefix] : addresses_of(link)) {
        if (prefix.address().family() != peer.family())
            continue;
        if (prefix.contains(peer))
            return prefix.address();
        if (!any)
            any = prefix.address();
    }
    return any;
}

std::uint16_t Model::mtu_of(const Link& link) const
{
    if (link.mtu)
        return *link.mtu;
    if (const VxlanSettings* vxlan = link.vxlan()) {
        // Nothing else carries tunnels; and a bridge with that address may have this very device as a member.
        const Link* lower = owner_of(vxlan->local);
        const std::uint16_t lower_mtu = lower == nullptr || lower->port() == nullptr ? kDefaultMtu : mtu_of(*lower);
        // The inner Ethernet header is payload of the underlay; its own outer one is not.
        const std::size_t overhead = vxlan->local.is_v4() ? kOuterSizeV4 : kOuterSizeV6;
        return static_cast<std::uint16_t>(lower_mtu > overhead ? lower_mtu - overhead : 0);
    }
    std::uint16_t smallest = std::numeric_limits<std::uint16_t>::max();
    if (link.bridge() != nullptr)
        for (const LinkId member : members(link.id))
            smallest = std::min(smallest, mtu_of(*find(member)));
    return smallest == std::numeric_limits<std::uint16_t>::max() ? kDefaultMtu : smallest;
}

template <typename IsCandidate>
std::optional<Model::Path> Model::longest_match(const IpAddress& destination, IsCandidate is_candidate) const
{
    const auto& counts = prefixes_.of(destination.family());
    for (unsigned length = destination.bit_count() + 1; length-- != 0;) {
        if (counts[length] == 0)
            continue;
        const IpPrefix prefix = IpPrefix{destination, length}.network();
        if (const auto route = routes_.find(prefix); route != routes_.end())
            if (const Link* link = find(route->second.link); link != nullptr && link->is_up && is_candidate(*link))
                return Path{link, route->second.via.value_or(destination)};
        const auto subnet = subnets_.find(prefix);
        if (subnet == subnets_.end())
            continue;
        for (auto key = subnet->second.rbegin(); key != subnet->second.rend(); ++key)
            if (const Link* link = find(key->first); link != nullptr && link->is_up && is_candidate(*link))
                return Path{link, destination};
    }
    return std::nullopt;
}

std::optional<Model::Path> Model::path_to(const IpAddress& destination) const
{
    return longest_match(destination, [](const Link&) { return true; });
}

std::optional<Model::Path> Model::underlay_path(const IpAddress& destination) const
{
    return longest_match(destination, [this](const Link& link) { return is_underlay(link); });
}

// ---- changing --------------------------------------------------------------------------------------------------

namespace
{

template <typename IsUsed>
std::uint16_t next_free(std::uint16_t& last, IsUsed is_used)
{
    for (std::uint32_t step = 1; step <= std::numeric_limits<std::uint16_t>::max(); ++step) {
        const auto candidate = static_cast<std::uint16_t>(last + step);
        if (candidate != 0 && !is_used(candidate))
            return last = candidate;
    }
    return 0;
}

} // namespace

LinkId Model::take_link_id()
{
    return LinkId{next_free(last_ids_.link, [&](std::uint16_t id) { return links_.contains(LinkId{id}); })};
}

BridgeId Model::take_bridge_id()
{
    return BridgeId{next_free(last_ids_.bridge, [&](std::uint16_t id) { return taken_bridges_[id]; })};
}

void Model::index(const Link& link)
{
    by_name_.emplace(link.name, &link);
    if (!link.master.is_none())
        members_[link.master].insert(link.id);
    if (!link.own_bridge.is_none())
        taken_bridges_[link.own_bridge.value] = true;
    if (const VxlanSettings* vxlan = link.vxlan()) {
        by_vni_.emplace(vni_key(vxlan->udp_port, vxlan->vni), &link);
        vxlan_locals_[vxlan->local].insert(link.id);
        ++vxlan_ports_[vxlan->udp_port];
    }
}

void Model::unindex(const Link& link)
{
    by_name_.erase(link.name);
    take_from(members_, link.master, link.id);
    taken_bridges_[link.own_bridge.value] = false;
    if (const VxlanSettings* vxlan = link.vxlan()) {
        by_vni_.erase(vni_key(vxlan->udp_port, vxlan->vni));
        take_from(vxlan_locals_, vxlan->local, link.id);
        count_down(vxlan_ports_, vxlan->udp_port);
    }
}

void Model::put(Link link)
{
    const auto [at, is_new] = links_.try_emplace(link.id);
    if (!is_new)
        unindex(at->second);
    at->second = std::move(link);
    if (at->first.value >= by_number_.size())
        by_number_.resize(at->first.value + std::size_t{1});
    by_number_[at->first.value] = &at->second;
    index(at->second);
}

Link* Model::edit(LinkId id)
{
    return id.value < by_number_.size() ? by_number_[id.value] : nullptr;
}

void Model::erase(LinkId id)
{
    const auto found = links_.find(id);
    if (found == links_.end())
        return;
    unindex(found->second);
    by_number_[id.value] = nullptr;
    links_.erase(found);
}

void Model::add_address(const AddressKey& key)
{
    if (!addresses_.insert(key).second)
        return;
    const auto& [link, prefix] = key;
    auto& [owner, count] = owners_[prefix.address()];
    owner = link;
    ++count;
    if (const auto broadcast = prefix.broadcast())
        broadcasts_[*broadcast].insert(link);
    const IpPrefix network = prefix.network();
    subnets_[network].insert(key);
    ++prefixes_.of(network.address().family())[network.length()];
}

void Model::remove_address(const AddressKey& key)
{
    if (addresses_.erase(key) == 0)
        return;
    const auto& [link, prefix] = key;
    if (const auto owner = owners_.find(prefix.address()); --owner->second.second == 0)
        owners_.erase(owner);
    if (const auto broadcast = prefix.broadcast()) {
        const auto found = broadcasts_.find(*broadcast);
        found->second.erase(found->second.find(link));
        if (found->second.empty())
            broadcasts_.erase(found);
    }
    const IpPrefix network = prefix.network();
    take_from(subnets_, network, key);
    --prefixes_.of(network.address().family())[network.length()];
}

void Model::set_route(const IpPrefix& prefix, const Route& route)
{
    remove_route(prefix);
    routes_.emplace(prefix, route);
    routes_of_[route.link].insert(prefix);
    ++prefixes_.of(prefix.address().family())[prefix.length()];
}

void Model::remove_route(const IpPrefix& prefix)
{
    const auto found = routes_.find(prefix);
    if (found == routes_.end())
        return;
    take_from(routes_of_, found->second.link, prefix);
    routes_.erase(found);
    --prefixes_.of(prefix.address().family())[prefix.length()];
}

void ModelDiff::take_back(Model& model) const
{
    // Names and VNIs may have gone from one link to another: all that came has to go before anything returns.
    for (const auto& [id, link] : links)
        model.erase(id);
    for (const auto& [id, link] : links)
        if (link)
            model.put(*link);
    for (const auto& [key, was_there] : addresses)
        model.remove_address(key);
    for (const auto& [key, was_there] : addresses)
        if (was_there)
            model.add_address(key);
    for (const auto& [prefix, route] : routes) {
        model.remove_route(prefix);
        if (route)
            model.set_route(prefix, *route);
    }
    for (const auto& [key, neighbor] : neighbors) {
        model.remove_neighbor(key);
        if (neighbor)
            model.set_neighbor(key, *neighbor);
    }
    if (last_ids)
        model.set_last_ids(*last_ids);
}

} // namespace vx
