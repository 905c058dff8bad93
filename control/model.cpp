// SPDX-License-Identifier: BSD-3-Clause
#include "control/model.h"

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

const Link* Model::find(LinkId id) const
{
    const auto found = links.find(id);
    return found == links.end() ? nullptr : &found->second;
}

Link* Model::find(LinkId id)
{
    const auto found = links.find(id);
    return found == links.end() ? nullptr : &found->second;
}

const Link* Model::find(std::string_view name) const
{
    const auto found =
        std::find_if(links.begin(), links.end(), [&](const auto& entry) { return entry.second.name == name; });
    return found == links.end() ? nullptr : &found->second;
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

bool Model::has_address(LinkId link) const
{
    const auto at = addresses.lower_bound(AddressKey{link, IpPrefix{}});
    return at != addresses.end() && at->first.first == link;
}

const Link* Model::owner_of(const IpAddress& address) const
{
    for (const auto& [key, nothing] : addresses)
        if (key.second.address() == address)
            return find(key.first);
    return nullptr;
}

std::optional<IpAddress> Model::source_for(LinkId link, const IpAddress& peer) const
{
    std::optional<IpAddress> any;
    for (const auto& [key, nothing] : addresses) {
        if (key.first != link || key.second.address().family() != peer.family())
            continue;
        if (key.second.contains(peer))
            return key.second.address();
        if (!any)
            any = key.second.address();
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
        for (const auto& [id, member] : links)
            if (member.master == link.id)
                smallest = std::min(smallest, mtu_of(member));
    return smallest == std::numeric_limits<std::uint16_t>::max() ? kDefaultMtu : smallest;
}

std::optional<Model::UnderlayPath> Model::underlay_path(const IpAddress& destination) const
{
    std::optional<UnderlayPath> best;
    int best_length = -1;
    for (const auto& [key, nothing] : addresses) {
        const Link* link = find(key.first);
        const auto length = static_cast<int>(key.second.length());
        if (link->is_up && is_underlay(*link) && length > best_length && key.second.contains(destination)) {
            best = UnderlayPath{link, destination};
            best_length = length;
        }
    }
    for (const auto& [prefix, route] : routes) {
        const Link* link = find(route.link);
        const auto length = static_cast<int>(prefix.length());
        if (link->is_up && is_underlay(*link) && length > best_length && prefix.contains(destination)) {
            best = UnderlayPath{link, route.via.value_or(destination)};
            best_length = length;
        }
    }
    return best;
}

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
    return LinkId{next_free(last_link_, [&](std::uint16_t id) { return links.contains(LinkId{id}); })};
}

BridgeId Model::take_bridge_id()
{
    std::vector<bool> used(std::size_t{std::numeric_limits<std::uint16_t>::max()} + 1);
    for (const auto& [id, link] : links)
        used[link.own_bridge.value] = true;
    return BridgeId{next_free(last_bridge_, [&](std::uint16_t id) { return used[id]; })};
}

} // namespace vx
