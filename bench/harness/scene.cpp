// SPDX-License-Identifier: BSD-3-Clause
#include "bench/harness/scene.h"

#include "bench/harness/clock.h"
#include "bench/harness/scene_addresses.h"
#include "dataplane/pipeline.h"
#include "dataplane/port/port_kind.h"

#include <fmt/format.h>
#include <immintrin.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <cassert>

namespace vx::bench
{

namespace
{

constexpr std::uint64_t kSeed = 0x5eed5eed5eed5eedULL; // fixed, so that instruction counts repeat

std::uint64_t fixed_seed()
{
    return kSeed;
}

std::uint16_t keep_everything(void*, rte_mbuf**, std::uint16_t count)
{
    return count;
}

const char* name_of(Way way)
{
    switch (way) {
    case Way::kEncap:
        return "encap";
    case Way::kDecap:
        return "decap";
    case Way::kRoute:
        return "route";
    }
    return "?";
}

const char* name_of(SceneOptions::Watch watch)
{
    using Watch = SceneOptions::Watch;
    return watch == Watch::kNoMatch ? ", a capture that takes nothing"
           : watch == Watch::kTally ? ", counted by VTEP"
                                    : "";
}

// tcpdump -ddd "udp port 9": no frame of a scene has it.
constexpr std::string_view kNoMatch =
    "20,40 0 0 12,21 0 6 34525,48 0 0 20,21 0 15 17,40 0 0 54,21 12 0 9,40 0 0 56,21 10 11 9,"
    "21 0 10 2048,48 0 0 23,21 0 8 17,40 0 0 20,69 6 0 8191,177 0 0 14,72 0 0 14,21 2 0 9,"
    "72 0 0 16,21 0 1 9,6 0 0 262144,6 0 0 0";

} // namespace

std::string name_of(const SceneOptions& options)
{
    return fmt::format("{} v{}{} fdb={} vnis={} vteps={} burst={} size={}{}{}", name_of(options.way),
                       static_cast<int>(options.underlay), options.udp_checksum ? "+udpcsum" : "", options.fdb_entries,
                       options.vnis, options.vteps, options.burst, options.frame_size,
                       options.cold_mbufs ? " cold" : "", options.unknown_macs ? " unknown" : "")
        .append(name_of(options.watch));
}

Result<Sink> Sink::open(MbufPool& pool)
{
    PortSpec spec;
    spec.name = "sink";
    spec.kind = "null";
    spec.mtu = std::uint16_t{9000};
    auto opened = find_port_kind("null")->open(spec, {pool, 1});
    if (!opened)
        return std::move(opened).error();
    const auto id = static_cast<std::uint16_t>(rte_eth_find_next(0)); // there is no other
    rte_eth_fp_ops[id].tx_pkt_burst = keep_everything;                // what rte_eth_tx_burst() calls
    return Sink{std::move(opened->port)};
}

// ---- set-up ----------------------------------------------------------------------------------------------------

Scene::Scene(const SceneOptions& options, MbufPool& pool, Sink& sink)
    : options_(options), pool_(pool), port_(&sink.port()), fdb_(Fdb::kDefaultMax + 65536, fixed_seed),
      neighbors_(NeighborTable::kDefaultMax + 1, fixed_seed), counters_(2 + 2 * options.vnis),
      transmitter_(0, pool.raw())
{
    assert(options_.vnis == 1 || options_.way != Way::kRoute);
    add_links();
    add_tunnels();
    add_entries();
    add_routes();
    add_watch();
    config_.fdb = &fdb_.table();
    config_.neighbors = &neighbors_.table();
    draw_packets();
    fill_mbufs();
}

Scene::~Scene()
{
    rte_pktmbuf_free_bulk(mbufs_.data(), static_cast<unsigned>(mbufs_.size()));
}

void Scene::add_links()
{
    config_.links.resize(2 + 2 * options_.vnis);
    config_.bridges.resize(1 + options_.vnis);
    LinkState& uplink = config_.links.edit(1);
    uplink.role = LinkState::Role::kUnderlay;
    uplink.mtu = 9000;
    uplink.mac = kUplinkMac;
    uplink.port = port_;
    std::vector<VniMap::Entry> vnis;
    for (std::size_t vni = 0; vni < options_.vnis; ++vni) {
        LinkState& port = config_.links.edit(container(vni).value);
        port.role = LinkState::Role::kOverlay;
        port.learns = true;
        port.bridge = domain(vni);
        port.slot = static_cast<std::uint16_t>((1 + vni) % kMaxPorts);
        port.mtu = 9000;
        port.port = port_;
        LinkState& tunnel = config_.links.edit(vxlan(vni).value);
        tunnel.role = LinkState::Role::kVxlan;
        tunnel.learns = true;
        tunnel.bridge = domain(vni);
        tunnel.mtu = 8950;
        tunnel.mac = kGatewayMac;
        BridgeState& bridge = config_.bridges.edit(domain(vni).value);
        bridge.interface = vxlan(vni);
        bridge.answers = bridge.routes = options_.way == Way::kRoute;
        bridge.ports = SharedList<LinkId>{{container(vni)}};
        vnis.push_back({*Vni::from(static_cast<std::uint32_t>(vni + 1)), vxlan(vni)});
    }
    config_.listeners.push_back({kVxlanPort, VniMap{vnis}});
    const IpAddress local = host_address(options_.underlay, 0);
    if (local.is_v4())
        config_.local_v4.push_back(load<std::uint32_t>(local.bytes().data()));
    else
        config_.local_v6.push_back(local.bytes());
}

void Scene::add_tunnels()
{
    const auto paths = std::make_shared<std::deque<Path>>(options_.vteps);
    for (std::size_t host = 0; host < options_.vteps; ++host)
        (*paths)[host].lead_to(far_mac(host), kUplinkMac, LinkId{1});
    config_.paths = paths;
    for (std::size_t vni = 0; vni < options_.vnis; ++vni) {
        for (std::size_t host = 0; host < options_.vteps; ++host) {
            Tunnel tunnel;
            tunnel.local = host_address(options_.underlay, 0);
            tunnel.remote = host_address(options_.underlay, 1 + host);
            tunnel.mtu = config_.links[vxlan(vni).value].mtu;
            tunnel.vni = *Vni::from(static_cast<std::uint32_t>(vni + 1));
            if (options_.udp_checksum)
                tunnel.udp_checksum = Tunnel::UdpChecksum::kComputed;
            config_.vteps.edit(config_.vteps.size()) = EncapTemplate::build(vxlan(vni), (*paths)[host], tunnel);
        }
    }
}

// Entry k lies in VNI k % vnis and is behind host (k / vnis) % vteps. From the fabric both MACs are drawn at random, so
// half of the entries are a container's then.
void Scene::add_entries()
{
    for (std::size_t k = 0; k < far_count(); ++k) {
        const std::size_t vni = k % options_.vnis;
        const Dest far = Dest::vtep(vxlan(vni), vtep(vni, (k / options_.vnis) % options_.vteps)).with(Dest::kLearned);
        fdb_.set(FdbKey{domain(vni), far_mac(k)}, far, 1);
    }
    for (std::size_t vni = 0; vni < options_.vnis; ++vni) {
        const std::size_t locals = options_.way == Way::kDecap ? count_of_vni(vni) : 1;
        for (std::size_t k = 0; k < locals; ++k)
            fdb_.set(FdbKey{domain(vni), Mac::from_u64(0x0600'0000'0000ULL | k)},
                     Dest::port(container(vni)).with(Dest::kLearned), 1);
        fdb_.set(FdbKey{domain(vni), kGatewayMac}, Dest::local(vxlan(vni)).with(Dest::kStatic | Dest::kPermanent), 1);
    }
}

std::size_t Scene::far_count() const
{
    const std::size_t entries = options_.way == Way::kDecap ? options_.fdb_entries / 2 : options_.fdb_entries;
    return std::max(entries, options_.vnis);
}

std::size_t Scene::count_of_vni(std::size_t vni) const
{
    return (far_count() + options_.vnis - 1 - vni) / options_.vnis;
}

void Scene::add_routes()
{
    if (options_.way != Way::kRoute)
        return;
    std::vector<RouteTable::Route> routes;
    for (std::size_t k = 0; k < options_.fdb_entries; ++k) {
        routes.push_back({routed_address(k), 32, static_cast<std::uint32_t>(config_.adjacencies.size())});
        Adjacency& adjacency = config_.adjacencies.edit(config_.adjacencies.size());
        adjacency.kind = Adjacency::Kind::kVia;
        adjacency.interface = vxlan(0);
        adjacency.via = routed_address(k);
        adjacency.next_hop.store({far_mac(k).to_u64(), fdb_.find({domain(0), far_mac(k)}).without_flags()});
        neighbors_.set(vxlan(0), routed_address(k), far_mac(k), 1);
    }
    config_.routes = RouteTable{routes};
}

void Scene::add_watch()
{
    if (options_.watch == SceneOptions::Watch::kNobody)
        return;
    CaptureSpec spec;
    if (options_.watch == SceneOptions::Watch::kTally) {
        spec.point = CapturePoint::kVxlan;
        spec.tally = Tally::By::kVtep;
    } else {
        spec.filter = PacketFilter::parse(kNoMatch).value();
    }
    captures_ = CaptureSet{}.with(Capture::create(std::move(spec), 1).value());
}

// ---- running ---------------------------------------------------------------------------------------------------

template <typename Look>
void Scene::run_pipeline(std::span<Packet> packets, Context& context) noexcept
{
    if (options_.way == Way::kDecap)
        underlay_rx<Look>(packets, context);
    else
        overlay_rx<Look>(packets, context);
}

std::size_t Scene::turn(Run run) noexcept
{
    make_frames();
    if (options_.cold_mbufs)
        flush_frames();
    if (run == Run::kFramesOnly)
        return options_.burst;
    Context context{config_, counters_.data(), worker_, learn_filter_, transmitter_, 1};
    const std::span<Packet> packets = receive({frames_.data(), options_.burst}, in_, rows_, context);
    if (captures_ == nullptr) {
        run_pipeline<WithoutProbe>(packets, context);
    } else {
        context.probe = probe_.begin(*captures_);
        probe_.received({frames_.data(), options_.burst}, in_);
        run_pipeline<WithProbe>(packets, context);
    }
    transmitter_.flush(context);
    return options_.burst;
}

std::uint64_t Scene::run(Run run, std::size_t packets) noexcept
{
    const std::uint64_t begin = ticks();
    for (std::size_t done = 0; done < packets;)
        done += turn(run);
    return ticks() - begin;
}

std::size_t Scene::turn(std::span<const Step> before, Step step, Lines lines) noexcept
{
    make_frames();
    Context context{config_, counters_.data(), worker_, learn_filter_, transmitter_, 1};
    const std::span<Packet> rows = receive({frames_.data(), options_.burst}, in_, rows_, context);
    for (const Step earlier : before)
        earlier(rows, context);
    if (lines == Lines::kFlushed)
        flush_frames();
    if (step != nullptr)
        step(rows, context);
    learn_filter_.clear(); // a worker hands the events over
    return rows.size();
}

std::uint64_t Scene::run(std::span<const Step> before, Step step, Lines lines, std::size_t packets) noexcept
{
    const std::uint64_t begin = ticks();
    for (std::size_t done = 0; done < packets;)
        done += turn(before, step, lines);
    return ticks() - begin;
}

// The lines of a frame that stages touch: the mbuf and its note, the room for outer headers, and the headers.
void Scene::flush_frames() noexcept
{
    constexpr std::ptrdiff_t kLine = 64;
    for (std::size_t i = 0; i < options_.burst; ++i) {
        rte_mbuf* const mbuf = frames_[i];
        const std::byte* const data = data_of(mbuf);
        const auto flush = [](const void* first, const void* last) {
            for (auto* at = static_cast<const std::byte*>(first); at < last; at += kLine)
                _mm_clflush(const_cast<std::byte*>(at));
        };
        flush(mbuf, reinterpret_cast<const std::byte*>(mbuf) + sizeof(rte_mbuf));
        flush(static_cast<const std::byte*>(mbuf->buf_addr) + RTE_PKTMBUF_HEADROOM - 2 * kLine,
              data + rte_pktmbuf_data_len(mbuf));
    }
    _mm_mfence();
}

std::uint64_t Scene::sent() const
{
    std::uint64_t count = 0;
    if (options_.way != Way::kDecap)
        return counters_[1].tx_packets.read();
    for (std::size_t vni = 0; vni < options_.vnis; ++vni)
        count += counters_[container(vni).value].tx_packets.read();
    return count;
}

std::uint64_t Scene::dropped() const
{
    std::uint64_t count = 0;
    for (const LinkCounters& link : counters_)
        for (const Counter& drops : link.drops)
            count += drops.read();
    return count;
}

} // namespace vx::bench
