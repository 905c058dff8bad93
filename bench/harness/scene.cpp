// SPDX-License-Identifier: BSD-3-Clause
#include "bench/harness/scene.h"

#include "bench/harness/clock.h"
#include "dataplane/pipeline.h"
#include "dataplane/port/port_kind.h"

#include <fmt/format.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <numeric>
#include <random>

namespace vx::bench
{

namespace
{

constexpr std::uint64_t kSeed = 0x5eed5eed5eed5eedULL; // fixed, so that instruction counts repeat
constexpr std::size_t kL3 = sizeof(EthernetHeader);
const Mac kUplinkMac{{0x02, 0, 0, 0, 0, 0x01}};
const Mac kGatewayMac{{0x02, 0, 0, 0, 0, 0x02}};

std::uint64_t fixed_seed()
{
    return kSeed;
}

Mac far_mac(std::size_t number)
{
    return Mac::from_u64(0x0200'0000'0000ULL | (number + 0x10000));
}

IpAddress host_address(Family family, std::size_t number)
{
    const IpAddress v4 = IpAddress::v4(0xc6120000U + static_cast<std::uint32_t>(number)); // 198.18.0.0/15, RFC 2544
    if (family == Family::kIpv4)
        return v4;
    std::array<std::uint8_t, 16> bytes{0x20, 0x01, 0x0d, 0xb8};
    std::memcpy(bytes.data() + 12, v4.bytes().data(), 4);
    return IpAddress::v6_from_wire(bytes.data());
}

// Where routed packets go: 10.0.0.0/8, one address an FDB entry.
std::uint32_t routed_address(std::size_t number)
{
    return 0x0a000000U + static_cast<std::uint32_t>(number);
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

} // namespace

std::string name_of(const SceneOptions& options)
{
    return fmt::format("{} v{}{} fdb={} vnis={} vteps={} burst={} size={}{}", name_of(options.way),
                       static_cast<int>(options.underlay), options.udp_checksum ? "+udpcsum" : "", options.fdb_entries,
                       options.vnis, options.vteps, options.burst, options.frame_size,
                       options.cold_mbufs ? " cold" : "");
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
    LinkState& uplink = config_.links[1];
    uplink.role = LinkState::Role::kUnderlay;
    uplink.mtu = 9000;
    uplink.mac = kUplinkMac;
    uplink.port = port_;
    std::vector<VniMap::Entry> vnis;
    for (std::size_t vni = 0; vni < options_.vnis; ++vni) {
        LinkState& port = config_.links[container(vni).value];
        port.role = LinkState::Role::kOverlay;
        port.learns = true;
        port.bridge = domain(vni);
        port.slot = 1;
        port.mtu = 9000;
        port.port = port_;
        LinkState& tunnel = config_.links[vxlan(vni).value];
        tunnel.role = LinkState::Role::kVxlan;
        tunnel.learns = true;
        tunnel.bridge = domain(vni);
        tunnel.mtu = 8950;
        tunnel.mac = kGatewayMac;
        BridgeState& bridge = config_.bridges[domain(vni).value];
        bridge.interface = vxlan(vni);
        bridge.answers = options_.way == Way::kRoute;
        bridge.ports = {container(vni)};
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
    for (std::size_t vni = 0; vni < options_.vnis; ++vni) {
        for (std::size_t host = 0; host < options_.vteps; ++host) {
            Tunnel tunnel;
            tunnel.source_mac = kUplinkMac;
            tunnel.next_hop_mac = far_mac(host);
            tunnel.local = host_address(options_.underlay, 0);
            tunnel.remote = host_address(options_.underlay, 1 + host);
            tunnel.mtu = config_.links[vxlan(vni).value].mtu;
            tunnel.vni = *Vni::from(static_cast<std::uint32_t>(vni + 1));
            if (options_.udp_checksum)
                tunnel.udp_checksum = Tunnel::UdpChecksum::kComputed;
            config_.vteps.push_back(EncapTemplate::build(vxlan(vni), LinkId{1}, tunnel));
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
        config_.adjacencies.push_back({Adjacency::Kind::kVia, vxlan(0), routed_address(k)});
        neighbors_.set(vxlan(0), routed_address(k), far_mac(k), 1);
    }
    config_.routes = RouteTable::build(routes);
}

// ---- frames ----------------------------------------------------------------------------------------------------

void Scene::write(std::byte* frame, const Draw& draw) const noexcept
{
    if (options_.way == Way::kDecap) {
        const bool is_v4 = options_.underlay == Family::kIpv4;
        store(frame + kL3 + (is_v4 ? 12 : 20), draw.outer_source); // v4: the source; v6: its last four bytes
        if (is_v4)
            store(frame + kL3 + 10, draw.outer_checksum);
        std::byte* const udp = frame + head_size_ - sizeof(VxlanHeader) - sizeof(UdpHeader);
        store(udp + 6, draw.udp_checksum);
        store(udp + sizeof(UdpHeader) + 4, draw.vni_word);
        frame += head_size_;
    }
    std::memcpy(frame, draw.destination, 12); // and the source
    if (options_.way == Way::kRoute) {        // what routing changed
        store(frame + kL3 + 8, std::uint16_t{64 | (ip_protocol::kUdp << 8)});
        store(frame + kL3 + 10, draw.outer_checksum);
    }
    store(frame + kL3 + 16, draw.inner_destination);
    store(frame + kL3 + sizeof(Ipv4Header), draw.ports);
}

void Scene::draw_packets()
{
    std::mt19937 random{7};
    const std::size_t count =
        std::clamp<std::size_t>(2 * options_.fdb_entries, 4096, std::size_t{1} << 18) / kBurst * kBurst;
    draws_.resize(count);
    std::size_t turn = 0;
    for (std::size_t i = 0; i < count; ++i) {
        // What comes from a container is of its VNI, a burst long; the fabric mixes them.
        if (i != 0 && i % options_.burst == 0)
            ++turn;
        const std::size_t vni = options_.way == Way::kDecap ? i % options_.vnis : turn % options_.vnis;
        const std::size_t far = count_of_vni(vni);
        const std::size_t k = vni + options_.vnis * (random() % far);
        const Mac far_end = far_mac(k);
        const std::size_t host = (k / options_.vnis) % options_.vteps;
        Draw& draw = draws_[i];
        const std::size_t local = options_.way == Way::kDecap ? random() % far : 0;
        const Mac near_end = Mac::from_u64(0x0600'0000'0000ULL | local);
        Mac destination = options_.way == Way::kDecap ? near_end : far_end;
        if (options_.way == Way::kRoute)
            destination = kGatewayMac;
        std::memcpy(draw.destination, &destination, 6);
        std::memcpy(draw.source, options_.way == Way::kDecap ? &far_end : &near_end, 6);
        draw.ports = static_cast<std::uint32_t>(random());
        draw.inner_destination = __builtin_bswap32(routed_address(k));
        draw.vni_word = __builtin_bswap32(static_cast<std::uint32_t>(vni + 1) << 8);
        const IpAddress from = host_address(options_.underlay, 1 + host);
        std::memcpy(&draw.outer_source, from.bytes().data() + (from.is_v4() ? 0 : 12), 4);
        draw.outer_checksum = draw.udp_checksum = 0;
    }
}

// A whole frame in every buffer, and the checksums of all draws.
void Scene::fill_mbufs()
{
    mbufs_.resize(options_.cold_mbufs ? kMaxMbufs - 512 : 256);
    if (rte_pktmbuf_alloc_bulk(pool_.raw(), mbufs_.data(), static_cast<unsigned>(mbufs_.size())) != 0)
        throw std::bad_alloc();
    const bool has_outer = options_.way == Way::kDecap;
    head_size_ = has_outer ? options_.underlay == Family::kIpv4 ? kOuterSizeV4 : kOuterSizeV6 : 0;

    std::vector<std::byte> frame(head_size_ + options_.frame_size);
    EthernetHeader ethernet{kGatewayMac, kUplinkMac, ether_type::kIpv4};
    std::memcpy(frame.data() + head_size_, &ethernet, kL3);
    Ipv4Header ip{};
    ip.version_ihl = 0x45;
    ip.total_length = static_cast<std::uint16_t>(options_.frame_size - kL3);
    ip.ttl = 64;
    ip.protocol = ip_protocol::kUdp;
    ip.source = 0x0a800001U;
    std::memcpy(frame.data() + head_size_ + kL3, &ip, sizeof(ip));
    if (has_outer) {
        Tunnel tunnel; // as the far host would send it
        tunnel.source_mac = far_mac(0);
        tunnel.next_hop_mac = kUplinkMac;
        tunnel.local = host_address(options_.underlay, 1);
        tunnel.remote = host_address(options_.underlay, 0);
        tunnel.vni = *Vni::from(1);
        EncapTemplate::build(LinkId{1}, LinkId{1}, tunnel).write(frame.data(), options_.frame_size, 1, 0, 0);
    }
    for (Draw& draw : draws_) {
        write(frame.data(), draw);
        std::byte* const l3 = frame.data() + kL3;
        if (has_outer || options_.way == Way::kRoute) {
            store(l3 + 10, std::uint16_t{0});
            if (!has_outer || options_.underlay == Family::kIpv4)
                draw.outer_checksum = checksum_finish(checksum_add(0, l3, sizeof(Ipv4Header)));
        }
        if (has_outer && (options_.udp_checksum || options_.underlay == Family::kIpv6)) {
            const std::size_t l4 = head_size_ - sizeof(VxlanHeader) - sizeof(UdpHeader);
            const auto size = static_cast<std::uint32_t>(frame.size() - l4);
            store(frame.data() + l4 + 6, std::uint16_t{0});
            const std::uint64_t pseudo =
                options_.underlay == Family::kIpv4
                    ? pseudo_sum_v4(*reinterpret_cast<const Ipv4Header*>(l3), ip_protocol::kUdp, size)
                    : pseudo_sum_v6(*reinterpret_cast<const Ipv6Header*>(l3), ip_protocol::kUdp, size);
            draw.udp_checksum = checksum_finish_udp(checksum_add(pseudo, frame.data() + l4, size));
        }
    }
    for (rte_mbuf* mbuf : mbufs_)
        std::memcpy(rte_pktmbuf_mtod(mbuf, std::byte*), frame.data(), frame.size());
}

// ---- running ---------------------------------------------------------------------------------------------------

void Scene::make_frames() noexcept
{
    const std::size_t vni = turns_++ % options_.vnis;
    in_ = options_.way == Way::kDecap ? LinkId{1} : container(vni);
    const auto size = static_cast<std::uint16_t>(head_size_ + options_.frame_size);
    for (std::size_t i = 0; i < options_.burst; ++i) {
        rte_mbuf* const mbuf = mbufs_[next_mbuf_];
        next_mbuf_ = next_mbuf_ + 1 == mbufs_.size() ? 0 : next_mbuf_ + 1;
        mbuf->data_off = RTE_PKTMBUF_HEADROOM;
        mbuf->data_len = size;
        mbuf->pkt_len = size;
        mbuf->ol_flags = 0;
        write(rte_pktmbuf_mtod(mbuf, std::byte*), draws_[next_draw_]);
        next_draw_ = next_draw_ + 1 == draws_.size() ? 0 : next_draw_ + 1;
        frames_[i] = mbuf;
    }
}

std::size_t Scene::turn(Run run) noexcept
{
    make_frames();
    if (run == Run::kFramesOnly)
        return options_.burst;
    Context context{config_, counters_.data(), worker_, learn_filter_, transmitter_, 1};
    const std::span<Packet> packets = receive({frames_.data(), options_.burst}, in_, rows_, context);
    if (options_.way == Way::kDecap)
        underlay_rx(packets, context);
    else
        overlay_rx(packets, context);
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
