// SPDX-License-Identifier: BSD-3-Clause
#include "tests/pipeline/case_capture.h"

#include <algorithm>

namespace vx::test
{

Result<CaseCapture> CaseCapture::start(Dataplane& dataplane, const Controller& controller)
{
    auto capture = dataplane.start_capture({});
    if (!capture)
        return std::move(capture).error();
    return CaseCapture{dataplane, controller, *std::move(capture)};
}

CaseCapture::Drops CaseCapture::counted() const
{
    Drops drops;
    for (const auto& [id, link] : controller_->model().links()) {
        const LinkTotals totals = dataplane_->link_totals(id);
        for (std::size_t reason = 0; reason < kDropReasonCount; ++reason)
            if (totals.drops[reason] != 0)
                drops[{id, static_cast<DropReason>(reason)}] = totals.drops[reason];
    }
    return drops;
}

std::string CaseCapture::name_of(LinkId link) const
{
    const Link* found = controller_->model().find(link);
    return found == nullptr ? std::to_string(link.value) : found->name;
}

void CaseCapture::take()
{
    while (const auto seen = capture_->pop()) {
        const CaptureRecord& record = seen->record;
        if (record.packet_id == 0 || record.time_ns == 0 || record.size < record.captured)
            problems_.push_back(fmt::format("a record with id {}, time {}, size {} and {} bytes", record.packet_id,
                                            record.time_ns, record.size, record.captured));
        if (record.point == CapturePoint::kDrop)
            ++drops_[{record.link, record.dest.reason()}];
        if (record.point != CapturePoint::kPort)
            continue;
        if (record.direction == Direction::kOut)
            out_[name_of(record.link)].emplace_back(seen->bytes.begin(), seen->bytes.end());
        else if (auto& ways = ways_[record.packet_id]; ways.push_back(record.link), ways.size() > 1)
            problems_.push_back(fmt::format("the id {} was given twice", record.packet_id));
    }
}

std::vector<std::string> CaseCapture::problems(const std::map<std::string, std::vector<Frame>>& left)
{
    take();
    if (capture_->lost() != 0)
        problems_.push_back(fmt::format("{} of {} records were lost", capture_->lost(), capture_->taken()));
    Drops all = counted();
    all.insert(drops_.begin(), drops_.end());
    Drops now = counted();
    for (const auto& [key, count] : all)
        if (now[key] - before_[key] != drops_[key])
            problems_.push_back(fmt::format("{}: {} drops for {}, {} recorded", name_of(key.first),
                                            now[key] - before_[key], to_string(key.second), drops_[key]));
    for (const auto& [link, frames] : left) {
        // What the port did not take was recorded too.
        auto next = out_[link].begin();
        for (const Frame& frame : frames) {
            next = std::find(next, out_[link].end(), frame);
            if (next == out_[link].end()) {
                problems_.push_back(fmt::format("{}: a frame of {} bytes left unseen", link, frame.size()));
                break;
            }
            ++next;
        }
    }
    return std::move(problems_);
}

} // namespace vx::test
