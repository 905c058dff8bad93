// SPDX-License-Identifier: BSD-3-Clause
// Model -> ForwardingConfig: everything that can be known before a packet comes. What compile() makes
// depends on its arguments alone, of which it fills `adjacencies` anew; the Compiler makes the same step by step, at a
// cost that is that of the change, not of the model. It fills all but what the Dataplane adds when it publishes (ports,
// queues, tables).
#pragma once

#include "control/compile/adjacencies.h"
#include "control/compile/paths.h"
#include "control/compile/routing.h"
#include "control/model/model.h"
#include "control/model/vteps.h"
#include "dataplane/state/forwarding_config.h"

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

namespace vx
{

class Compiler
{
public:
    // Model, registry and adjacencies have to outlive it.
    Compiler(const Model& model, const VtepRegistry& vteps, Adjacencies& adjacencies, MacOf mac_of);

    // The model has changed since it was like this.
    void note(const ModelDiff& before) { add_changes(before, stale_); }
    // Something else is known about a neighbour: what is sent there from now on has it, without a new config.
    void note(const NeighborKey& next_hop) { paths_.follow(next_hop); }

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
    using Listener = std::pair<std::uint16_t, Vni>; // UDP port and VNI

    // What update() has to do.
    struct Stale {
        std::set<LinkId> links;
        std::set<BridgeId> domains; // that may have nobody left
        std::set<Listener> listeners;
        std::set<VtepId> vteps;
        std::set<NeighborKey> next_hops;
        std::set<AddressKey> addresses; // as what leads to them and their subnets
        std::set<IpPrefix> routes;
    };

    // compile_stale.cpp
    void add_everything();
    void add_changes(const ModelDiff& before, Stale& stale) const;
    void add_link(const Link& link, Stale& stale) const;
    void add_endpoint(const IpAddress& address, Stale& stale) const;
    void add_destinations(const IpPrefix& prefix, Stale& stale) const;
    void add_address(const AddressKey& key, bool is_ports, Stale& stale) const;
    static bool has_same_vteps(const std::optional<Link>& old, const Link* now);

    void compile_link(LinkId id);
    void compile_domain(const Link& interface);
    void compile_listeners();
    void compile_vtep(VtepId id);
    EncapTemplate vtep(const VtepRegistry::Key& key, std::uint32_t& path);
    void compile_routing();
    void route_to(const AddressKey& key);
    void route_by(const IpPrefix& prefix, const Route& route);
    void follow_next_hops();
    bool is_router(LinkId interface) const;

    const Model& model_;
    const VtepRegistry& vteps_;
    Adjacencies& adjacencies_;
    Paths paths_;
    Routing routing_;
    ForwardingConfig config_;
    std::vector<std::uint32_t> path_of_; // by VtepId; 0: none
    std::set<NeighborKey> wanted_;       // what take_next_hops() told
    NextHops next_hops_;
    std::set<AddressKey> underlay_; // addresses of its ports that are up
    bool is_new_ = true;            // there is no config yet
    Stale stale_;
};

// All at once.
std::unique_ptr<ForwardingConfig> compile(const Model& model, const VtepRegistry& vteps, Adjacencies& adjacencies,
                                          MacOf mac_of);

} // namespace vx
