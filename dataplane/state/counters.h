// SPDX-License-Identifier: BSD-3-Clause
// Counters with one writer each. Readers may lag, but never see a torn or a lost count; a "reset" is a baseline that
// the reader keeps.
#pragma once

#include "dataplane/net/drop_reason.h"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace vx
{

class Counter
{
public:
    // Load and store, not a locked add: there is no other writer.
    void add(std::uint64_t n) noexcept
    {
        value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
    std::uint64_t read() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> value_{0};
};
static_assert(sizeof(Counter) == 8 && std::atomic<std::uint64_t>::is_always_lock_free);

// One device, one worker. Zero bytes are a valid, zero state: workers map them as zero pages.
struct alignas(64) LinkCounters {
    Counter rx_packets;
    Counter rx_bytes;
    Counter tx_packets;
    Counter tx_bytes;
    Counter drops[kDropReasonCount]; // by DropReason
};

struct alignas(64) WorkerCounters {
    Counter packets;
    Counter bursts;
    Counter busy_ticks; // TSC ticks of loop turns that found packets
    Counter idle_ticks;
    Counter sleeps;
    Counter learn_lost; // learn events for which the ring had no room
};

} // namespace vx
