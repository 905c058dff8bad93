// SPDX-License-Identifier: BSD-3-Clause
#include "control/compile.h"

#include <map>
#include <vector>

namespace vx
{

namespace
{

class Compiler
{
public:
    Compiler(const Model& model, const VtepRegistry& vteps,
             const std::function<std::optional<Mac>(const NeighborKey&)>& mac_of)
        : model_(model), vteps_(vteps), mac_of_(mac_of), config_(*compiled_.config)
    {
    }

    Compiled run()
    {
        for (const auto& [id, link] : model_.links)
            add_link(link);
        for (const auto& [id, link] : model_.links)
            if (link.vxlan() != nullptr && link.is_up)
                add_listener(link);
        for (const auto& [udp_port, entries] : listener_entries_)
            config_.listeners.push_back({udp_port, VniMap{entries}});
        for (std::size_t number = 1; number < vteps_.vteps().size(); ++number)
            config_.vteps.push_back(vtep(vteps_.vteps()[number].key));
        for (std::size_t number = 1; number < vteps_.lists().size(); ++number)
            config_.replication.push_back(vteps_.lists()[number].vteps);
        add_addresses();
        add_routes();
        return std::move(compiled_);
    }

private:
    template <typename Entry>
    static Entry& at(std::vector<Entry>& entries, std::size_t index)
    {
        if (entries.size() <= index)
            entries.resize(index + 1);
        return entries[index];
    }

    void add_link(const Link& link)
    {
        LinkState& state = at(config_.links, link.id.value);
        state.mac = link.mac;
        state.mtu = model_.mtu_of(link);
        const BridgeId domain = model_.domain_of(link);
        const Link* interface = model_.interface_of(link);
        const bool is_up = link.is_up && (interface == nullptr || interface->is_up);
        if (is_up)
            state.bridge = domain;
        if (const VxlanSettings* vxlan = link.vxlan()) {
            state.role = LinkState::Role::kVxlan;
            state.learns = vxlan->learning;
        } else if (link.bridge() != nullptr) {
            state.role = LinkState::Role::kBridge;
        } else if (is_up) {
            // Without an address it serves no tunnels: a container whose bridge was deleted must not decapsulate.
            const bool is_underlay = model_.is_underlay(link) && model_.has_address(link.id);
            state.role = is_underlay ? LinkState::Role::kUnderlay : LinkState::Role::kOverlay;
            state.learns = state.role == LinkState::Role::kOverlay; // what the fabric sends is in no domain
        }
        if (interface != nullptr && is_up)
            add_to_domain(link, *interface, domain);
    }

    void add_to_domain(const Link& link, const Link& interface, BridgeId domain)
    {
        BridgeState& bridge = at(config_.bridges, domain.value);
        bridge.interface = interface.id;
        bridge.answers = model_.has_address(interface.id);
        if (link.port() != nullptr)
            bridge.ports.push_back(link.id);
        if (const VxlanSettings* vxlan = link.vxlan())
            for (const Remote& remote : vxlan->flood)
                if (const auto id = vteps_.find({link.id, remote}))
                    bridge.vteps.push_back(*id);
    }

    void add_listener(const Link& link)
    {
        const VxlanSettings& vxlan = *link.vxlan();
        listener_entries_[vxlan.udp_port].push_back({vxlan.vni, link.id});
    }

    EncapTemplate vtep(const VtepRegistry::Key& key)
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
        const NeighborKey next_hop{path->port->id, path->next_hop};
        compiled_.next_hops.insert(next_hop);
        const auto mac = mac_of_(next_hop);
        if (!mac)
            return EncapTemplate::unusable(id, remote.address, DropReason::vtep_unresolved);
        Tunnel tunnel;
        tunnel.source_mac = path->port->mac;
        tunnel.next_hop_mac = *mac;
        tunnel.local = vxlan.local;
        tunnel.remote = remote.address;
        tunnel.destination_port = remote.port;
        tunnel.mtu = model_.mtu_of(*link);
        tunnel.vni = remote.vni;
        tunnel.ttl = vxlan.ttl != 0 ? vxlan.ttl : tunnel.ttl;
        tunnel.tos = vxlan.tos;
        tunnel.udp_checksum = vxlan.udp_checksum ? Tunnel::UdpChecksum::kComputed : Tunnel::UdpChecksum::kZero;
        return EncapTemplate::build(id, path->port->id, tunnel);
    }

    void add_addresses()
    {
        for (const auto& [key, nothing] : model_.addresses) {
            const auto& [id, prefix] = key;
            const Link& link = *model_.find(id);
            if (!link.is_up)
                continue;
            const IpAddress& address = prefix.address();
            if (model_.is_underlay(link)) {
                if (address.is_v4())
                    config_.local_v4.push_back(load<std::uint32_t>(address.bytes().data()));
                else
                    config_.local_v6.push_back(address.bytes());
            }
            if (address.is_v6())
                continue; // inner IPv6 is bridged, not routed
            const bool is_underlay = model_.is_underlay(link);
            add_route(prefix.network(),
                      {is_underlay ? Adjacency::Kind::kUnderlay : Adjacency::Kind::kConnected, id, 0});
            if (const auto broadcast = prefix.broadcast())
                add_route({*broadcast, 32}, {Adjacency::Kind::kBroadcast, id, 0});
            add_route({address, 32}, {is_underlay ? Adjacency::Kind::kUnderlay : Adjacency::Kind::kLocal, id, 0});
        }
    }

    // Configured routes come after those of the addresses and win; as on Linux a local address wins over all.
    void add_routes()
    {
        for (const auto& [prefix, route] : model_.routes) {
            const Link& link = *model_.find(route.link);
            if (prefix.address().is_v6() || !link.is_up)
                continue;
            if (prefix.length() == 32 && model_.owner_of(prefix.address()) != nullptr)
                continue;
            Adjacency adjacency{Adjacency::Kind::kConnected, route.link, 0};
            if (model_.is_underlay(link))
                adjacency.kind = Adjacency::Kind::kUnderlay;
            else if (route.via)
                adjacency = {Adjacency::Kind::kVia, route.link, route.via->v4_host()};
            add_route(prefix, adjacency);
        }
        config_.routes = RouteTable::build(routes_);
    }

    void add_route(const IpPrefix& prefix, const Adjacency& adjacency)
    {
        routes_.push_back(
            {prefix.address().v4_host(), prefix.length(), static_cast<std::uint32_t>(config_.adjacencies.size())});
        config_.adjacencies.push_back(adjacency);
    }

    const Model& model_;
    const VtepRegistry& vteps_;
    const std::function<std::optional<Mac>(const NeighborKey&)>& mac_of_;
    Compiled compiled_{std::make_unique<ForwardingConfig>(), {}};
    ForwardingConfig& config_;
    std::vector<RouteTable::Route> routes_;
    std::map<std::uint16_t, std::vector<VniMap::Entry>> listener_entries_; // by UDP port
};

} // namespace

Compiled compile(const Model& model, const VtepRegistry& vteps,
                 const std::function<std::optional<Mac>(const NeighborKey&)>& mac_of)
{
    return Compiler{model, vteps, mac_of}.run();
}

} // namespace vx
