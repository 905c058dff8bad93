// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/capture/capture.h"

#include <algorithm>

namespace vx
{

namespace
{

constexpr std::size_t kLeastRingBytes = std::size_t{512} << 10;

} // namespace

Result<std::shared_ptr<Capture>> Capture::create(CaptureSpec spec, std::size_t producers, std::size_t ring_bytes)
{
    std::shared_ptr<Capture> made{new Capture(std::move(spec))};
    const std::size_t bytes = std::max(ring_bytes / producers, kLeastRingBytes);
    for (std::size_t i = 0; i < producers; ++i) {
        Lane& lane = made->lanes_.emplace_back();
        if (made->spec_.tally) {
            lane.tally = std::make_unique<Tally>();
            continue;
        }
        auto ring =
            SpscRing<CaptureCell>::create("vx_capture", static_cast<std::uint32_t>(bytes / sizeof(CaptureCell)));
        if (!ring)
            return std::move(ring).error();
        lane.ring = std::move(*ring);
    }
    made->body_.resize(cells_for(kMaxSnaplen));
    return made;
}

void Capture::count(std::size_t producer, const CaptureRecord& seen, std::span<const std::byte> head) noexcept
{
    Tally::Key key{.link = seen.link};
    if (spec_.tally == Tally::By::kVtep) {
        key.direction = seen.direction;
        key.name = seen.remote;
        key.family = seen.remote_family;
    } else {
        std::memcpy(key.name.data(), head.data(), std::min<std::size_t>(head.size(), 6));
    }
    lanes_[producer].tally->add(key, seen.size);
}

std::optional<Capture::Seen> Capture::pop()
{
    Lane* oldest = nullptr;
    for (Lane& lane : lanes_) {
        std::array<CaptureCell, kRecordCells> head;
        if (!lane.next && lane.ring->pop_all(head))
            std::memcpy(static_cast<void*>(&lane.next.emplace()), head.data(), sizeof(CaptureRecord));
        if (lane.next && (oldest == nullptr || lane.next->time_ns < oldest->next->time_ns))
            oldest = &lane;
    }
    if (oldest == nullptr)
        return std::nullopt;
    Seen seen{.record = *oldest->next, .bytes = {}};
    oldest->next.reset();
    const std::span<CaptureCell> body{body_.data(), cells_for(seen.record.captured)};
    if (!body.empty())
        oldest->ring->pop_all(body); // it is there: a record was pushed whole
    seen.bytes = {reinterpret_cast<const std::byte*>(body_.data()), seen.record.captured};
    return seen;
}

std::uint64_t Capture::taken() const
{
    std::uint64_t sum = 0;
    for (const Lane& lane : lanes_)
        sum += lane.taken.read();
    return sum;
}

std::uint64_t Capture::lost() const
{
    std::uint64_t sum = 0;
    for (const Lane& lane : lanes_)
        sum += lane.lost.read();
    return sum;
}

std::shared_ptr<const CaptureSet> CaptureSet::with(std::shared_ptr<Capture> capture) const
{
    auto more = std::make_shared<CaptureSet>(*this);
    const auto free = std::find(more->all_.begin(), more->all_.end(), nullptr);
    if (free == more->all_.end())
        return nullptr;
    *free = std::move(capture);
    return more;
}

std::shared_ptr<const CaptureSet> CaptureSet::without(const Capture& capture) const
{
    auto less = std::make_shared<CaptureSet>(*this);
    for (auto& one : less->all_)
        if (one.get() == &capture)
            one.reset();
    return less;
}

bool CaptureSet::is_empty() const
{
    return std::all_of(all_.begin(), all_.end(), [](const auto& one) { return one == nullptr; });
}

} // namespace vx
