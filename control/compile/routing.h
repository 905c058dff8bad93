// SPDX-License-Identifier: BSD-3-Clause
// What leads where, of all that says so: martians, addresses, routes. Of what has one prefix the last counts, in the
// order of Source. A change costs what it changes.
#pragma once

#include "control/compile/adjacencies.h"
#include "control/model/model.h"
#include "dataplane/state/route_table.h"

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <set>
#include <utility>

namespace vx
{

class Routing
{
public:
    // Who says it.
    struct Source {
        enum class Rank : std::uint8_t { kMartian, kAddress, kRoute };
        enum class Part : std::uint8_t { kSubnet, kBroadcast, kHost }; // of an address
        Rank rank = Rank::kMartian;
        AddressKey address; // kAddress
        Part part = Part::kSubnet;
        friend auto operator<=>(const Source&, const Source&) = default;
    };

    // What is in `adjacencies` goes; it has to outlive this.
    explicit Routing(Adjacencies& adjacencies);

    // That packets to an IPv4 prefix are for this. Precondition: the source says nothing of that prefix.
    void add(const IpPrefix& prefix, const Source& source, const Adjacencies::Key& leads_to, BridgeId domain);
    void remove(const IpPrefix& prefix, const Source& source); // if it says something

    // As it is now.
    const RouteTable& table();

private:
    using Prefix = std::pair<unsigned, std::uint32_t>; // length, and address in host order

    static Prefix key_of(const IpPrefix& prefix);
    std::uint32_t result_of(const Prefix& prefix) const; // 0: nobody says anything
    RouteTable::Route cover_of(const Prefix& prefix) const;

    Adjacencies& adjacencies_;
    std::map<std::pair<Prefix, Source>, std::uint32_t> said_; // numbers of adjacencies
    std::array<std::size_t, 33> lengths_{};                   // how many there are of each
    std::set<Prefix> changed_;
    RouteTable table_;
};

} // namespace vx
