// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/port/eth/eth_port.h"

#include "dataplane/net/headers.h"

#include <rte_errno.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

namespace vx
{

// ---- set-up ----------------------------------------------------------------------------------------------------

namespace
{

constexpr std::uint16_t kDescriptors = 1024; // where the driver has no wish of its own
constexpr std::uint64_t kRssFields = RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_TCP;

rte_eth_conf configuration(const EthSetup& setup, const rte_eth_dev_info& info, std::uint16_t rx_queues,
                           std::uint16_t room)
{
    rte_eth_conf conf{};
    // No checksum offload but of guests, of which we know where to look: virtual drivers take it as leave to hand over
    // unfinished ones without saying where.
    std::uint64_t rx_wanted = 0;
    std::uint64_t tx_wanted = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
    if (setup.guest == EthSetup::Guest::kOffloads) {
        rx_wanted |= RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM;
        tx_wanted |= RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
    }
    if (setup.mtu.value_or(RTE_ETHER_MTU) + sizeof(EthernetHeader) + 4U > room)
        rx_wanted |= RTE_ETH_RX_OFFLOAD_SCATTER;
    conf.rxmode.offloads = rx_wanted & info.rx_offload_capa;
    conf.txmode.offloads = tx_wanted & info.tx_offload_capa;
    if (rx_queues > 1 && (info.flow_type_rss_offloads & kRssFields) != 0) {
        conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
        conf.rx_adv_conf.rss_conf.rss_hf = kRssFields & info.flow_type_rss_offloads;
    }
    // The drivers behind which the kernel keeps the MTU, and those without any, admit less than they carry.
    const std::uint32_t overhead = RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN;
    if (setup.mtu && !setup.interface && *setup.mtu + overhead <= info.max_rx_pktlen && *setup.mtu <= info.max_mtu)
        conf.rxmode.mtu = *setup.mtu;
    return conf;
}

} // namespace

Result<EthPort> EthPort::start(EthSetup setup, MbufPool& pool)
{
    auto device = EthDevice::take(setup.devargs);
    if (!device)
        return std::move(device).error();
    std::unique_ptr<MbufPool> own_pool = std::move(setup.own_pool);
    EthPort port{std::move(*device), std::move(own_pool), pool};
    if (auto configured = port.configure(setup); !configured)
        return std::move(configured).error();
    port.interface_ = std::move(setup.interface);
    if (!setup.socket.empty())
        port.shared_memory_ = std::make_unique<SharedMemory>(std::move(setup.socket));
    if (setup.connection == EthSetup::Connection::kOnce)
        port.connected_at_ = std::chrono::steady_clock::now();
    return port;
}

EthPort::EthPort(EthDevice device, std::unique_ptr<MbufPool> own_pool, MbufPool& pool)
    : own_pool_(std::move(own_pool)), device_(std::move(device)), pool_(pool.raw())
{
}

Result<> EthPort::configure(const EthSetup& setup)
{
    const std::uint16_t id = device_.id();
    rte_eth_dev_info info{};
    if (const int rc = rte_eth_dev_info_get(id, &info); rc != 0)
        return error("DPDK device \"{}\": asking for its abilities: {}", setup.devargs, rte_strerror(-rc));

    rx_queue_count_ = std::min(setup.rx_queues, info.max_rx_queues);
    const std::uint16_t wanted = setup.tx_queues == EthSetup::TxQueues::kAsRx  ? rx_queue_count_
                                 : setup.tx_queues == EthSetup::TxQueues::kOne ? std::uint16_t{1}
                                                                               : setup.worker_count;
    tx_queue_count_ = std::min(wanted, info.max_tx_queues);
    if (rx_queue_count_ == 0 || tx_queue_count_ == 0)
        return error("DPDK device \"{}\" has no queues", setup.devargs);
    if (tx_queue_count_ < setup.worker_count)
        shared_queues_ = std::make_unique<SharedQueueLock[]>(tx_queue_count_);

    received_ = setup.received;
    is_trusted_ = setup.received == EthSetup::Received::kSound && setup.guest == EthSetup::Guest::kNone;
    const rte_eth_conf conf =
        configuration(setup, info, rx_queue_count_, own_pool_ == nullptr ? MbufPool::room(pool_) : own_pool_->room());
    takes_chains_ =
        setup.chains == EthSetup::Chains::kTaken || (conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) != 0;
    if (const int rc = rte_eth_dev_configure(id, rx_queue_count_, tx_queue_count_, &conf); rc != 0)
        return error("DPDK device \"{}\": configuring {} receive and {} transmit queues: {}", setup.devargs,
                     rx_queue_count_, tx_queue_count_, rte_strerror(-rc));
    if (auto made = set_up_queues(setup, info, conf); !made)
        return made;
    if (setup.mac)
        if (auto set = set_mac(*setup.mac); !set)
            return set;
    if (setup.interface && setup.interface->is_promiscuous())
        rte_eth_promiscuous_enable(id); // starting it would take back what the user has set
    if (const int rc = rte_eth_dev_start(id); rc != 0)
        return error("DPDK device \"{}\": starting it: {}", setup.devargs, rte_strerror(-rc));
    if (setup.guest == EthSetup::Guest::kOffloads) {
        guest_ = GuestOffloads::follow(id);
        if (guest_ == nullptr)
            return error("DPDK device \"{}\": its guests cannot be followed", setup.devargs);
    }
    if (!setup.interface)
        rte_eth_allmulticast_enable(id); // neighbour solicitations; a device that cannot filter refuses, and is right

    rte_ether_addr address{};
    if (!setup.mac && rte_eth_macaddr_get(id, &address) == 0)
        mac_ = Mac{std::to_array(address.addr_bytes)};
    std::uint16_t mtu = RTE_ETHER_MTU;
    rte_eth_dev_get_mtu(id, &mtu);
    ring_limit_ = setup.max_frame;
    apply_mtu(setup.mtu.value_or(mtu));
    return Ok{};
}

Result<> EthPort::set_up_queues(const EthSetup& setup, const rte_eth_dev_info& info, const rte_eth_conf& conf)
{
    const std::uint16_t id = device_.id();
    std::uint16_t rx_count = info.default_rxportconf.ring_size == 0 ? kDescriptors : info.default_rxportconf.ring_size;
    std::uint16_t tx_count = info.default_txportconf.ring_size == 0 ? kDescriptors : info.default_txportconf.ring_size;
    rte_eth_dev_adjust_nb_rx_tx_desc(id, &rx_count, &tx_count);
    const auto node = static_cast<unsigned>(rte_eth_dev_socket_id(id));
    rte_mempool* const rx_pool = own_pool_ == nullptr ? pool_ : own_pool_->raw();

    rte_eth_rxconf rx_conf = info.default_rxconf;
    rx_conf.offloads = conf.rxmode.offloads;
    for (std::uint16_t queue = 0; queue < rx_queue_count_; ++queue) {
        if (const int rc = rte_eth_rx_queue_setup(id, queue, rx_count, node, &rx_conf, rx_pool); rc != 0)
            return error("DPDK device \"{}\": receive queue {}: {}", setup.devargs, queue, rte_strerror(-rc));
        for (const XdpSocket& socket : device_.new_sockets()) // net_af_xdp opens one a queue, here
            sockets_.push_back(socket);
    }
    rte_eth_txconf tx_conf = info.default_txconf;
    tx_conf.offloads = conf.txmode.offloads;
    for (std::uint16_t queue = 0; queue < tx_queue_count_; ++queue)
        if (const int rc = rte_eth_tx_queue_setup(id, queue, tx_count, node, &tx_conf); rc != 0)
            return error("DPDK device \"{}\": transmit queue {}: {}", setup.devargs, queue, rte_strerror(-rc));
    return Ok{};
}

EthPort::~EthPort()
{
    // Another port may still hold frames that were received here, and net_af_xdp does not return its own. Then the
    // pool stays until the process ends.
    guest_.reset();
    std::optional<SharedMemory::Closing> closing;
    if (shared_memory_ != nullptr)
        closing.emplace();
    device_.remove();
    if (own_pool_ != nullptr && own_pool_->in_use_count() != 0)
        (void)own_pool_.release();
}

// ---- settings --------------------------------------------------------------------------------------------------

bool EthPort::is_up() const
{
    if (interface_) // its drivers say "up" whatever happens
        return interface_->has_carrier();
    rte_eth_link link{};
    return rte_eth_link_get_nowait(device_.id(), &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

bool EthPort::is_gone() const
{
    constexpr std::chrono::seconds kPatience{3}; // until both ends have agreed
    if (has_lost_memory())
        return true;
    if (interface_)
        return !interface_->is_there();
    return connected_at_ && std::chrono::steady_clock::now() - *connected_at_ > kPatience && !is_up();
}

PortLosses EthPort::losses()
{
    rte_eth_stats counted{};
    PortLosses losses;
    if (rte_eth_stats_get(device_.id(), &counted) == 0)
        losses = {counted.imissed, counted.ierrors, counted.rx_nombuf};
    losses.rx_errors += limits_->unsound.load(std::memory_order_relaxed);
    losses.rx_errors += shared_memory_ == nullptr ? 0 : shared_memory_->faults();
    for (const XdpSocket& socket : sockets_)
        losses.rx_missed += missed_frames(socket);
    return losses;
}

void EthPort::apply_mtu(std::uint16_t mtu)
{
    mtu_ = mtu;
    const auto frame = static_cast<std::uint32_t>(mtu + sizeof(EthernetHeader));
    limits_->max_frame.store(std::min(frame, ring_limit_), std::memory_order_relaxed);
}

Result<> EthPort::set_mtu(std::uint16_t mtu)
{
    if (mtu + sizeof(EthernetHeader) > ring_limit_)
        return error("an MTU of {} is too large here: {} at most, unless the link is added anew with that MTU", mtu,
                     ring_limit_ - sizeof(EthernetHeader));
    if (interface_) {
        if (auto set = interface_->set_mtu(mtu); !set)
            return set;
    } else if (const int rc = rte_eth_dev_set_mtu(device_.id(), mtu); rc != 0 && rc != -ENOTSUP) {
        return error("setting the MTU to {}: {}", mtu, rte_strerror(-rc));
    }
    apply_mtu(mtu);
    return Ok{};
}

bool EthPort::follow_mtu()
{
    const auto now = interface_ ? interface_->mtu() : Result<std::uint16_t>{mtu_};
    if (!now)
        return false;
    const std::uint16_t mtu = std::min(*now, static_cast<std::uint16_t>(ring_limit_ - sizeof(EthernetHeader)));
    if (mtu == mtu_)
        return false;
    apply_mtu(mtu);
    return true;
}

bool EthPort::follow_mac()
{
    const auto now = interface_ ? interface_->mac() : Result<Mac>{mac_};
    if (!now || *now == mac_)
        return false;
    mac_ = *now;
    return true;
}

Result<> EthPort::set_mac(const Mac& mac)
{
    rte_ether_addr address;
    std::memcpy(address.addr_bytes, mac.bytes().data(), sizeof(address.addr_bytes));
    if (interface_) { // its drivers look for it by the name that it had
        if (auto set = interface_->set_mac(mac); !set)
            return set;
    } else if (const int rc = rte_eth_dev_default_mac_addr_set(device_.id(), &address);
               rc != 0 && rc != -ENOTSUP) { // where no hardware filters, an address is only what we answer to
        return error("setting the MAC address to {}: {}", mac.to_string(), rte_strerror(-rc));
    }
    mac_ = mac;
    return Ok{};
}

// ---- packet path -----------------------------------------------------------------------------------------------

namespace
{

bool is_sound(const rte_mbuf* frame) noexcept
{
    constexpr std::uint32_t kMost = 0xffff + sizeof(EthernetHeader) + 4; // an IP packet, in a VLAN
    std::uint32_t size = 0;
    unsigned segments = 0;
    for (const rte_mbuf* segment = frame; segment != nullptr; segment = segment->next, ++segments)
        size += segment->data_len;
    return size == frame->pkt_len && size <= kMost && segments == frame->nb_segs;
}

} // namespace

std::uint16_t EthPort::rx_from_others(std::uint16_t queue, std::span<rte_mbuf*> out) noexcept
{
    std::uint16_t count = 0;
    if (shared_memory_ == nullptr) {
        count = rte_eth_rx_burst(device_.id(), queue, out.data(), static_cast<std::uint16_t>(out.size()));
    } else if (!shared_memory_->is_lost()) {
        const SharedMemory::Access access{*shared_memory_};
        count = rte_eth_rx_burst(device_.id(), queue, out.data(), static_cast<std::uint16_t>(out.size()));
        if (shared_memory_->is_lost()) [[unlikely]] { // and nobody knows from which byte on
            rte_pktmbuf_free_bulk(out.data(), count);
            limits_->unsound.fetch_add(count, std::memory_order_relaxed);
            return 0;
        }
    }
    if (received_ == EthSetup::Received::kChecked)
        count = keep_sound(out.first(count));
    if (guest_ != nullptr)
        GuestOffloads::note(out.first(count));
    return count;
}

std::uint16_t EthPort::tx_to_shared_memory(std::uint16_t queue, std::span<rte_mbuf*> frames) noexcept
{
    if (shared_memory_->is_lost())
        return 0;
    const auto send = [&] {
        const SharedMemory::Access access{*shared_memory_};
        return rte_eth_tx_burst(device_.id(), queue, frames.data(), static_cast<std::uint16_t>(frames.size()));
    };
    if (shared_queues_ == nullptr)
        return send();
    const SharedQueueLock::Guard guard{shared_queues_[queue]};
    return send();
}

// Whoever reads a frame believes its lengths.
std::uint16_t EthPort::keep_sound(std::span<rte_mbuf*> frames) noexcept
{
    std::size_t kept = 0;
    for (rte_mbuf* const frame : frames) {
        if (is_sound(frame)) [[likely]] {
            frames[kept++] = frame;
            continue;
        }
        rte_pktmbuf_free(frame); // goes along the chain, and by no length
        limits_->unsound.fetch_add(1, std::memory_order_relaxed);
    }
    return static_cast<std::uint16_t>(kept);
}

// Almost always every frame can go as it is; one look at all of them tells.
std::uint16_t EthPort::prepare(std::span<rte_mbuf*> frames) noexcept
{
    const std::uint32_t max_frame = limits_->max_frame.load(std::memory_order_relaxed);
    std::uint64_t flags = 0;
    std::uint32_t too_long = 0; // its top bit; a frame has less than 2^31 bytes
    std::uint16_t segments = 0;
    const auto look_at = [&](const rte_mbuf* frame) {
        flags |= frame->ol_flags;
        too_long |= max_frame - rte_pktmbuf_pkt_len(frame);
        segments |= frame->nb_segs;
    };
    std::size_t i = 0;
    for (; i + 4 <= frames.size(); i += 4) { // no compiler unrolls this by itself
        look_at(frames[i]);
        look_at(frames[i + 1]);
        look_at(frames[i + 2]);
        look_at(frames[i + 3]);
    }
    for (; i < frames.size(); ++i)
        look_at(frames[i]);
    constexpr std::uint64_t kUnusual =
        RTE_MBUF_F_TX_OFFLOAD_MASK | RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL | kMbufPartialFlag;
    if ((flags & kUnusual) == 0 && (too_long >> 31) == 0 && segments == 1) [[likely]]
        return static_cast<std::uint16_t>(frames.size());
    return sort_out(frames, max_frame);
}

// Makes sendable what can be made so, and moves the rest to the end.
std::uint16_t EthPort::sort_out(std::span<rte_mbuf*> frames, std::uint32_t max_frame) noexcept
{
    std::size_t ready = 0;
    for (std::size_t i = 0; i < frames.size(); ++i)
        make_sendable(frames[i], max_frame) ? std::swap(frames[ready++], frames[i]) : mark_unfit(frames[i]);
    return static_cast<std::uint16_t>(ready);
}

namespace
{

bool has_tag(const rte_mbuf* frame) noexcept
{
    return rte_pktmbuf_data_len(frame) >= sizeof(EthernetHeader) &&
           rte_pktmbuf_mtod(frame, const EthernetHeader*)->type == Be16{ether_type::kVlan};
}

// One direct segment, which drivers without MULTI_SEGS require: they copy or post the first segment, and read on.
rte_mbuf* make_contiguous(const rte_mbuf* frame, rte_mempool* pool) noexcept
{
    if (rte_pktmbuf_pkt_len(frame) > MbufPool::room(pool))
        return nullptr;
    return rte_pktmbuf_copy(frame, pool, 0, UINT32_MAX);
}

} // namespace

bool EthPort::make_sendable(rte_mbuf*& frame, std::uint32_t max_frame) noexcept
{
    const std::uint32_t size = rte_pktmbuf_pkt_len(frame);
    if (size > max_frame && !is_gso(frame) && (size > max_frame + 4 || size > ring_limit_ || !has_tag(frame)))
        [[unlikely]]
        return false; // the kernel's drivers lose it without a word
    if (!takes_chains_ && (frame->nb_segs > 1 || !RTE_MBUF_DIRECT(frame))) [[unlikely]] {
        rte_mbuf* const copy = make_contiguous(frame, pool_);
        if (copy == nullptr)
            return false;
        rte_pktmbuf_free(frame);
        frame = copy;
    }
    frame->ol_flags &= ~RTE_MBUF_F_TX_OFFLOAD_MASK; // whatever the frame's maker left to his device
    return !has_partial_checksum(frame) || GuestOffloads::request(frame, pool_);
}

} // namespace vx
