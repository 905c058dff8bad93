// SPDX-License-Identifier: BSD-3-Clause
// Everything that can be known before a packet comes: compiled from the control thread's Model, immutable, published
// through one RCU pointer. A worker reads the pointer once per loop turn. The tables that change under traffic (FDB,
// neighbours) are pointed to; they live longer than every config that names them.
#pragma once

#include "dataplane/net/ip.h"
#include "dataplane/net/mac.h"
#include "dataplane/state/adjacency.h"
#include "dataplane/state/bucket_table.h"
#include "dataplane/state/encap_template.h"
#include "dataplane/state/ids.h"
#include "dataplane/state/path.h"
#include "dataplane/state/route_table.h"
#include "dataplane/state/shared_array.h"
#include "dataplane/state/vni_map.h"

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

namespace vx
{

class Port;
class CaptureSet;

// A device. Index: LinkId; a power of two in size, so that indexing is a shift.
struct alignas(32) LinkState {
    enum class Role : std::uint8_t {
        kNone,     // no such link
        kOverlay,  // a port in a bridge: its frames are bridged; in no bridge: they are dropped
        kUnderlay, // a port with addresses of its own: its frames are decapsulated
        kBridge,
        kVxlan,
    };
    Role role = Role::kNone;
    bool learns = false;    // source MACs that come in here
    BridgeId bridge;        // the domain its frames belong to
    std::uint16_t slot = 0; // kOverlay, kUnderlay: index of the transmit buffer
    std::uint16_t mtu = 0;  // largest payload behind the (inner) Ethernet header, bytes
    Mac mac;
    Port* port = nullptr; // kOverlay, kUnderlay
};
static_assert(sizeof(LinkState) == 32);

// A bridging domain. Index: BridgeId.
struct BridgeState {
    LinkId interface;           // what routes for it: the bridge itself, or the VXLAN device that stands alone
    bool answers = false;       // has an address: ARP and ND that are flooded are also read here
    bool routes = false;        // has an address, or routes lead out by it: what is sent to its MAC is routed
    SharedList<LinkId> ports;   // flood: local ports
    SharedList<VtepId> vteps;   // flood: head-end replication, the all-zero FDB entries
    SharedList<LinkId> tunnels; // the VXLAN devices that have those
};

// The VXLAN devices that listen on one UDP port.
struct VxlanListener {
    std::uint16_t udp_port = 0;
    VniMap vnis;
};

// One receive queue of one port, polled by one worker.
struct PollEntry {
    LinkId link;
    std::uint16_t queue = 0;
    Port* port = nullptr;
    std::uint64_t watch = 0; // a number that no other queue has had, which its wake-ups carry
};

// A value; versions share the parts that did not change.
struct ForwardingConfig {
    SharedArray<LinkState> links{1};
    SharedArray<BridgeState> bridges{1};
    SharedArray<EncapTemplate> vteps{1};
    std::shared_ptr<const std::deque<Path>> paths; // that they name
    SharedArray<SharedList<VtepId>> replication{1};
    std::vector<VxlanListener> listeners;
    std::vector<std::uint32_t> local_v4; // own underlay addresses, as they lie on the wire
    std::vector<std::array<std::uint8_t, 16>> local_v6;
    std::vector<std::uint32_t> broadcasts_v4; // of their subnets
    RouteTable routes;                        // IPv4 address -> number of an adjacency
    SharedArray<Adjacency> adjacencies{1};
    const BucketTable* fdb = nullptr;           // FdbKey -> Dest
    const BucketTable* neighbors = nullptr;     // LinkId and IPv4 address -> MAC
    std::vector<std::vector<PollEntry>> polls;  // by worker
    std::shared_ptr<const CaptureSet> captures; // null: there are none

    const LinkState& link(LinkId id) const { return links[id.value]; }
    const BridgeState& bridge(BridgeId id) const { return bridges[id.value]; }
    const EncapTemplate& vtep(VtepId id) const { return vteps[id.value]; }
};

} // namespace vx
