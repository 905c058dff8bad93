// SPDX-License-Identifier: BSD-3-Clause
// A port on an interface that is the kernel's, through a packet socket. As with a TAP, both sides hand over checksums
// half done and frames uncut (virtio-net headers), so nothing has to be switched off at the other end of a veth. Ours
// and not DPDK's net_af_packet, which knows no such headers, cuts what its ring does not hold, loses silently what it
// cannot send, and has the kernel reassemble fragments.
#pragma once

#include "dataplane/base/port_losses.h"
#include "dataplane/base/port_use.h"
#include "dataplane/base/result.h"
#include "dataplane/net/mac.h"
#include "dataplane/net/offload.h"
#include "dataplane/port/kernel/kernel_interface.h"
#include "dataplane/port/kernel/packet_fanout.h"
#include "dataplane/port/kernel/packet_queue.h"
#include "dataplane/port/kernel/underlay_filter.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace vx
{

class MbufPool;

class PacketPort
{
public:
    // Whether virtio-net headers of packet sockets know UDP GSO: by the kernel's version, for it does not tell.
    static bool kernel_has_uso();

    // `interface` is borrowed already.
    static Result<PacketPort> open(KernelInterface interface, MbufPool& pool);

    std::uint16_t rx(std::uint16_t queue, std::span<rte_mbuf*> out) noexcept;
    std::uint16_t tx(std::uint16_t worker, std::span<rte_mbuf*> frames) noexcept; // any worker, no lock needed

    // One, and as an underlay's one for what is no VXLAN, and some for tenants (packet_fanout.h).
    std::uint16_t rx_queue_count() const { return queue_count_; }
    int wake_fd(std::uint16_t queue) const { return queues_[queue]->fd(); }
    Mac mac() const { return mac_; }
    std::uint16_t mtu() const { return mtu_; }
    bool is_up() const { return interface_.has_carrier(); }
    bool is_gone() const { return !interface_.is_there(); }
    bool is_on(unsigned ifindex) const { return interface_.index() == ifindex && !is_gone(); }
    // What leaves an underlay is whole: others than this kernel read it.
    Offloads offloads() const { return shared_->is_underlay.load(std::memory_order_relaxed) ? Offloads{} : offloads_; }
    // An overlay's gets frames for all MACs, as a port of a Linux bridge does. An underlay's hands over one by one the
    // datagrams that its kernel has in one (UDP GSO), and sends them so.
    void set_use(PortUse use);
    // Of an underlay's: no other frames are received. What the kernel serves by addresses of the interface is its own.
    // There are more queues then, if they can be had.
    void serve(const ServedTraffic& served);
    // Why tenants have no queues of their own, once.
    std::string take_trouble() { return std::exchange(trouble_, {}); }
    void follow_addresses();                        // of the kernel's
    bool kernel_has(const IpAddress& address) const // when it was last followed
    {
        return std::find(kernels_.begin(), kernels_.end(), address) != kernels_.end();
    }
    PortLosses losses();
    Result<> set_mtu(std::uint16_t mtu);
    bool follow_mtu();
    bool follow_mac();
    Result<> set_mac(const Mac& mac);

private:
    // Shared with workers, so it stays where it is when the port is moved.
    struct Shared {
        std::atomic<bool> is_underlay{false};
        std::atomic<std::uint32_t> max_frame{0};
    };

    PacketPort(std::unique_ptr<PacketQueue> queue, KernelInterface interface, MbufPool& pool);
    void apply_mtu(std::uint16_t mtu);
    void add_queues();
    void spread();
    void complain(const Error& error);
    void set_filters(const std::vector<sock_filter>& filter);

    KernelInterface interface_;
    MbufPool& pool_;
    std::unique_ptr<Shared> shared_ = std::make_unique<Shared>();
    // A worker polls those alone that the config names which it reads; the first has what leaves, too.
    std::array<std::unique_ptr<PacketQueue>, PacketFanout::kSockets> queues_;
    std::uint16_t queue_count_ = 1; // that there are
    PacketFanout fanout_;
    bool has_program_ = false; // for served_
    std::string trouble_;      // why tenants have no queues of their own; empty: told, or none
    std::string last_trouble_;
    Offloads offloads_; // of an overlay
    std::optional<PortUse> use_;
    ServedTraffic served_;           // of an underlay
    bool is_serving_ = false;        // an underlay's traffic, and no other
    std::vector<IpAddress> kernels_; // addresses of the interface
    std::uint16_t mtu_ = 0;
    Mac mac_;
};

} // namespace vx
