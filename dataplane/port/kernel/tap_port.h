// SPDX-License-Identifier: BSD-3-Clause
// A TAP interface that vxd makes inside a container's network namespace; what the container sends, vxd receives. Both
// ends hand over L4 checksums half done and frames of up to 64 KiB uncut (virtio-net headers): the kernel never
// computes a sum, nor cuts a frame, that nobody needs.
#pragma once

#include "dataplane/base/file_descriptor.h"
#include "dataplane/base/port_losses.h"
#include "dataplane/base/port_use.h"
#include "dataplane/base/result.h"
#include "dataplane/dpdk/mbuf_pool.h"
#include "dataplane/net/mac.h"
#include "dataplane/net/offload.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace vx
{

class SpareBuffers;

struct TapSetup {
    std::string ifname; // as the container sees it
    std::string netns;  // see Netns::open
    std::uint16_t queues = 1;
    std::optional<Mac> mac;
    std::optional<std::uint16_t> mtu;
};

class TapPort
{
public:
    static constexpr std::uint16_t kMaxQueues = 16;

    // The interface is up when this returns, and gone when the port is. It goes with its namespace too, which the port
    // does not keep alive.
    static Result<TapPort> create(const TapSetup& setup, MbufPool& pool);

    std::uint16_t rx(std::uint16_t queue, std::span<rte_mbuf*> out) noexcept;
    std::uint16_t tx(std::uint16_t worker, std::span<rte_mbuf*> frames) noexcept; // any worker, no lock needed

    std::uint16_t rx_queue_count() const { return queue_count_; }
    int wake_fd(std::uint16_t queue) const;
    Mac mac() const { return mac_; }
    std::uint16_t mtu() const { return mtu_; }
    bool is_up() const;   // false when the container has removed it or set it down
    bool is_gone() const; // removed, by the container or with it: it will not come back
    Offloads offloads() const
    {
        Offloads offloads = offloads_;
        offloads.tunnels = shared_->takes_tunnels.load(std::memory_order_relaxed);
        return offloads;
    }
    // A TAP of the underlay hands over, and takes, encapsulated frames uncut too, if the kernel can (Linux 6.17). Of a
    // container's it does not: a tunnel inside a tunnel would have to be cut by us.
    void set_use(PortUse use);
    PortLosses losses();
    Result<> set_mtu(std::uint16_t mtu);
    Result<> set_mac(const Mac& mac);

private:
    struct Queue {
        FileDescriptor fd; // one receiving worker; written to by any
    };

    // Shared with workers, so it stays where it is when the port is moved.
    struct Shared {
        std::atomic<bool> is_broken{false};
        std::atomic<bool> takes_tunnels{false};
    };

    TapPort(std::unique_ptr<Queue[]> queues, std::uint16_t queue_count, MbufPool& pool);
    rte_mbuf* receive(int fd, SpareBuffers& spares) noexcept;
    bool send(int fd, rte_mbuf* frame) noexcept;

    std::unique_ptr<Queue[]> queues_;
    std::unique_ptr<Shared> shared_ = std::make_unique<Shared>();
    rte_mempool* pool_;
    std::uint16_t queue_count_;
    Offloads offloads_; // but for tunnels
    PortUse use_ = PortUse::kOverlay;
    std::uint16_t mtu_ = 1500;
    std::uint64_t missed_ = 0; // when the interface was last asked
    Mac mac_;
};

} // namespace vx
