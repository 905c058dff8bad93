// SPDX-License-Identifier: BSD-3-Clause
// A port that a DPDK driver serves. The drivers differ in what they do with a frame that they cannot send: some lose it
// and say that it was sent. So what a driver cannot take is kept from it here, and stays with the caller.
#pragma once

#include "dataplane/base/port_losses.h"
#include "dataplane/dpdk/mbuf_pool.h"
#include "dataplane/net/mac.h"
#include "dataplane/port/eth/eth_device.h"
#include "dataplane/port/eth/guest_offloads.h"
#include "dataplane/port/eth/shared_memory.h"
#include "dataplane/port/kernel/kernel_interface.h"

#include <rte_ethdev.h>
#include <rte_spinlock.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace vx
{

// Guards a transmit queue that several workers share, because the device has fewer queues than there are workers.
class SharedQueueLock
{
public:
    class Guard
    {
    public:
        explicit Guard(SharedQueueLock& lock) noexcept : lock_(lock) { rte_spinlock_lock(&lock_.lock_); }
        Guard(const Guard&) = delete;
        ~Guard() { rte_spinlock_unlock(&lock_.lock_); }

    private:
        SharedQueueLock& lock_;
    };

private:
    alignas(RTE_CACHE_LINE_SIZE) rte_spinlock_t lock_ = RTE_SPINLOCK_INITIALIZER;
};

struct EthSetup {
    // Where the number of transmit queues comes from.
    enum class TxQueues : std::uint8_t { kOnePerWorker, kAsRx, kOne };
    // Which frames the driver's transmit function takes.
    enum class Chains : std::uint8_t { kIfOffered, kTaken };
    // Whether the other end, of a net_vhost device, may leave checksums and segmentation undone, and take frames so.
    enum class Guest : std::uint8_t { kNone, kOffloads };

    // Whether the driver's frames are what their buffers say. Those of some are as long as the other end, or a file,
    // says, whatever lies in the buffers.
    enum class Received : std::uint8_t { kSound, kChecked };
    // Whether the driver connects again when the other end has gone and come back.
    enum class Connection : std::uint8_t { kLasting, kOnce };

    std::string devargs;
    std::uint16_t rx_queues = 1;
    std::uint16_t worker_count = 1;
    TxQueues tx_queues = TxQueues::kOnePerWorker;
    Chains chains = Chains::kIfOffered;
    Guest guest = Guest::kNone;
    Received received = Received::kSound;
    Connection connection = Connection::kLasting;
    std::optional<Mac> mac;
    std::optional<std::uint16_t> mtu;
    std::uint32_t max_frame = 0xffff;         // bytes that the driver's rings take, whatever the MTU
    std::optional<KernelInterface> interface; // what the driver attaches to, if the kernel knows it
    std::string socket;                       // by which the other end comes whose memory it shares; "": it shares none
    std::unique_ptr<MbufPool> own_pool;       // to receive into, where the common buffers are too small
};

class EthPort
{
public:
    static Result<EthPort> start(EthSetup setup, MbufPool& pool);

    EthPort(EthPort&&) noexcept = default;
    ~EthPort(); // stops and removes the device

    std::uint16_t rx(std::uint16_t queue, std::span<rte_mbuf*> out) noexcept
    {
        if (is_trusted_) [[likely]]
            return rte_eth_rx_burst(device_.id(), queue, out.data(), static_cast<std::uint16_t>(out.size()));
        return rx_from_others(queue, out);
    }

    // What was not taken lies at the end; it is otherwise in order.
    std::uint16_t tx(std::uint16_t worker, std::span<rte_mbuf*> frames) noexcept
    {
        const std::uint16_t ready = prepare(frames);
        const auto queue = static_cast<std::uint16_t>(worker < tx_queue_count_ ? worker : worker % tx_queue_count_);
        if (shared_memory_ != nullptr)
            return tx_to_shared_memory(queue, frames.first(ready));
        if (shared_queues_ == nullptr)
            return rte_eth_tx_burst(device_.id(), queue, frames.data(), ready);
        const SharedQueueLock::Guard guard{shared_queues_[queue]};
        return rte_eth_tx_burst(device_.id(), queue, frames.data(), ready);
    }

    // Of a guest, as long as it is there; DPDK's other devices are given finished frames.
    Offloads offloads() const noexcept { return guest_ == nullptr ? Offloads{} : guest_->taken(); }
    std::uint16_t rx_queue_count() const { return rx_queue_count_; }
    int wake_fd(std::uint16_t queue) const { return queue < sockets_.size() ? sockets_[queue].fd : -1; }
    Mac mac() const { return mac_; }
    std::uint16_t mtu() const { return mtu_; }
    bool is_up() const;
    bool is_gone() const;
    bool has_lost_memory() const { return shared_memory_ != nullptr && shared_memory_->is_lost(); }
    bool is_on(unsigned ifindex) const { return interface_ && interface_->index() == ifindex && !is_gone(); }
    PortLosses losses();
    Result<> set_mtu(std::uint16_t mtu);
    bool follow_mtu();
    bool follow_mac();
    Result<> set_mac(const Mac& mac);

private:
    // Shared with workers, so it stays where it is when the port is moved.
    struct Limits {
        std::atomic<std::uint32_t> max_frame{0}; // bytes without a VLAN tag
        std::atomic<std::uint64_t> unsound{0};   // frames that were received and are not what their buffers say
    };

    EthPort(EthDevice device, std::unique_ptr<MbufPool> own_pool, MbufPool& pool);
    Result<> configure(const EthSetup& setup);
    Result<> set_up_queues(const EthSetup& setup, const rte_eth_dev_info& info, const rte_eth_conf& conf);
    void apply_mtu(std::uint16_t mtu);

    std::uint16_t rx_from_others(std::uint16_t queue, std::span<rte_mbuf*> out) noexcept;
    std::uint16_t tx_to_shared_memory(std::uint16_t queue, std::span<rte_mbuf*> frames) noexcept;
    std::uint16_t keep_sound(std::span<rte_mbuf*> frames) noexcept;
    std::uint16_t prepare(std::span<rte_mbuf*> frames) noexcept;
    std::uint16_t sort_out(std::span<rte_mbuf*> frames, std::uint32_t max_frame) noexcept;
    bool make_sendable(rte_mbuf*& frame, std::uint32_t max_frame) noexcept;

    std::unique_ptr<MbufPool> own_pool_; // outlives the device
    EthDevice device_;
    std::unique_ptr<GuestOffloads> guest_; // goes before the device
    std::unique_ptr<SharedMemory> shared_memory_;
    rte_mempool* pool_;
    std::unique_ptr<Limits> limits_ = std::make_unique<Limits>();
    std::unique_ptr<SharedQueueLock[]> shared_queues_; // none: every worker has a queue of its own
    std::uint16_t rx_queue_count_ = 0;
    std::uint16_t tx_queue_count_ = 0;
    bool takes_chains_ = false;
    bool is_trusted_ = true; // all that the driver hands over
    EthSetup::Received received_ = EthSetup::Received::kSound;
    std::uint16_t mtu_ = 1500;
    std::uint32_t ring_limit_ = 0;
    Mac mac_;
    std::optional<std::chrono::steady_clock::time_point> connected_at_; // or later, of what connects once
    std::optional<KernelInterface> interface_;
    std::vector<XdpSocket> sockets_; // by receive queue; none where the driver has none
};

} // namespace vx
