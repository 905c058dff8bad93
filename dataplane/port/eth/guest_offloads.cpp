// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/port/eth/guest_offloads.h"

#include <rte_eth_vhost.h>
#include <rte_ethdev.h>
#include <rte_net.h>
#include <rte_vhost.h>

#include <cstring>

namespace vx
{

namespace
{

// Feature bits, virtio 1.1 section 5.1.3; <linux/virtio_net.h> is not C++.
constexpr unsigned kGuestChecksum = 1;
constexpr unsigned kGuestTso4 = 7;
constexpr unsigned kGuestTso6 = 8;

bool has(std::uint64_t features, unsigned bit) noexcept
{
    return ((features >> bit) & 1) != 0;
}

Offloads offloads_of(std::uint64_t features) noexcept
{
    Offloads offloads;
    offloads.checksum = has(features, kGuestChecksum);
    offloads.tso4 = offloads.checksum && has(features, kGuestTso4);
    offloads.tso6 = offloads.checksum && has(features, kGuestTso6);
    return offloads;
}

int on_link_change(std::uint16_t, rte_eth_event_type, void* guest, void*)
{
    static_cast<GuestOffloads*>(guest)->look();
    return 0;
}

} // namespace

std::uint8_t GuestOffloads::pack(Offloads offloads) noexcept
{
    return static_cast<std::uint8_t>((offloads.checksum ? 1 : 0) | (offloads.tso4 ? 2 : 0) | (offloads.tso6 ? 4 : 0));
}

Offloads GuestOffloads::unpack(std::uint8_t bits) noexcept
{
    Offloads offloads;
    offloads.checksum = (bits & 1) != 0;
    offloads.tso4 = (bits & 2) != 0;
    offloads.tso6 = (bits & 4) != 0;
    return offloads;
}

std::unique_ptr<GuestOffloads> GuestOffloads::follow(std::uint16_t port_id)
{
    std::unique_ptr<GuestOffloads> made{new GuestOffloads(port_id)};
    if (rte_eth_dev_callback_register(port_id, RTE_ETH_EVENT_INTR_LSC, on_link_change, made.get()) != 0)
        return nullptr;
    made->look(); // a guest may have been quicker
    return made;
}

GuestOffloads::~GuestOffloads()
{
    while (rte_eth_dev_callback_unregister(port_id_, RTE_ETH_EVENT_INTR_LSC, on_link_change, this) == -EAGAIN) {
    } // it is running at this moment
}

void GuestOffloads::look() noexcept
{
    rte_eth_link link{};
    const bool is_up = rte_eth_link_get_nowait(port_id_, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
    const int guest = is_up ? rte_eth_vhost_get_vid_from_port_id(port_id_) : -1;
    std::uint64_t features = 0;
    if (guest < 0 || rte_vhost_get_negotiated_features(guest, &features) != 0)
        features = 0;
    taken_.store(pack(offloads_of(features)), std::memory_order_relaxed);
}

namespace
{

// The driver has found the headers in the frame by itself, and is asked again where they are.
void note_one(rte_mbuf* frame) noexcept
{
    rte_net_hdr_lens sizes{};
    const std::uint32_t type =
        rte_net_get_ptype(frame, &sizes, RTE_PTYPE_L2_MASK | RTE_PTYPE_L3_MASK | RTE_PTYPE_L4_MASK);
    const bool is_large = (frame->ol_flags & RTE_MBUF_F_RX_LRO) != 0;
    const bool is_tcp = (type & RTE_PTYPE_L4_MASK) == RTE_PTYPE_L4_TCP;
    const bool is_udp = (type & RTE_PTYPE_L4_MASK) == RTE_PTYPE_L4_UDP;
    mark_partial_checksum(frame);
    MbufNote& note = note_of(frame);
    note = {};
    note.checksum_start = static_cast<std::uint16_t>(sizes.l2_len + sizes.l3_len);
    note.checksum_offset = is_tcp ? offsetof(TcpHeader, checksum) : offsetof(UdpHeader, checksum);
    if (is_large) {
        note.gso = RTE_ETH_IS_IPV4_HDR(type) ? Gso::kTcp4 : Gso::kTcp6;
        note.gso_size = frame->tso_segsz;
    }
    // UDP in fragments (UFO) is not what we cut into datagrams (USO).
    if (!is_tcp && (is_large || !is_udp))
        note.checksum_start = MbufNote::kNowhere;
}

} // namespace

void GuestOffloads::note(std::span<rte_mbuf* const> frames) noexcept
{
    for (rte_mbuf* const frame : frames) {
        const std::uint64_t flags = frame->ol_flags;
        if ((flags & RTE_MBUF_F_RX_LRO) != 0 || (flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_NONE)
            [[unlikely]]
            note_one(frame);
    }
}

namespace
{

// Puts the first bytes of a frame into a buffer of their own. False if there is none.
bool split(rte_mbuf*& frame, std::size_t size, rte_mempool* pool) noexcept
{
    rte_mbuf* const head = rte_pktmbuf_alloc(pool);
    if (head == nullptr)
        return false;
    std::memcpy(rte_pktmbuf_append(head, static_cast<std::uint16_t>(size)), data_of(frame), size);
    head->ol_flags = frame->ol_flags & ~(RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL);
    note_of(head) = note_of(frame);
    rte_pktmbuf_adj(frame, static_cast<std::uint16_t>(size));
    head->pkt_len += frame->pkt_len;
    head->nb_segs = static_cast<std::uint16_t>(frame->nb_segs + 1);
    head->next = frame;
    frame = head;
    return true;
}

} // namespace

// The library would compute the sum of the pseudo header anew: without the length where a frame is large, and wrong
// behind VLAN tags, extension headers or a tunnel's. It leaves headers alone that are not in one piece.
bool GuestOffloads::request(rte_mbuf*& frame, rte_mempool* pool) noexcept
{
    constexpr std::size_t kMaxL3 = (1U << RTE_MBUF_L3_LEN_BITS) - 1;
    constexpr std::size_t kMaxL4 = (1U << RTE_MBUF_L4_LEN_BITS) - 1;
    const MbufNote note = note_of(frame);
    // The driver tells the guest the sum of the two first sizes, and by the protocol where the checksum lies.
    const std::size_t l3_size = note.checksum_start - sizeof(EthernetHeader);
    const bool is_tcp = note.checksum_offset == offsetof(TcpHeader, checksum);
    if (l3_size > kMaxL3 || (!is_tcp && note.checksum_offset != offsetof(UdpHeader, checksum)))
        return note.gso == Gso::kNone && complete_checksum(frame);
    std::size_t l4_size = kMaxL4;
    std::uint64_t flags = is_tcp ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM;
    if (note.gso != Gso::kNone) {
        l4_size = header_at<TcpHeader>(head_of(frame), note.checksum_start).size();
        flags |= RTE_MBUF_F_TX_TCP_SEG | (note.gso == Gso::kTcp4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6);
    }
    if (rte_pktmbuf_data_len(frame) >= note.checksum_start + l4_size && !split(frame, note.checksum_start, pool))
        return false;
    frame->l2_len = sizeof(EthernetHeader);
    frame->l3_len = l3_size & kMaxL3;
    frame->l4_len = l4_size & kMaxL4;
    frame->tso_segsz = note.gso_size;
    frame->ol_flags |= flags;
    return true;
}

} // namespace vx
