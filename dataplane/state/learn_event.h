// SPDX-License-Identifier: BSD-3-Clause
// What a worker tells the control thread about a source MAC that it did not know there.
#pragma once

#include "dataplane/net/ip.h"
#include "dataplane/state/fdb_key.h"
#include "dataplane/state/ids.h"

#include <array>
#include <cstdint>
#include <span>

namespace vx
{

struct LearnEvent {
    FdbKey key;
    LinkId link; // the port, or the VXLAN device it was decapsulated by
    std::uint16_t reserved = 0;
    std::uint32_t reserved2 = 0;
    std::array<std::uint8_t, 16> vtep{}; // the outer source address; all zero for a local port
    std::uint8_t vtep_family = 0;        // 4, 6, or 0 for a local port
    std::array<std::uint8_t, 7> padding{};
};
static_assert(sizeof(LearnEvent) == 40);

// Collects a turn's learn events, and keeps most MACs from being reported with every packet until the control thread
// has answered: one that no other MAC shares its cell with is reported once a second from one place.
class LearnFilter
{
public:
    // True if the event should be reported now; remembers it then.
    bool admit(std::uint64_t key, std::uint64_t place, std::uint32_t now) noexcept
    {
        if (now != second_) {
            second_ = now;
            seen_.fill(0);
        }
        const std::uint64_t mixed = (key ^ (place * 0x9e3779b97f4a7c15ULL)) | 1;
        // One cell a MAC, whatever its place, so that a move back is seen as a move.
        std::uint64_t& cell = seen_[(key * 0x9e3779b97f4a7c15ULL) >> 56];
        if (cell == mixed)
            return false;
        cell = mixed;
        return true;
    }

    // The events of this turn; the worker hands them over at its end. False if there is no room: the event is lost,
    // and the MAC is reported again after a second.
    bool push(const LearnEvent& event) noexcept
    {
        if (count_ == events_.size())
            return false;
        events_[count_++] = event;
        return true;
    }
    std::span<const LearnEvent> events() const noexcept { return {events_.data(), count_}; }
    void clear() noexcept { count_ = 0; }

private:
    std::array<LearnEvent, 1024> events_{};
    std::array<std::uint64_t, 256> seen_{};
    std::size_t count_ = 0;
    std::uint32_t second_ = 0;
};

} // namespace vx
