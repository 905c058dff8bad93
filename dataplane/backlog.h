// SPDX-License-Identifier: BSD-3-Clause
// Frames of which many are made, by copying and cutting, and how far that has come: what one turn has no room for goes
// on in the next. They wait by the device that they came in by, and the devices take turns, so that a storm of one
// waits for itself. Of one worker.
#pragma once

#include "dataplane/offload/gso.h"
#include "dataplane/stage/packet.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace vx
{

// One frame. A config may be published while it waits, and numbers may be others' then: lists are known again by their
// own numbers, and what is in a list of the present config is of the present config.
struct Job {
    Packet packet; // packet.mbuf: what is copied; null if there is only `whole`
    LinkId device; // that it waits by
    // What it is copied to: number() of the list, 0 for none; and how far.
    std::uint64_t vteps = 0;
    std::uint64_t ports = 0; // of the bridge
    std::uint32_t vtep_at = 0;
    std::uint32_t port_at = 0;
    LinkId last;        // of the ports up to there the last one: it gets the frame itself, if nobody comes after it
    bool to_us = false; // to the control thread, after all others
    const CaptureSet* captures = nullptr; // that have numbered it

    // A GSO frame, a copy or the frame itself, that is being cut for `egress`.
    rte_mbuf* whole = nullptr;
    LinkId egress;
    std::uint64_t domain = 0; // of egress, as domain_of() has it
    std::optional<Segmenter> segments;

    void cut(rte_mbuf* frame, LinkId port, const ForwardingConfig& config) noexcept
    {
        whole = frame;
        egress = port;
        domain = domain_of(port, config);
        segments.emplace(frame);
    }
    // Whether the port is there, and where it was: in the same bridge, which has had no change; or in the underlay.
    bool has_egress(const ForwardingConfig& config) const noexcept
    {
        return domain != 0 && domain == domain_of(egress, config);
    }
    void free() noexcept // all that is left of it
    {
        rte_pktmbuf_free(packet.mbuf);
        rte_pktmbuf_free(whole);
        packet.mbuf = whole = nullptr;
    }

private:
    static constexpr std::uint64_t kUnderlay = UINT64_MAX;

    static std::uint64_t domain_of(LinkId port, const ForwardingConfig& config) noexcept
    {
        if (port.value >= config.links.size())
            return 0;
        const LinkState& link = config.link(port);
        if (link.role == LinkState::Role::kUnderlay)
            return kUnderlay;
        return link.role == LinkState::Role::kOverlay ? config.bridge(link.bridge).ports.number() : 0;
    }
};

class Backlog
{
public:
    // `most_buffers`: packet buffers that may wait here.
    explicit Backlog(std::size_t most_buffers) : most_buffers_(most_buffers), cells_(kMaxJobs), queues_(kMaxLinks)
    {
        for (std::size_t cell = 0; cell < kMaxJobs; ++cell)
            cells_[cell].next = static_cast<std::uint16_t>(cell + 1);
    }
    Backlog(const Backlog&) = delete;
    Backlog& operator=(const Backlog&) = delete;
    ~Backlog()
    {
        for (; !is_empty(); pop())
            front().free();
    }

    bool is_empty() const noexcept { return turn_count_ == 0; }
    bool has(LinkId device) const noexcept { return queues_[device.value].count != 0; }

    // Behind those of the same device. False, and it is still the caller's, if too many wait: a quarter of all places
    // is for devices of which nothing waits yet.
    bool add(const Job& job) noexcept
    {
        Queue& queue = queues_[job.device.value];
        const std::size_t buffers = buffers_of(job);
        if (free_ == kMaxJobs || queue.count == kMaxOfDevice || buffers_ + buffers > most_buffers_)
            return false;
        if (queue.count != 0 && (count_ >= kMaxJobs / 4 * 3 || buffers_ + buffers > most_buffers_ / 4 * 3))
            return false;
        const std::uint16_t at = free_;
        Cell& cell = cells_[at];
        free_ = cell.next;
        cell.job = job;
        cell.buffers = static_cast<std::uint16_t>(buffers);
        if (queue.count == 0)
            turns_[(turn_ + turn_count_++) % kMaxJobs] = at;
        else
            cells_[queue.last].next = at;
        queue.last = at;
        ++queue.count;
        ++count_;
        buffers_ += buffers;
        return true;
    }

    // The first of the device whose turn it is. Precondition: !is_empty().
    Job& front() noexcept { return cells_[turns_[turn_]].job; }
    // It is not done: the next device's turn.
    void rotate() noexcept
    {
        const std::uint16_t at = turns_[turn_];
        turn_ = (turn_ + 1) % kMaxJobs;
        turns_[(turn_ + turn_count_ - 1) % kMaxJobs] = at;
    }
    // It is done: likewise.
    void pop() noexcept
    {
        const std::uint16_t at = turns_[turn_];
        Cell& cell = cells_[at];
        Queue& queue = queues_[cell.job.device.value];
        buffers_ -= cell.buffers;
        --count_;
        if (--queue.count != 0) {
            turns_[turn_] = cell.next;
            rotate();
        } else {
            turn_ = (turn_ + 1) % kMaxJobs;
            --turn_count_;
        }
        cell.next = free_;
        free_ = at;
    }

private:
    static constexpr std::size_t kMaxJobs = 512;
    static constexpr std::size_t kMaxOfDevice = kBurst; // a port of which something waits is not polled

    struct Cell {
        Job job;
        std::uint16_t next = 0; // behind it, of the same device or of those that are free
        std::uint16_t buffers = 0;
    };
    struct Queue { // of a device
        std::uint16_t last = 0;
        std::uint16_t count = 0;
    };

    // A frame that is cut is there twice, if it is copied.
    static std::size_t buffers_of(const Job& job) noexcept
    {
        const rte_mbuf* const frame = job.packet.mbuf != nullptr ? job.packet.mbuf : job.whole;
        return std::size_t{frame->nb_segs} * (is_gso(frame) ? 2 : 1);
    }

    const std::size_t most_buffers_;
    std::vector<Cell> cells_;
    std::vector<Queue> queues_;                   // by LinkId
    std::array<std::uint16_t, kMaxJobs> turns_{}; // a ring: the first job of each device that has one
    std::size_t turn_ = 0;
    std::size_t turn_count_ = 0;
    std::uint16_t free_ = 0; // the first cell; kMaxJobs: none
    std::size_t count_ = 0;
    std::size_t buffers_ = 0;
};

} // namespace vx
