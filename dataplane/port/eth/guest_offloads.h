// SPDX-License-Identifier: BSD-3-Clause
// What a virtual machine's driver leaves undone and takes undone, as it has agreed with net_vhost; and the translation
// between DPDK's mbuf flags, by which that driver says so, and our MbufNote.
#pragma once

#include "dataplane/dpdk/mbuf.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>

namespace vx
{

class GuestOffloads
{
public:
    // Follows the guests of a net_vhost device, which come and go; nullptr if DPDK refuses. Has to go before the device
    // is closed.
    static std::unique_ptr<GuestOffloads> follow(std::uint16_t port_id);
    GuestOffloads(const GuestOffloads&) = delete;
    ~GuestOffloads();

    // What the present guest takes; nothing while there is none. Any thread.
    Offloads taken() const noexcept { return unpack(taken_.load(std::memory_order_relaxed)); }

    // Turns the flags of frames that were received into notes. A frame whose flags make no sense gets a note that the
    // pipeline refuses; but that a large one has a partial checksum is believed, as the driver does not say.
    static void note(std::span<rte_mbuf* const> frames) noexcept;
    // Turns a note into the flags by which the driver tells the guest, or does what they have no words for. False if
    // neither can be, or no buffer is left in `pool`. Precondition: has_partial_checksum(frame), and the note was found
    // sound.
    static bool request(rte_mbuf*& frame, rte_mempool* pool) noexcept;

    // Asks what has been agreed: a guest has come or gone.
    void look() noexcept;

private:
    explicit GuestOffloads(std::uint16_t port_id) : port_id_(port_id) {}
    static std::uint8_t pack(Offloads offloads) noexcept;
    static Offloads unpack(std::uint8_t bits) noexcept;

    std::uint16_t port_id_;
    std::atomic<std::uint8_t> taken_{0}; // written by the thread that serves the guests' sockets
};

} // namespace vx
