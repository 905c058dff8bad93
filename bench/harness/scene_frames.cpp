// SPDX-License-Identifier: BSD-3-Clause
// The frames of a scene: what differs between them is drawn once, and written into a burst's buffers in every turn.
#include "bench/harness/scene.h"
#include "bench/harness/scene_addresses.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <random>

namespace vx::bench
{

namespace
{

constexpr std::size_t kUnknown = std::size_t{1} << 30; // numbers of MACs that no table has

} // namespace

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
    for (std::size_t i = 0; i < count; ++i) {
        // What comes from a container is of its VNI, a burst long; the fabric mixes them.
        const std::size_t vni = options_.way == Way::kDecap ? i % options_.vnis : vni_of_burst(i);
        const std::size_t far = count_of_vni(vni);
        const std::size_t k = vni + options_.vnis * (random() % far);
        const Mac far_end = far_mac(options_.unknown_macs ? kUnknown + k : k);
        const std::size_t host = (k / options_.vnis) % options_.vteps;
        Draw& draw = draws_[i];
        const std::size_t local = options_.way == Way::kDecap ? random() % far : 0;
        const Mac near_end = Mac::from_u64(0x0600'0000'0000ULL | (options_.unknown_macs ? kUnknown + local : local));
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
    mbufs_.resize(256);
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
        tunnel.local = host_address(options_.underlay, 1);
        tunnel.remote = host_address(options_.underlay, 0);
        tunnel.vni = *Vni::from(1);
        Path path;
        path.lead_to(kUplinkMac, far_mac(0), LinkId{1});
        EncapTemplate::build(LinkId{1}, path, tunnel).write(frame.data(), options_.frame_size, 1, 0, 0);
    }
    for (Draw& draw : draws_) {
        write(frame.data(), draw);
        std::byte* const l3 = frame.data() + kL3;
        if (has_outer ? options_.underlay == Family::kIpv4 : options_.way == Way::kRoute) {
            store(l3 + 10, std::uint16_t{0});
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

void Scene::make_frames() noexcept
{
    in_ = options_.way == Way::kDecap ? LinkId{1} : container(vni_of_burst(next_draw_));
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

} // namespace vx::bench
