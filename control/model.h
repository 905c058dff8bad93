// SPDX-License-Identifier: BSD-3-Clause
// The configuration as the user gave it, in iproute2's terms: links, addresses, routes, static neighbours. A value:
// a transaction keeps a copy to go back to. FDB entries live in the data plane's table alone, what neighbours were
// resolved in the Resolver.
#pragma once

#include "dataplane/net/ip.h"
#include "dataplane/net/mac.h"
#include "dataplane/net/vni.h"
#include "dataplane/port/port_kind.h"
#include "dataplane/state/ids.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace vx
{

inline constexpr std::uint32_t kDefaultAgeing = 300; // seconds, Linux's for bridges and for VXLAN devices
inline constexpr std::uint16_t kDefaultMtu = 1500;

struct BridgeSettings {
    std::uint32_t ageing_seconds = kDefaultAgeing; // 0: entries never age
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
    std::uint32_t ageing_seconds = kDefaultAgeing;
    std::optional<IpAddress> remote; // as `link add` named it; from there on it is an entry of `flood` like others
    std::vector<Remote> flood;       // the all-zero FDB entries, in the order in which they came
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

using AddressKey = std::pair<LinkId, IpPrefix>; // the prefix with its host bits
using NeighborKey = std::pair<LinkId, IpAddress>;

class Model
{
public:
    std::map<LinkId, Link> links;
    std::map<AddressKey, std::monostate> addresses;
    std::map<IpPrefix, Route> routes;     // by network; configured ones, not those of addresses
    std::map<NeighborKey, Mac> neighbors; // static ones

    const Link* find(LinkId id) const;
    const Link* find(std::string_view name) const;
    Link* find(LinkId id);

    // The bridging domain that a link's frames belong to; none for a port outside every bridge.
    BridgeId domain_of(const Link& link) const;
    // What routes for that domain: the bridge, or the VXLAN device that stands alone. Null for other links.
    const Link* interface_of(const Link& link) const;
    // A port outside every bridge: its frames are the fabric's.
    bool is_underlay(const Link& link) const { return link.port() != nullptr && link.master.is_none(); }
    bool has_address(LinkId link) const;
    // Whose own address this is; null if it is not ours.
    const Link* owner_of(const IpAddress& address) const;
    // An own address of the link in the same subnet as `peer`, else any of that family: the source for ARP and ND.
    std::optional<IpAddress> source_for(LinkId link, const IpAddress& peer) const;
    // Largest payload behind the (inner) Ethernet header. A VXLAN device's is its underlay port's less 50 or 70
    // bytes; a bridge's is its smallest member's. As Linux.
    std::uint16_t mtu_of(const Link& link) const;

    // How a packet gets to an address by the underlay: the port and the next hop. Longest prefix over the underlay
    // ports' subnets and the routes that leave by them.
    struct UnderlayPath {
        const Link* port;
        IpAddress next_hop;
    };
    std::optional<UnderlayPath> underlay_path(const IpAddress& destination) const;

    // A number that no link has, and none had for as long as possible; kNone if all are taken.
    LinkId take_link_id();
    BridgeId take_bridge_id();

private:
    std::uint16_t last_link_ = 0;
    std::uint16_t last_bridge_ = 0;
};

} // namespace vx
