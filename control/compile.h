// SPDX-License-Identifier: BSD-3-Clause
// Model -> ForwardingConfig: everything that can be known before a packet comes. What compile() makes
// depends on its arguments alone, of which it fills `adjacencies` anew; the Compiler makes the same step by step, at a
// cost that is that of the change, not of the model. It fills all but what the Dataplane adds when it publishes (ports,
// queues, tables).
#pragma once

#include "control/adjacencies.h"
#include "control/model.h"
#include "control/vteps.h"
#include "dataplane/state/forwarding_config.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

namespace vx
{

// What is known of a neighbour now.
using MacOf = std::function<std::optional<Mac>(const NeighborKey&)>;

class Compiler
{
public:
    // Model, registry and adjacencies have to outlive it.
    Compiler(const Model& model, const VtepRegistry& vteps, Adjacencies& adjacencies, MacOf mac_of);

    // The model has changed since it was like this.
    void note(const ModelDiff& before);
    // Something else is known about a neighbour.
    void note(const NeighborKey& next_hop);

    // About how many bytes update() allocates, besides what every config takes, for a change that it was not told of.
    std::size_t memory_for(const ModelDiff& before, const VtepRegistry::Changes& changes) const;

    // The config of the model as it is, and of the registry, which has changed like this. It shares with the one
    // before what did not change.
    std::unique_ptr<ForwardingConfig> update(const VtepRegistry::Changes& changes);

    // The neighbours that VTEPs need on underlay ports, without static ones, as changed by update().
    struct NextHops {
        std::vector<NeighborKey> wanted, unwanted;
    };
    NextHops take_next_hops() { return std::exchange(next_hops_, {}); }

private:
    void start_over();
    void compile_link(LinkId id);
    void compile_domain(const Link& interface);
    void compile_listeners();
    void compile_vtep(VtepId id);
    EncapTemplate vtep(const VtepRegistry::Key& key, std::optional<NeighborKey>& next_hop) const;
    void compile_routing();
    void add_addresses();
    void add_routes();
    void add_martians();
    void add_route(const IpPrefix& prefix, Adjacency::Kind kind, LinkId link, std::uint32_t via = 0);
    void compare_next_hops();
    static bool has_same_vteps(const std::optional<Link>& old, const Link* now);
    bool concerns_underlay(const ModelDiff& before) const;
    bool concerns_routing(const ModelDiff& before) const;
    bool is_router(LinkId interface) const;

    using Listener = std::pair<std::uint16_t, Vni>; // UDP port and VNI

    const Model& model_;
    const VtepRegistry& vteps_;
    Adjacencies& adjacencies_;
    const MacOf mac_of_;
    ForwardingConfig config_;
    std::vector<std::optional<NeighborKey>> next_hop_of_; // by VtepId
    std::map<NeighborKey, std::set<VtepId>> users_;       // of a next hop
    std::set<NeighborKey> wanted_;                        // what take_next_hops() told
    NextHops next_hops_;
    std::vector<RouteTable::Route> routes_;

    // What update() has to do.
    bool is_all_stale_ = true;
    bool is_routing_stale_ = false;
    std::set<LinkId> stale_links_;
    std::set<BridgeId> stale_domains_; // that may have nobody left
    std::set<Listener> stale_listeners_;
    std::set<VtepId> stale_vteps_;
    std::set<NeighborKey> stale_next_hops_;
};

// All at once.
std::unique_ptr<ForwardingConfig> compile(const Model& model, const VtepRegistry& vteps, Adjacencies& adjacencies,
                                          MacOf mac_of);

} // namespace vx
