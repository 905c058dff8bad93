// SPDX-License-Identifier: BSD-3-Clause
// The routing part of the compiled config: the addresses and routes of all links, whichever of them changed.
#include "control/compile.h"

namespace vx
{

void Compiler::compile_routing()
{
    config_.local_v4.clear();
    config_.local_v6.clear();
    config_.broadcasts_v4.clear();
    adjacencies_.clear();
    routes_.clear();
    add_martians();
    add_addresses();
    add_routes();
    config_.adjacencies = adjacencies_.rows();
    config_.routes = RouteTable::build(routes_);
}

void Compiler::add_addresses()
{
    for (const auto& [id, prefix] : model_.addresses()) {
        const Link& link = *model_.find(id);
        if (!link.is_up)
            continue;
        const IpAddress& address = prefix.address();
        const auto broadcast = prefix.broadcast();
        const bool is_underlay = model_.is_underlay(link);
        if (is_underlay) {
            if (address.is_v4())
                config_.local_v4.push_back(load<std::uint32_t>(address.bytes().data()));
            else
                config_.local_v6.push_back(address.bytes());
            if (broadcast)
                config_.broadcasts_v4.push_back(load<std::uint32_t>(broadcast->bytes().data()));
        }
        if (address.is_v6())
            continue; // inner IPv6 is bridged, not routed
        using Kind = Adjacency::Kind;
        add_route(prefix.network(), is_underlay ? Kind::kUnderlay : Kind::kConnected, id);
        if (broadcast)
            add_route({*broadcast, 32}, Kind::kBroadcast, id);
        add_route({address, 32}, is_underlay ? Kind::kUnderlay : Kind::kLocal, id);
    }
}

// Configured routes come after those of the addresses and win; as on Linux a local address wins over all.
void Compiler::add_routes()
{
    for (const auto& [prefix, route] : model_.routes()) {
        const Link& link = *model_.find(route.link);
        if (prefix.address().is_v6() || !link.is_up)
            continue;
        if (prefix.length() == 32 && model_.owner_of(prefix.address()) != nullptr)
            continue;
        if (model_.is_underlay(link))
            add_route(prefix, Adjacency::Kind::kUnderlay, route.link);
        else if (route.via)
            add_route(prefix, Adjacency::Kind::kVia, route.link, route.via->v4_host());
        else
            add_route(prefix, Adjacency::Kind::kConnected, route.link);
    }
}

// RFC 1812 section 5.3.7, as Linux has it.
void Compiler::add_martians()
{
    for (const char* text : {"0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/4", "255.255.255.255/32"})
        add_route(*IpPrefix::parse(text), Adjacency::Kind::kMartian, kNoLink);
}

void Compiler::add_route(const IpPrefix& prefix, Adjacency::Kind kind, LinkId link, std::uint32_t via)
{
    const BridgeId domain = link.is_none() ? kNoBridge : config_.links[link.value].bridge;
    routes_.push_back({prefix.address().v4_host(), prefix.length(), adjacencies_.number_of(kind, link, via, domain)});
}

} // namespace vx
