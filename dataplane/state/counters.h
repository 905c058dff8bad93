// SPDX-License-Identifier: BSD-3-Clause
// Counters with one writer each. Readers may lag, but never see a torn or a lost count; a "reset" is a baseline that
// the reader keeps.
#pragma once

#include "dataplane/net/drop_reason.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace vx
{

class Counter
{
public:
    // One plain instruction, not a locked one: there is no other writer. Compilers make three of an atomic's relaxed
    // load and store.
    void add(std::uint64_t n) noexcept { asm("addq %1, %0" : "+m"(value_) : "er"(n) : "cc"); }
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
    static constexpr std::size_t kSizes = 33;     // 0 to a whole burst
    static constexpr std::size_t kDurations = 48; // powers of two, the last of them 39 hours at 1 GHz

    Counter packets;
    Counter busy_ticks; // TSC ticks of loop turns that found packets
    Counter idle_ticks;
    Counter sleeps;
    Counter learn_lost; // learn events for which the ring had no room
    std::array<Counter, kSizes> bursts_by_packets;
    // Of turns that found a whole burst or more: there waking, polling and flushing are shared by many.
    Counter full_turn_packets;
    Counter full_turn_ticks;
    // Of turns that found packets, [n] those of 2^n ticks to twice that: no packet that was forwarded
    // stayed longer than its turn.
    std::array<Counter, kDurations> turns_by_log2_ticks;
};

} // namespace vx
