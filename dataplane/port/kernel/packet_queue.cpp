// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/port/kernel/packet_queue.h"

#include "dataplane/dpdk/mbuf.h"
#include "dataplane/dpdk/mbuf_pool.h"
#include "dataplane/port/kernel/spare_buffers.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace vx
{

// ---- set-up ----------------------------------------------------------------------------------------------------

namespace
{

constexpr std::size_t kTag = 4;                 // VLAN
constexpr std::size_t kBurstBytes = 256 * 1024; // after which a burst ends: what a cache holds

// Room for frames that no slot of the ring holds, and for what is on its way: a frame counts with its bookkeeping.
constexpr int kSocketBuffer = 16 << 20;

template <typename Value>
bool set_option(int socket, int level, int option, const Value& value)
{
    return setsockopt(socket, level, option, &value, sizeof(value)) == 0;
}

} // namespace

Result<std::unique_ptr<PacketQueue>> PacketQueue::open(std::size_t frame_size, MbufPool& pool)
{
    FileDescriptor fd{socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!fd || !set_option(fd.get(), SOL_PACKET, PACKET_VNET_HDR, 1) ||
        !set_option(fd.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, 1) || // it went out, it did not come in
        !set_option(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, kSocketBuffer) ||
        !set_option(fd.get(), SOL_SOCKET, SO_SNDBUFFORCE, kSocketBuffer))
        return error("a packet socket: {}", std::strerror(errno));
    auto ring = PacketRing::create(fd.get(), frame_size);
    if (!ring)
        return std::move(ring).error();
    return std::unique_ptr<PacketQueue>{new PacketQueue{std::move(fd), std::move(*ring), pool.raw()}};
}

Result<> PacketQueue::bind(unsigned ifindex)
{
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(ifindex);
    if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
        return error("binding a packet socket: {}", std::strerror(errno));
    return Ok{};
}

// ---- control thread --------------------------------------------------------------------------------------------

// One takes the other's place in one step, but net.core.optmem_max has to hold both. Refused, the old one goes first:
// it knows no new address. Without any, all is received, and dropped by name; the next look tries again.
void PacketQueue::set_filter(const std::vector<sock_filter>& wanted)
{
    const auto is_same = [](const sock_filter& a, const sock_filter& b) {
        return a.code == b.code && a.jt == b.jt && a.jf == b.jf && a.k == b.k;
    };
    if (std::ranges::equal(wanted, filter_, is_same))
        return;
    const auto detach = [&] {
        if (!filter_.empty())
            set_option(socket_.get(), SOL_SOCKET, SO_DETACH_FILTER, 0);
        filter_.clear();
    };
    if (wanted.empty())
        return detach();
    std::vector<sock_filter> code = wanted;
    const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
    const auto attach = [&] { return set_option(socket_.get(), SOL_SOCKET, SO_ATTACH_FILTER, program); };
    if (!attach()) {
        detach();
        if (!attach())
            return;
    }
    filter_ = std::move(code);
}

PortLosses PacketQueue::losses()
{
    tpacket_stats since{};
    socklen_t size = sizeof(since);
    if (getsockopt(socket_.get(), SOL_PACKET, PACKET_STATISTICS, &since, &size) == 0)
        dropped_ += since.tp_drops;
    PortLosses losses;
    losses.rx_missed = dropped_ + missed_.load(std::memory_order_relaxed);
    losses.rx_errors = errors_.load(std::memory_order_relaxed);
    losses.rx_nombuf = nombuf_.load(std::memory_order_relaxed);
    return losses;
}

// ---- receiving -------------------------------------------------------------------------------------------------

namespace
{

void increment(std::atomic<std::uint64_t>& counter, std::uint64_t by = 1) noexcept // of one writer
{
    counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

// Appends to a frame, by more buffers where one does not hold all. False if there are none.
bool append(rte_mbuf* frame, rte_mbuf*& last, Bytes bytes) noexcept
{
    while (!bytes.empty()) {
        if (rte_pktmbuf_tailroom(last) == 0) {
            rte_mbuf* const next = rte_pktmbuf_alloc(frame->pool);
            if (next == nullptr)
                return false;
            last->next = next;
            last = next;
            ++frame->nb_segs;
        }
        const std::size_t part = std::min<std::size_t>(bytes.size(), rte_pktmbuf_tailroom(last));
        std::memcpy(rte_pktmbuf_mtod_offset(last, std::byte*, last->data_len), bytes.data(), part);
        last->data_len = static_cast<std::uint16_t>(last->data_len + part);
        frame->pkt_len += static_cast<std::uint32_t>(part);
        bytes = bytes.subspan(part);
    }
    return true;
}

// Puts a VLAN tag where the kernel took it out. Precondition: the first segment holds both MACs.
bool insert_tag(rte_mbuf* frame, PacketRing::Slot slot) noexcept
{
    constexpr std::size_t kMacs = offsetof(EthernetHeader, type);
    if (rte_pktmbuf_prepend(frame, kTag) == nullptr)
        return false;
    std::byte* const head = data_of(frame);
    std::memmove(head, head + kTag, kMacs);
    store(head + kMacs, Be16{slot.tag_protocol()});
    store(head + kMacs + 2, Be16{slot.tag()});
    return true;
}

// What is noted of a frame of the underlay may be about its outer headers, or about what is inside them.
void note_outer(rte_mbuf* frame) noexcept
{
    if ((frame->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_GOOD) != 0)
        frame->ol_flags |= RTE_MBUF_F_RX_OUTER_L4_CKSUM_GOOD;
    if (!is_gso(frame))
        return;
    const OuterHeaders outer = parse_outer(head_of(frame), rte_pktmbuf_pkt_len(frame));
    if (outer.kind == OuterHeaders::Kind::kUdp && note_of(frame).checksum_start >= outer.inner_offset())
        note_of(frame).outer_size = static_cast<std::uint8_t>(std::min<std::size_t>(outer.inner_offset(), 0xff));
}

} // namespace

std::uint16_t PacketQueue::rx(PortUse use, std::span<rte_mbuf*> out) noexcept
{
    const bool is_underlay = use == PortUse::kUnderlay;
    std::size_t count = uncut_ ? cut(out) : 0;
    std::optional<SpareBuffers> spares;
    for (std::size_t bytes = 0; count < out.size() && bytes < kBurstBytes && !uncut_;) {
        const PacketRing::Slot slot = ring_.front();
        rte_mbuf* frame = nullptr;
        if (!slot || !take(slot, spares, frame))
            break;
        ring_.pop();
        if (frame == nullptr)
            continue;
        bytes += rte_pktmbuf_pkt_len(frame);
        if (is_underlay)
            note_outer(frame);
        if (is_underlay && is_gso(frame) && note_of(frame).gso == Gso::kUdp && gso_is_sound(frame)) {
            uncut_.emplace(frame);
            count += cut(out.subspan(count));
        } else {
            out[count++] = frame;
        }
    }
    return static_cast<std::uint16_t>(count);
}

// The frame of a slot; nullptr, and counted, if it is lost. False if there is no buffer for it yet.
bool PacketQueue::take(PacketRing::Slot slot, std::optional<SpareBuffers>& spares, rte_mbuf*& frame) noexcept
{
    VnetHeader header = slot.vnet_header();
    if (slot.is_in_socket()) {
        if (!spares)
            spares.emplace(pool_, PacketRing::kVnetHeaderSize);
        if (spares->is_empty())
            return false;
        frame = read_large(*spares);
        header = spares->header;
    } else if (slot.is_whole()) {
        frame = copy(slot);
        if (frame == nullptr)
            return false;
    } else {
        increment(missed_);
    }
    if (frame == nullptr)
        return true;
    if (slot.has_tag() && !is_priority_tag(slot.tag())) { // the stages would take that out again
        if (!insert_tag(frame, slot)) {
            rte_pktmbuf_free(frame);
            frame = nullptr;
            increment(errors_);
            return true;
        }
        header.checksum_start = static_cast<std::uint16_t>(header.checksum_start + kTag);
    }
    note_offloads(frame, header);
    return true;
}

// nullptr if there is no buffer.
rte_mbuf* PacketQueue::copy(PacketRing::Slot slot) noexcept
{
    rte_mbuf* const frame = rte_pktmbuf_alloc(pool_);
    rte_mbuf* last = frame;
    if (frame == nullptr || append(frame, last, slot.bytes()))
        return frame;
    rte_pktmbuf_free(frame);
    return nullptr;
}

// nullptr, and counted, if the kernel has no words for what the frame is owed, which it says when it is asked.
rte_mbuf* PacketQueue::read_large(SpareBuffers& spares) noexcept
{
    const auto pieces = spares.pieces();
    ssize_t size = readv(socket_.get(), pieces.data(), static_cast<int>(pieces.size()));
    if (size < 0 && errno == ENETDOWN) // it was, and says so once: the frame still waits
        size = readv(socket_.get(), pieces.data(), static_cast<int>(pieces.size()));
    if (size < static_cast<ssize_t>(PacketRing::kVnetHeaderSize + sizeof(EthernetHeader))) {
        increment(errors_);
        return nullptr;
    }
    return spares.take(static_cast<std::size_t>(size) - PacketRing::kVnetHeaderSize);
}

// Datagrams out of the one that stands for them, as many as there is room for. Those that there is no buffer for are
// lost: nothing would wake a worker for them, and the frame itself holds what others wait for.
std::size_t PacketQueue::cut(std::span<rte_mbuf*> out) noexcept
{
    std::size_t count = 0;
    for (; count < out.size() && uncut_->left != 0; --uncut_->left) {
        rte_mbuf* const datagram = uncut_->segmenter.next(pool_);
        if (datagram == nullptr) {
            increment(nombuf_, uncut_->left);
            uncut_.reset();
            return count;
        }
        datagram->ol_flags |= RTE_MBUF_F_RX_OUTER_L4_CKSUM_GOOD; // just computed
        out[count++] = datagram;
    }
    if (uncut_->left == 0)
        uncut_.reset();
    return count;
}

} // namespace vx
