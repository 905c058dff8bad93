// SPDX-License-Identifier: BSD-3-Clause
// A port on an interface that is the kernel's, through a packet socket. As with a TAP, both sides hand over checksums
// half done and frames uncut (virtio-net headers), so nothing has to be switched off at the other end of a veth. Ours
// and not DPDK's net_af_packet, which knows no such headers, cuts what its ring does not hold, loses silently what it
// cannot send, and has the kernel reassemble fragments.
#pragma once

#include "dataplane/net/mac.h"
#include "dataplane/net/offload.h"
#include "dataplane/net/result.h"
#include "dataplane/offload/gso.h"
#include "dataplane/port/file_descriptor.h"
#include "dataplane/port/kernel_interface.h"
#include "dataplane/port/packet_ring.h"
#include "dataplane/port/port_losses.h"
#include "dataplane/port/port_use.h"
#include "dataplane/port/underlay_filter.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace vx
{

class MbufPool;
class SpareBuffers;

class PacketPort
{
public:
    // Whether virtio-net headers of packet sockets know UDP GSO: by the kernel's version, for it does not tell.
    static bool kernel_has_uso();

    // `interface` is borrowed already.
    static Result<PacketPort> open(KernelInterface interface, MbufPool& pool);

    std::uint16_t rx(std::uint16_t queue, std::span<rte_mbuf*> out) noexcept;
    std::uint16_t tx(std::uint16_t worker, std::span<rte_mbuf*> frames) noexcept; // any worker, no lock needed

    std::uint16_t rx_queue_count() const { return 1; }
    int wake_fd(std::uint16_t) const { return socket_.get(); }
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
    void serve(const ServedTraffic& served);
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
        std::atomic<std::uint64_t> missed{0}; // found the socket's buffer full
        std::atomic<std::uint64_t> errors{0}; // the kernel could not describe
        std::atomic<std::uint64_t> nombuf{0}; // could not be cut, for want of buffers
    };

    // One that stands for many datagrams, which are taken from it as there is room.
    struct Uncut {
        struct Free {
            void operator()(rte_mbuf* frame) const { rte_pktmbuf_free(frame); }
        };
        explicit Uncut(rte_mbuf* whole) : frame(whole), segmenter(whole), left(gso_segment_count(whole)) {}
        std::unique_ptr<rte_mbuf, Free> frame;
        Segmenter segmenter;
        std::size_t left; // datagrams
    };

    PacketPort(FileDescriptor socket, PacketRing ring, KernelInterface interface, rte_mempool* pool);
    bool take(PacketRing::Slot slot, std::optional<SpareBuffers>& spares, rte_mbuf*& frame) noexcept;
    rte_mbuf* copy(PacketRing::Slot slot) noexcept;
    rte_mbuf* read_large(SpareBuffers& spares) noexcept;
    std::size_t cut(std::span<rte_mbuf*> out) noexcept;
    void apply_mtu(std::uint16_t mtu);
    void apply_filter();
    void detach_filter();

    FileDescriptor socket_;
    PacketRing ring_;
    KernelInterface interface_;
    rte_mempool* pool_;
    std::unique_ptr<Shared> shared_ = std::make_unique<Shared>();
    std::optional<Uncut> uncut_; // the receiving worker's
    Offloads offloads_;          // of an overlay
    std::optional<PortUse> use_;
    ServedTraffic served_;            // of an underlay
    bool is_serving_ = false;         // an underlay's traffic, and no other
    std::vector<IpAddress> kernels_;  // addresses of the interface
    std::vector<sock_filter> filter_; // that the socket has; empty: none
    std::uint16_t mtu_ = 0;
    std::uint64_t dropped_ = 0; // by the socket, until it was last asked
    Mac mac_;
};

} // namespace vx
