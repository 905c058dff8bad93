// SPDX-License-Identifier: BSD-3-Clause
// The configuration as the user gave it, in iproute2's terms: links, addresses, routes, static neighbours. It keeps
// indices of itself, so that no question and no change costs more with the number of devices; a transaction notes
// what it changes in a ModelDiff. FDB entries live in the data plane's table alone, what neighbours were resolved in
// the Resolver.
#pragma once

#include "dataplane/net/ip.h"
#include "dataplane/net/mac.h"
#include "dataplane/net/vni.h"
#include "dataplane/port/port_kind.h"
#include "dataplane/state/ids.h"

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace vx
{

inline constexpr std::uint32_t kDefaultAgeing = 300;        // seconds, Linux's for VXLAN devices
inline constexpr std::uint32_t kDefaultAgeingTime = 30'000; // of bridges: the same in 1/100 s, as ip(8) counts there
inline constexpr std::uint16_t kDefaultMtu = 1500;

struct BridgeSettings {
    std::uint32_t ageing_time = kDefaultAgeingTime; // 0: nothing is learned, everything is flooded, as on Linux
};

// A far VTEP of a VXLAN device, as `bridge fdb ... dst ADDR [ port PORT ] [ vni VNI ]` names it.
struct Remote {
    IpAddress address;
    std::uint16_t port = 0;
    Vni vni;
    friend auto operator<=>(const Remote&, const Remote&) = default;
};

struct VxlanSettings {
    Vni vni;
    IpAddress local;
    std::uint16_t udp_port = 4789;
    bool learning = true;
    bool udp_checksum = true; // IPv4 underlay; on IPv6 it is always computed
    std::uint8_t ttl = 0;     // 0: 64
    std::uint8_t tos = 0;
    std::uint32_t ageing_seconds = kDefaultAgeing; // 0: entries never age
    std::optional<IpAddress> remote; // as `link add` named it; from there on it is an entry of `flood` like others
    std::vector<Remote> flood;       // the all-zero FDB entries, in the order in which they came

    // Whether the headers in front of encapsulated frames are the same.
    bool has_same_header(const VxlanSettings& other) const
    {
        return vni == other.vni && local == other.local && udp_checksum == other.udp_checksum && ttl == other.ttl &&
               tos == other.tos;
    }
};

struct Link {
    LinkId id;
    std::string name;
    Mac mac;                          // of our end; for a TAP, of the container's end
    std::optional<std::uint16_t> mtu; // as configured, or what the port said; VXLAN devices derive theirs
    LinkId master;                    // the bridge that it is a member of
    BridgeId own_bridge;              // bridge, VXLAN device: the domain that it is when it has no master
    bool is_up = true;                // administratively
    std::variant<PortSpec, BridgeSettings, VxlanSettings> kind;

    const PortSpec* port() const { return std::get_if<PortSpec>(&kind); }
    PortSpec* port() { return std::get_if<PortSpec>(&kind); }
    const BridgeSettings* bridge() const { return std::get_if<BridgeSettings>(&kind); }
    const VxlanSettings* vxlan() const { return std::get_if<VxlanSettings>(&kind); }
    VxlanSettings* vxlan() { return std::get_if<VxlanSettings>(&kind); }
    BridgeSettings* bridge() { return std::get_if<BridgeSettings>(&kind); }
    std::string_view kind_name() const; // "tap", "bridge", "vxlan", ...
};

struct Route {
    std::optional<IpAddress> via; // absent: the destinations are neighbours on the device
    LinkId link;
    bool onlink = false;
};

// A neighbour that is configured. Which of the two states was said changes nothing but how ip shows and flushes it.
struct StaticNeighbor {
    enum class State : std::uint8_t { kPermanent, kNoArp };
    StaticNeighbor(const Mac& address, State its_state = State::kPermanent) : mac(address), state(its_state) {}
    Mac mac;
    State state;
    std::string_view state_name() const { return state == State::kNoArp ? "NOARP" : "PERMANENT"; }
    friend bool operator==(const StaticNeighbor&, const StaticNeighbor&) = default;
};

using AddressKey = std::pair<LinkId, IpPrefix>; // the prefix with its host bits

// The addresses of one link, in order. Not std::ranges::subrange: clang 14 can't compile that of libstdc++ 12.
struct AddressRange {
    std::set<AddressKey>::const_iterator first;
    std::set<AddressKey>::const_iterator last;
    auto begin() const { return first; }
    auto end() const { return last; }
    bool empty() const { return first == last; }
};
using NeighborKey = std::pair<LinkId, IpAddress>;

class Model
{
public:
    Model() = default;
    Model(Model&&) = default; // its indices point into itself: moved they stay right, copied they would not
    Model& operator=(Model&&) = default;

    const std::map<LinkId, Link>& links() const { return links_; }
    const std::set<AddressKey>& addresses() const { return addresses_; }
    const std::map<IpPrefix, Route>& routes() const { return routes_; } // by network; configured ones only
    const std::map<NeighborKey, StaticNeighbor>& neighbors() const { return neighbors_; }

    const Link* find(LinkId id) const;
    const Link* find(std::string_view name) const;
    // The VXLAN device with that UDP port and VNI.
    const Link* find_vxlan(std::uint16_t udp_port, Vni vni) const;
    const std::set<LinkId>& members(LinkId bridge) const;

    // The bridging domain that a link's frames belong to; none for a port outside every bridge.
    BridgeId domain_of(const Link& link) const;
    // What routes for that domain: the bridge, or the VXLAN device that stands alone. Null for other links.
    const Link* interface_of(const Link& link) const;
    // A port outside every bridge: its frames are the fabric's.
    bool is_underlay(const Link& link) const { return link.port() != nullptr && link.master.is_none(); }
    AddressRange addresses_of(LinkId link) const;
    bool has_address(LinkId link) const { return !addresses_of(link).empty(); }
    bool has_route(LinkId link) const { return routes_of_.contains(link); }
    // The configured routes that leave by the link.
    const std::set<IpPrefix>& routes_of(LinkId link) const;
    // Whose own address this is; null if it is not ours.
    const Link* owner_of(const IpAddress& address) const;
    // The links that have it as the broadcast address of a subnet.
    const std::multiset<LinkId>& broadcasters(const IpAddress& address) const;
    // The VXLAN devices that send from this address.
    const std::set<LinkId>& vxlans_from(const IpAddress& address) const;
    // Whether one of them has this UDP port.
    bool is_vxlan_port(std::uint16_t udp_port) const { return vxlan_ports_.contains(udp_port); }
    // Whether it is in the subnet of an address of the link.
    bool is_on_link(LinkId link, const IpAddress& address) const;
    // Whether it is the subnet of an address.
    bool is_subnet(const IpPrefix& prefix) const { return subnets_.contains(prefix); }
    // The address whose subnet it is in, of those of `device` if one is given, else of any link that is up; the longest
    // prefix goes first.
    const AddressKey* subnet_of(const IpAddress& address, std::optional<LinkId> device) const;
    // An own address of the link in the same subnet as `peer`, else any of that family: the source for ARP and ND.
    std::optional<IpAddress> source_for(LinkId link, const IpAddress& peer) const;
    // Largest payload behind the (inner) Ethernet header. A VXLAN device's is its underlay port's less 50 or 70
    // bytes; a bridge's is its smallest member's. As Linux.
    std::uint16_t mtu_of(const Link& link) const;

    // Where a packet to an address goes: the longest prefix that it is in, of the subnets of links that are up and of
    // the routes that leave by them. Of equal ones a route goes first, as in the table that compile() makes.
    struct Path {
        const Link* link;
        IpAddress next_hop;
    };
    std::optional<Path> path_to(const IpAddress& destination) const;
    // The same by the underlay's ports alone.
    std::optional<Path> underlay_path(const IpAddress& destination) const;

    // ---- changing ----
    // A number that no link has, and none had for as long as possible; kNone if all are taken.
    LinkId take_link_id();
    BridgeId take_bridge_id();

    // Adds a link, or replaces the one with its number.
    void put(Link link);
    // To be changed; but what it is found by (number, name, master, UDP port and VNI, local address) by put().
    Link* edit(LinkId id);
    void erase(LinkId id);
    void add_address(const AddressKey& key);
    void remove_address(const AddressKey& key);
    void set_route(const IpPrefix& prefix, const Route& route);
    void remove_route(const IpPrefix& prefix);
    void set_neighbor(const NeighborKey& key, const StaticNeighbor& neighbor)
    {
        neighbors_.insert_or_assign(key, neighbor);
    }
    void remove_neighbor(const NeighborKey& key) { neighbors_.erase(key); }

    // Where the search for free numbers stands.
    struct LastIds {
        std::uint16_t link = 0;
        std::uint16_t bridge = 0;
    };
    const LastIds& last_ids() const { return last_ids_; }
    void set_last_ids(const LastIds& ids) { last_ids_ = ids; }

private:
    void index(const Link& link);
    void unindex(const Link& link);
    template <typename IsCandidate>
    std::optional<Path> longest_match(const IpAddress& destination, IsCandidate is_candidate) const;

    std::map<LinkId, Link> links_;
    std::set<AddressKey> addresses_;
    std::map<IpPrefix, Route> routes_;
    std::map<NeighborKey, StaticNeighbor> neighbors_;
    LastIds last_ids_;

    // Indices. Views and pointers are into links_, whose nodes stay where they are.
    std::vector<Link*> by_number_; // null: no such link
    struct Prefixes {              // how many there are of each length: a search leaves out those that there are not
        std::array<std::uint32_t, 129> v4{}, v6{};
        std::array<std::uint32_t, 129>& of(Family family) { return family == Family::kIpv4 ? v4 : v6; }
        const std::array<std::uint32_t, 129>& of(Family family) const { return family == Family::kIpv4 ? v4 : v6; }
    };
    std::unordered_map<std::string_view, const Link*> by_name_;
    std::unordered_map<std::uint64_t, const Link*> by_vni_; // and UDP port
    std::map<LinkId, std::set<LinkId>> members_;
    std::vector<bool> taken_bridges_ = std::vector<bool>(std::size_t{1} << 16);
    std::unordered_map<IpAddress, std::set<LinkId>> vxlan_locals_;
    std::unordered_map<std::uint16_t, std::uint32_t> vxlan_ports_;           // devices
    std::unordered_map<IpAddress, std::pair<LinkId, std::uint32_t>> owners_; // and how many prefixes it has there
    std::unordered_map<IpAddress, std::multiset<LinkId>> broadcasts_;
    std::map<IpPrefix, std::set<AddressKey>> subnets_;
    std::map<LinkId, std::set<IpPrefix>> routes_of_;
    Prefixes prefixes_; // of subnets_ and routes_
};

// What some changes did to a Model: everything that they touched, as it was before. Absent: it was not there.
struct ModelDiff {
    std::map<LinkId, std::optional<Link>> links;
    std::map<AddressKey, bool> addresses; // whether it was there
    std::map<IpPrefix, std::optional<Route>> routes;
    std::map<NeighborKey, std::optional<StaticNeighbor>> neighbors;
    std::optional<Model::LastIds> last_ids;

    bool empty() const { return links.empty() && addresses.empty() && routes.empty() && neighbors.empty(); }
    void take_back(Model& model) const;
};

} // namespace vx
