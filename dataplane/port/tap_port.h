// SPDX-License-Identifier: BSD-3-Clause
// A TAP interface that vxd makes inside a container's network namespace; what the container sends, vxd receives. Both
// ends hand over L4 checksums half done (virtio-net headers): the kernel never computes a sum that nobody needs.
#pragma once

#include "dataplane/dpdk/mbuf_pool.h"
#include "dataplane/net/mac.h"
#include "dataplane/net/result.h"
#include "dataplane/port/file_descriptor.h"
#include "dataplane/port/port_losses.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace vx
{

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
    PortLosses losses();
    Result<> set_mtu(std::uint16_t mtu);
    Result<> set_mac(const Mac& mac);

private:
    // Frames of up to 65521 + 18 bytes, in segments of 2 KiB.
    static constexpr std::size_t kMaxSegments = 40;

    // One receiving worker each; the descriptor is also written to, by any worker.
    struct alignas(64) Queue {
        FileDescriptor fd;
        std::atomic<std::uint64_t> cut_off{0}; // frames larger than the buffers; written by the receiving worker alone
        std::size_t spare_count = 0;
        std::array<rte_mbuf*, 2 * kMaxSegments> spares; // allocated before it is known whether a frame waits
        ~Queue();
    };

    // Shared with workers, so it stays where it is when the port is moved.
    struct Shared {
        std::atomic<bool> is_broken{false};
        std::atomic<std::size_t> segment_count{1}; // that a frame may need
    };

    TapPort(std::unique_ptr<Queue[]> queues, std::uint16_t queue_count, MbufPool& pool);
    rte_mbuf* receive(Queue& queue) noexcept;
    bool send(int fd, rte_mbuf* frame) noexcept;
    void fit_segments(std::uint16_t mtu);

    std::unique_ptr<Queue[]> queues_;
    std::unique_ptr<Shared> shared_ = std::make_unique<Shared>();
    rte_mempool* pool_;
    std::uint16_t queue_count_;
    std::uint16_t mtu_ = 1500;
    std::uint64_t missed_ = 0; // when the interface was last asked
    Mac mac_;
};

} // namespace vx
