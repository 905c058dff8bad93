// SPDX-License-Identifier: BSD-3-Clause
// A capture: which frames it wants, and a ring from each worker to whoever reads it. Workers never wait: what finds
// its ring full is counted. One that keeps no frames has a tally of each worker in place of a ring.
#pragma once

#include "dataplane/capture/packet_filter.h"
#include "dataplane/capture/record.h"
#include "dataplane/capture/tally.h"
#include "dataplane/dpdk/spsc_ring.h"
#include "dataplane/state/counters.h"

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace vx
{

struct CaptureSpec {
    std::optional<CapturePoint> point; // absent: every one
    LinkId link;                       // none: every one
    std::optional<Direction> direction;
    std::optional<DropReason> reason; // with kDrop
    std::uint32_t snaplen = kMaxSnaplen;
    PacketFilter filter;
    bool follows = false;           // also takes all that happens afterwards to a frame that it has taken
    std::optional<Tally::By> tally; // keeps no frames, but counts them
};

class Capture
{
public:
    // One ring for each of `producers` threads.
    static constexpr std::size_t kRingBytes = std::size_t{8} << 20; // of all rings together
    static Result<std::shared_ptr<Capture>> create(CaptureSpec spec, std::size_t producers,
                                                   std::size_t ring_bytes = kRingBytes);

    const CaptureSpec& spec() const { return spec_; }
    bool wants(const CaptureRecord& seen) const noexcept
    {
        return (!spec_.point || *spec_.point == seen.point) && (spec_.link.is_none() || spec_.link == seen.link) &&
               (!spec_.direction || *spec_.direction == seen.direction || seen.point == CapturePoint::kDrop) &&
               (!spec_.reason || *spec_.reason == seen.dest.reason());
    }

    // The producer's thread. Precondition: cells hold one record whole.
    void push(std::size_t producer, std::span<const CaptureCell> cells) noexcept
    {
        lanes_[producer].taken.add(1);
        if (!lanes_[producer].ring->push_all(cells))
            lanes_[producer].lost.add(1);
    }

    // The same, of a capture with a tally.
    void count(std::size_t producer, const CaptureRecord& seen, std::span<const std::byte> head) noexcept;

    // The reader's, one thread: the oldest record that is there, with its bytes; nothing: there is none. What it points
    // to is good until the next call.
    struct Seen {
        CaptureRecord record;
        std::span<const std::byte> bytes;
    };
    std::optional<Seen> pop();
    // How many frames it wanted, and how many of these found a ring full.
    std::uint64_t taken() const;
    std::uint64_t lost() const;
    // Of a capture with a tally: function(const Tally&) for that of each producer.
    template <typename Function>
    void for_each_tally(Function&& function) const
    {
        for (const Lane& lane : lanes_)
            function(*lane.tally);
    }

private:
    struct Lane {
        std::optional<SpscRing<CaptureCell>> ring; // or
        std::unique_ptr<Tally> tally;
        alignas(64) Counter taken;
        Counter lost;
        alignas(64) std::optional<CaptureRecord> next; // out of the ring, but for its bytes; the reader's
    };

    explicit Capture(CaptureSpec spec) : spec_(std::move(spec)) {}

    const CaptureSpec spec_;
    std::deque<Lane> lanes_;        // by producer
    std::vector<CaptureCell> body_; // of the record read last
};

// Those that there are at present; immutable, published with the ForwardingConfig.
class CaptureSet
{
public:
    static constexpr std::size_t kMax = 8;

    CaptureSet() = default;
    // With one more, or one less. `with` nothing: there are kMax.
    std::shared_ptr<const CaptureSet> with(std::shared_ptr<Capture> capture) const;
    std::shared_ptr<const CaptureSet> without(const Capture& capture) const;

    bool is_empty() const;
    // By a number that a capture keeps while it lives; null: none has it.
    const std::array<std::shared_ptr<Capture>, kMax>& all() const { return all_; }

private:
    std::array<std::shared_ptr<Capture>, kMax> all_;
};

} // namespace vx
