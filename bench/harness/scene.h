// SPDX-License-Identifier: BSD-3-Clause
// A data plane without ports: the real stages, tables and Transmitter between frames made here and a device that takes
// whatever it is given. Each packet of a burst names other MACs, drawn at random, so that table misses are real.
#pragma once

#include "dataplane/capture/probe.h"
#include "dataplane/dpdk/mbuf_pool.h"
#include "dataplane/port/port.h"
#include "dataplane/stage/packet.h"
#include "dataplane/state/fdb.h"
#include "dataplane/state/neighbor_table.h"
#include "dataplane/transmitter.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace vx::bench
{

enum class Way {
    kEncap, // from a container's port to a far VTEP, bridged
    kDecap, // from the fabric to a container's port, both MACs looked up, learning on
    kRoute, // from a container's port by the gateway: route, neighbour, TTL, then as kEncap
};

struct SceneOptions {
    Way way = Way::kEncap;
    Family underlay = Family::kIpv4;
    bool udp_checksum = false; // IPv4 underlay; with IPv6 there always is one
    std::size_t fdb_entries = 1;
    std::size_t vnis = 1;
    std::size_t vteps = 1; // far hosts; each VNI knows all of them
    std::size_t burst = kBurst;
    std::size_t frame_size = 64; // of the inner frame, bytes
    bool cold_mbufs = false;     // each burst's frames and mbufs lie in memory, in no cache
    bool unknown_macs = false;   // of the frames, in no table
    // A capture at every point whose filter lets nothing through, or one that counts packets by VTEP.
    enum class Watch : std::uint8_t { kNobody, kNoMatch, kTally } watch = Watch::kNobody;
};

std::string name_of(const SceneOptions& options);

// A DPDK device whose transmit function keeps every frame where it is. One a process.
class Sink
{
public:
    static Result<Sink> open(MbufPool& pool);
    Port& port() { return *port_; }

private:
    explicit Sink(std::unique_ptr<Port> port) : port_(std::move(port)) {}
    std::unique_ptr<Port> port_;
};

class Scene
{
public:
    static constexpr std::uint32_t kMaxMbufs = 16384;

    // The pool has to have kMaxMbufs buffers, for two scenes that live at the same time and what they flood.
    Scene(const SceneOptions& options, MbufPool& pool, Sink& sink);
    ~Scene();
    Scene(const Scene&) = delete;
    Scene& operator=(const Scene&) = delete;

    // One burst: makes the frames, and if `run` says so sends them through. Returns how many there were.
    enum class Run { kFramesOnly, kPipeline };
    std::size_t turn(Run run) noexcept;
    // At least `packets` of them; the ticks that it took.
    std::uint64_t run(Run run, std::size_t packets) noexcept;

    // A part of the pipeline over the rows of a burst, and the lines of its frames just before it.
    using Step = void (*)(std::span<Packet>, Context&) noexcept;
    enum class Lines { kHot, kFlushed };
    // One burst through `before`, then through `step` unless that is nullptr. Its frames are given up wherever they
    // are.
    std::size_t turn(std::span<const Step> before, Step step, Lines lines) noexcept;
    std::uint64_t run(std::span<const Step> before, Step step, Lines lines, std::size_t packets) noexcept;
    std::span<const Packet> rows() const { return {rows_.data(), options_.burst}; } // as the last turn left them

    std::uint64_t sent() const;    // frames that left by the port they should leave by
    std::uint64_t dropped() const; // for whatever reason

private:
    // What differs between the packets of a scene.
    struct Draw {
        std::uint8_t destination[6];
        std::uint8_t source[6];
        std::uint32_t ports;
        std::uint32_t inner_destination;
        std::uint32_t vni_word;
        std::uint32_t outer_source; // the last four bytes of it
        std::uint16_t outer_checksum;
        std::uint16_t udp_checksum;
    };

    // The parts of a turn: the frames of one burst, received as by a worker.
    void make_frames() noexcept;
    void flush_frames() noexcept;
    template <typename Look>
    void run_pipeline(std::span<Packet> packets, Context& context) noexcept;

    void add_links();
    void add_tunnels();
    void add_entries();
    void add_routes();
    void add_watch();
    void draw_packets();
    void fill_mbufs();
    void write(std::byte* frame, const Draw& draw) const noexcept;

    // Of the burst in which a draw is, where it comes from a container. Bursts divide the draws.
    std::size_t vni_of_burst(std::size_t draw) const { return draw / options_.burst % options_.vnis; }
    std::size_t far_count() const;                   // FDB entries that name a VTEP
    std::size_t count_of_vni(std::size_t vni) const; // of these
    LinkId container(std::size_t vni) const { return LinkId{static_cast<std::uint16_t>(2 + vni)}; }
    LinkId vxlan(std::size_t vni) const { return LinkId{static_cast<std::uint16_t>(2 + options_.vnis + vni)}; }
    BridgeId domain(std::size_t vni) const { return BridgeId{static_cast<std::uint16_t>(1 + vni)}; }
    VtepId vtep(std::size_t vni, std::size_t host) const
    {
        return VtepId{static_cast<std::uint32_t>(1 + vni * options_.vteps + host)};
    }

    SceneOptions options_;
    MbufPool& pool_;
    Port* port_;
    Fdb fdb_;
    NeighborTable neighbors_;
    ForwardingConfig config_;
    std::vector<LinkCounters> counters_;
    WorkerCounters worker_;
    LearnFilter learn_filter_;
    Transmitter transmitter_;
    Probe probe_{0};
    std::shared_ptr<const CaptureSet> captures_; // null: nobody watches
    std::vector<Draw> draws_;
    std::vector<rte_mbuf*> mbufs_;
    std::array<rte_mbuf*, kBurst> frames_;
    std::array<Packet, kBurst> rows_;
    LinkId in_; // where the burst comes in
    std::size_t next_draw_ = 0;
    std::size_t next_mbuf_ = 0;
    std::size_t head_size_ = 0; // of the outer headers that a frame of this scene begins with
};

} // namespace vx::bench
