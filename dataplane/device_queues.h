// SPDX-License-Identifier: BSD-3-Clause
// Frames that wait, in a queue for each device that they came in by; the devices take turns. Of one worker.
#pragma once

#include "dataplane/state/ids.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace vx
{

// An Item owns frames, which free() gives back.
template <typename Item>
class DeviceQueues
{
public:
    // `places`: of all devices together, of which a device has `most_of_device` at most. `most_buffers`: packet buffers
    // that may wait here. A quarter of both is for devices of which nothing waits yet.
    DeviceQueues(std::uint16_t places, std::uint16_t most_of_device, std::size_t most_buffers)
        : most_of_device_(most_of_device), most_buffers_(most_buffers), cells_(places), queues_(kMaxLinks),
          turns_(places)
    {
        for (std::size_t cell = 0; cell < places; ++cell)
            cells_[cell].next = static_cast<std::uint16_t>(cell + 1);
    }
    DeviceQueues(const DeviceQueues&) = delete;
    DeviceQueues& operator=(const DeviceQueues&) = delete;
    ~DeviceQueues()
    {
        for (; !is_empty(); pop())
            front().free();
    }

    bool is_empty() const noexcept { return turn_count_ == 0; }
    bool has(LinkId device) const noexcept { return queues_[device.value].count != 0; }
    std::size_t device_count() const noexcept { return turn_count_; } // of which something waits
    bool is_half_full() const noexcept { return count_ > cells_.size() / 2 || buffers_ > most_buffers_ / 2; }

    // Behind those of the same device. False, and it is still the caller's, if too many wait.
    bool add(LinkId device, const Item& item, std::size_t buffers) noexcept
    {
        Queue& queue = queues_[device.value];
        if (free_ == cells_.size() || queue.count == most_of_device_ || buffers_ + buffers > most_buffers_)
            return false;
        if (queue.count != 0 && (count_ >= cells_.size() / 4 * 3 || buffers_ + buffers > most_buffers_ / 4 * 3))
            return false;
        const std::uint16_t at = free_;
        Cell& cell = cells_[at];
        free_ = cell.next;
        cell.item = item;
        cell.device = device;
        cell.buffers = static_cast<std::uint16_t>(buffers);
        if (queue.count == 0)
            turns_[(turn_ + turn_count_++) % turns_.size()] = at;
        else
            cells_[queue.last].next = at;
        queue.last = at;
        ++queue.count;
        ++count_;
        buffers_ += buffers;
        return true;
    }

    // The device whose turn it is, and the first that waits of it. Precondition of these and what follows: !is_empty().
    LinkId device() const noexcept { return cells_[turns_[turn_]].device; }
    Item& front() noexcept { return cells_[turns_[turn_]].item; }
    // It and those behind it, of the same device, as far as `out` holds them. Returns how many. They stay where they
    // are.
    std::size_t peek(std::span<Item*> out) noexcept
    {
        const std::size_t count = std::min<std::size_t>(out.size(), queues_[device().value].count);
        std::uint16_t at = turns_[turn_];
        for (std::size_t i = 0; i < count; ++i, at = cells_[at].next)
            out[i] = &cells_[at].item;
        return count;
    }
    // The next device's turn.
    void rotate() noexcept
    {
        const std::uint16_t at = turns_[turn_];
        turn_ = (turn_ + 1) % turns_.size();
        turns_[(turn_ + turn_count_ - 1) % turns_.size()] = at;
    }
    // The first is the caller's now. It stays the same device's turn if there is more of it.
    void pop() noexcept
    {
        const std::uint16_t at = turns_[turn_];
        Cell& cell = cells_[at];
        buffers_ -= cell.buffers;
        --count_;
        if (--queues_[cell.device.value].count != 0) {
            turns_[turn_] = cell.next;
        } else {
            turn_ = (turn_ + 1) % turns_.size();
            --turn_count_;
        }
        cell.next = free_;
        free_ = at;
    }

private:
    struct Cell {
        Item item;
        std::uint16_t next = 0; // behind it, of the same device or of those that are free
        std::uint16_t buffers = 0;
        LinkId device;
    };
    struct Queue { // of a device
        std::uint16_t last = 0;
        std::uint16_t count = 0;
    };

    const std::size_t most_of_device_;
    const std::size_t most_buffers_;
    std::vector<Cell> cells_;
    std::vector<Queue> queues_;        // by LinkId
    std::vector<std::uint16_t> turns_; // a ring: the first cell of each device that has one
    std::size_t turn_ = 0;
    std::size_t turn_count_ = 0;
    std::uint16_t free_ = 0; // the first cell; cells_.size(): none
    std::size_t count_ = 0;
    std::size_t buffers_ = 0;
};

} // namespace vx
