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
#include <cstddef>
#include <cstdint>
#include <span>

namespace vx
{

class Transmitter;
class Probe;

inline constexpr std::size_t kBurst = 32;

struct alignas(64) Packet {
    rte_mbuf* mbuf = nullptr;
    Dest dest;                   // kNone until somebody knows
    LinkId in;                   // the port or VXLAN device it came from; its own interface once routed or injected
    std::uint8_t outer_size = 0; // of the outer headers that were stripped; 0 if it came from a local port

    // From here on: what parse() and lookup() have seen. A frame whose dest was known before has what another left.
    std::uint8_t tag_size = 0; // of a VLAN tag, 4 or 0
    std::uint32_t flow_hash = 0;
    FdbKey destination;
    FdbKey source;
    BucketTable::Home destination_home = 0;
    BucketTable::Home source_home = 0;
    Dest known_source; // what the FDB says of the source
    std::uint32_t source_slot = 0;
    std::uint8_t ecn = 0;

    BridgeId bridge() const { return destination.bridge(); }
    // Whether a VTEP may get it: it came from a local port, and has no tag. One comparison for both.
    bool is_for_tunnels() const noexcept
    {
        static_assert(offsetof(Packet, tag_size) == offsetof(Packet, outer_size) + 1);
        return load<std::uint16_t>(reinterpret_cast<const std::byte*>(this) + offsetof(Packet, outer_size)) == 0;
    }

    // A row for a frame that came in.
    void begin(rte_mbuf* frame, LinkId link) noexcept
    {
        frame->port = link.value; // copies and segments have it too: whose they are where a port is full
        mbuf = frame;
        dest = Dest{};
        in = link;
        outer_size = 0;
    }
};
static_assert(sizeof(Packet) == 64);

// What the frames of a burst have in common: the link that they came in by.
struct Ingress {
    FdbKey domain;            // kNone: in no bridge
    Dest place;               // where their sources are at home, if it is a port
    std::uint64_t stamps = 0; // flags, as they lie in a Dest, of FDB entries whose use is noted
    std::uint64_t bytes = 0;  // of all of them
    // A container mostly has one MAC: what follows is about the source of the frame before.
    FdbKey source;                     // that parse() saw
    BucketTable::Home source_home = 0; // its
    FdbKey settled;                    // that learn_source() had nothing to say about
    // Of an underlay port, what most of its frames have in their outer headers; see decap(). As it lies there.
    std::uint64_t mac = 0;        // destination, below it two bytes of zero
    std::uint16_t udp_port = 0;   // destination
    std::uint32_t address_v4 = 0; // destination, by IPv4
    const std::uint8_t* address_v6 = nullptr;
    const VniMap* vnis_v4 = nullptr; // of that port; null: no frame is plain
    const VniMap* vnis_v6 = nullptr; // likewise
};

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
    BucketTable::Reader fdb;
    LinkCounters* link_counters; // by LinkId; this worker's own
    WorkerCounters& worker;
    LearnFilter& learn;
    Transmitter& transmitter;
    std::uint32_t now;      // seconds, monotonic
    Probe* probe = nullptr; // what captures look through; null: there is none
    Ingress ingress;
    // Of the burst, those for a gateway: enter_router() collects them, route() takes them.
    struct Routed {
        Packet* packet;
        const std::uint64_t* route; // where its number stands
    };
    std::array<Routed, kBurst> routed;
    std::size_t routed_count = 0;

    // Before every burst.
    void enter(LinkId in) noexcept
    {
        ingress.domain = FdbKey::domain(link(in).bridge);
        ingress.place = Dest::port(in);
        ingress.stamps = link(in).learns ? Dest{}.with(Dest::kLearned).word() : 0;
        ingress.source = ingress.settled = FdbKey{};
        ingress.vnis_v4 = ingress.vnis_v6 = nullptr;
        if (link(in).role == LinkState::Role::kUnderlay && !config.listeners.empty())
            expect(link(in).mac, config.listeners.front());
    }
    void expect(const Mac& mac, const VxlanListener& listener) noexcept
    {
        ingress.mac = __builtin_bswap64(mac.to_u64());
        ingress.udp_port = __builtin_bswap16(listener.udp_port);
        if (!config.local_v4.empty()) {
            ingress.address_v4 = config.local_v4.front();
            ingress.vnis_v4 = &listener.vnis;
        }
        if (!config.local_v6.empty()) {
            ingress.address_v6 = config.local_v6.front().data();
            ingress.vnis_v6 = &listener.vnis;
        }
    }

    const LinkState& link(LinkId id) const noexcept { return links[id.value]; }
    const EncapTemplate& vtep(VtepId id) const noexcept { return vteps[id.value]; }

    // A frame that a VXLAN device has encapsulated, or decapsulated.
    void count_tx(LinkId vxlan, std::uint64_t bytes) noexcept
    {
        LinkCounters& counters = link_counters[vxlan.value];
        counters.tx_packets.add(1);
        counters.tx_bytes.add(bytes);
    }
    void count_rx(LinkId vxlan, std::uint64_t bytes) noexcept
    {
        LinkCounters& counters = link_counters[vxlan.value];
        counters.rx_packets.add(1);
        counters.rx_bytes.add(bytes);
    }
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

// The rows of frames that a port received. Whatever was in them before is gone.
inline std::span<Packet> receive(std::span<rte_mbuf* const> frames, LinkId port, std::span<Packet, kBurst> rows,
                                 Context& context) noexcept
{
    context.enter(port);
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < frames.size(); ++i) {
        rte_prefetch0(rte_pktmbuf_mtod(frames[i], const void*)); // a device may have written it past this core's cache
        rows[i].begin(frames[i], port);
        bytes += rte_pktmbuf_pkt_len(frames[i]);
    }
    context.ingress.bytes = bytes;
    LinkCounters& counters = context.link_counters[port.value];
    counters.rx_packets.add(frames.size());
    counters.rx_bytes.add(bytes);
    return rows.first(frames.size());
}

// Runs several stages over a burst in one loop, at the cost of a hand-fused one: all that they call is inlined, but for
// what says that it is not to be, however many other callers it has.
template <auto... Stages>
[[gnu::flatten]] inline void sweep(std::span<Packet> packets, Context& context) noexcept
{
    for (Packet& packet : packets)
        (Stages(packet, context), ...);
}
// The same over those of which nobody knows yet where they go.
template <auto... Stages>
[[gnu::flatten]] inline void sweep_undecided(std::span<Packet> packets, Context& context) noexcept
{
    for (Packet& packet : packets)
        if (packet.dest.kind() == Dest::Kind::kNone) [[likely]]
            (Stages(packet, context), ...);
}

} // namespace vx
