// SPDX-License-Identifier: BSD-3-Clause
// The Dataplane's captures: they come and go with the published config, so that a worker reads one list in a turn.
#include "dataplane/dataplane_state.h"

#include <unistd.h>

#include <utility>

namespace vx
{

Result<std::shared_ptr<Capture>> Dataplane::start_capture(CaptureSpec spec)
{
    const std::size_t producers = state_->workers.size() + 1; // and the control thread
    auto capture = Capture::create(std::move(spec), producers);
    if (!capture)
        return capture;
    const CaptureSet none;
    auto more = (state_->captures == nullptr ? none : *state_->captures).with(*capture);
    if (more == nullptr)
        return error("{} captures are running, and no more than that can", CaptureSet::kMax);
    state_->captures = std::move(more);
    ++state_->capture_changes;
    refresh_tables();
    return capture;
}

void Dataplane::stop_capture(const Capture& capture)
{
    auto less = state_->captures->without(capture);
    state_->captures = less->is_empty() ? nullptr : std::move(less);
    ++state_->capture_changes;
    refresh_tables();
}

Result<Dataplane::TallyTotals> Dataplane::tally(Tally::By by)
{
    auto& kept = state_->tallies[static_cast<std::size_t>(by)];
    const std::uint32_t now = state_->now.load(std::memory_order_relaxed);
    if (kept.capture == nullptr) {
        CaptureSpec spec;
        spec.point = by == Tally::By::kVtep ? CapturePoint::kVxlan : CapturePoint::kBridge;
        spec.tally = by;
        auto capture = start_capture(std::move(spec));
        if (!capture)
            return std::move(capture).error();
        kept = {*std::move(capture), now, now};
    }
    kept.asked = now;
    TallyTotals totals;
    totals.seconds = now - kept.begun;
    const auto add = [](Tally::Counts& sum, const Tally::Counts& counts) {
        sum.packets += counts.packets;
        sum.bytes += counts.bytes;
    };
    kept.capture->for_each_tally([&](const Tally& tally) {
        tally.for_each([&](const Tally::Key& key, const Tally::Counts& counts) { add(totals.rows[key], counts); });
        add(totals.others, tally.others());
    });
    return totals;
}

void Dataplane::end_idle_tallies()
{
    for (auto& kept : state_->tallies)
        if (kept.capture != nullptr && state_->now.load(std::memory_order_relaxed) - kept.asked > kTallySeconds)
            stop_capture(*std::exchange(kept.capture, nullptr));
}

void Dataplane::notify()
{
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = write(state_->event_fd, &one, sizeof(one));
}

void Dataplane::count_drop(LinkId link, DropReason reason, Bytes frame, const PacketTag& tag)
{
    ++state_->own_drops[link].drops[static_cast<std::size_t>(reason)];
    if (state_->captures == nullptr)
        return;
    // A capture that has begun since may have the number of one that followed the packet.
    const std::uint64_t id = tag.captures == state_->capture_changes ? tag.id : Probe::number_of(tag.id);
    state_->probe.begin(*state_->captures)->dropped(frame, link, reason, id);
}

} // namespace vx
