// SPDX-License-Identifier: BSD-3-Clause
// What a packet port receives by: a packet socket, which has a ring of its own, and large frames beside it. One worker
// at a time.
#pragma once

#include "dataplane/base/file_descriptor.h"
#include "dataplane/base/port_losses.h"
#include "dataplane/base/port_use.h"
#include "dataplane/base/result.h"
#include "dataplane/offload/gso.h"
#include "dataplane/port/kernel/packet_ring.h"

#include <linux/filter.h>

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

class alignas(64) PacketQueue
{
public:
    // Hears nothing before bind(). The ring's slots hold a frame of `frame_size` bytes.
    static Result<std::unique_ptr<PacketQueue>> open(std::size_t frame_size, MbufPool& pool);
    Result<> bind(unsigned ifindex);

    int fd() const { return socket_.get(); }

    // An underlay's frames are whole: the datagrams that its kernel has in one (UDP GSO) are handed over one by one.
    std::uint16_t rx(PortUse use, std::span<rte_mbuf*> out) noexcept;

    // Control thread. What the socket takes; an empty filter: everything.
    void set_filter(const std::vector<sock_filter>& wanted);
    bool has_filter() const { return !filter_.empty(); }
    PortLosses losses();

private:
    // One that stands for many datagrams, which are taken from it as there is room.
    struct Uncut {
        struct Free {
            void operator()(rte_mbuf* whole) const { rte_pktmbuf_free(whole); }
        };
        explicit Uncut(rte_mbuf* whole) : frame(whole), segmenter(whole), left(gso_segment_count(whole)) {}
        std::unique_ptr<rte_mbuf, Free> frame;
        Segmenter segmenter;
        std::size_t left; // datagrams
    };

    PacketQueue(FileDescriptor socket, PacketRing ring, rte_mempool* pool)
        : socket_(std::move(socket)), ring_(std::move(ring)), pool_(pool)
    {
    }
    bool take(PacketRing::Slot slot, std::optional<SpareBuffers>& spares, rte_mbuf*& frame) noexcept;
    rte_mbuf* copy(PacketRing::Slot slot) noexcept;
    rte_mbuf* read_large(SpareBuffers& spares) noexcept;
    std::size_t cut(std::span<rte_mbuf*> out) noexcept;

    FileDescriptor socket_;
    PacketRing ring_;
    rte_mempool* pool_;
    std::optional<Uncut> uncut_;
    // Written by the worker, read by the control thread.
    std::atomic<std::uint64_t> missed_{0}; // found the socket's buffer full
    std::atomic<std::uint64_t> errors_{0}; // the kernel could not describe
    std::atomic<std::uint64_t> nombuf_{0}; // could not be cut, for want of buffers
    // The control thread's.
    alignas(64) std::vector<sock_filter> filter_; // that the socket has; empty: none
    std::uint64_t dropped_ = 0;                   // by the socket, until it was last asked
};

} // namespace vx
