// SPDX-License-Identifier: BSD-3-Clause
// A packet on its way through the pipeline: one cache line on the worker's stack. And the context of a burst.
#pragma once

#include "dataplane/dpdk/mbuf.h"
#include "dataplane/state/counters.h"
#include "dataplane/state/dest.h"
#include "dataplane/state/fdb_key.h"
#include "dataplane/state/forwarding_config.h"
#include "dataplane/state/learn_event.h"
#include "dataplane/state/punt.h"

#include <array>
#include <cstdint>
#include <span>

namespace vx
{

class Transmitter;

inline constexpr std::size_t kBurst = 32;

struct Packet {
    rte_mbuf* mbuf = nullptr;
    FdbKey destination;
    FdbKey source;
    Dest dest;         // kNone until somebody knows
    Dest known_source; // what the FDB says of the source
    std::uint32_t source_slot = 0;
    std::uint32_t flow_hash = 0;
    LinkId in; // the port or VXLAN device it came from; its own interface once routed or injected
    BridgeId bridge;
    std::uint16_t ether_type = 0;
    std::uint8_t ecn = 0;
    std::uint8_t outer_size = 0; // of the outer headers that were stripped; 0 if it came from a local port
    std::uint8_t tag_size = 0;   // of a VLAN tag, 4 or 0
    bool is_ip = false;          // the inner frame has a sound IPv4 or IPv6 header

    // A row for a frame that came in; whatever was in the row before is gone.
    void begin(rte_mbuf* frame, LinkId link) noexcept
    {
        *this = Packet{};
        mbuf = frame;
        in = link;
    }
};
static_assert(sizeof(Packet) <= 64);

// What one worker's stages share during a burst.
struct Context {
    Context(const ForwardingConfig& config_, LinkCounters* link_counters_, WorkerCounters& worker_,
            LearnFilter& learn_filter, Transmitter& transmitter_, std::uint32_t now_)
        : config(config_), links(config_.links), vteps(config_.vteps), fdb(*config_.fdb), link_counters(link_counters_),
          worker(worker_), learn(learn_filter), transmitter(transmitter_), now(now_)
    {
    }

    const ForwardingConfig& config;
    const SharedArray<LinkState>::Rows links;
    const SharedArray<EncapTemplate>::Rows vteps;
    const BucketTable::Reader fdb;
    LinkCounters* link_counters; // by LinkId; this worker's own
    WorkerCounters& worker;
    LearnFilter& learn;
    Transmitter& transmitter;
    std::uint32_t now; // seconds, monotonic

    const LinkState& link(LinkId id) const noexcept { return links[id.value]; }
    const EncapTemplate& vtep(VtepId id) const noexcept { return vteps[id.value]; }

    void count_drop(LinkId link, DropReason reason) noexcept
    {
        link_counters[link.value].drops[static_cast<std::size_t>(reason)].add(1);
    }
};

inline void drop(Packet& packet, DropReason reason) noexcept
{
    packet.dest = Dest::drop(reason);
}
inline void punt(Packet& packet, PuntReason reason) noexcept
{
    packet.dest = Dest::punt(static_cast<std::uint32_t>(reason));
}

// Runs several stages over a burst in one loop, at the cost of a hand-fused one.
template <auto... Stages>
inline void sweep(std::span<Packet> packets, Context& context) noexcept
{
    for (Packet& packet : packets)
        (Stages(packet, context), ...);
}

} // namespace vx
