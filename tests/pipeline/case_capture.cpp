// SPDX-License-Identifier: BSD-3-Clause
#include "tests/pipeline/case_capture.h"

#include "tools/vxctl/describe.h"

#include <fmt/format.h>

#include <algorithm>

namespace vx::test
{

Result<CaseCapture> CaseCapture::start(Dataplane& dataplane, Controller& controller)
{
    auto everything = dataplane.start_capture({});
    if (!everything)
        return std::move(everything).error();
    CaptureSpec dropped;
    dropped.point = CapturePoint::kDrop;
    auto drops = NamedCapture::start(dataplane, controller, dropped);
    if (!drops)
        return std::move(drops).error();
    CaptureSpec coming_in;
    coming_in.point = CapturePoint::kPort;
    coming_in.direction = Direction::kIn;
    coming_in.follows = true;
    auto trace = NamedCapture::start(dataplane, controller, coming_in);
    if (!trace)
        return std::move(trace).error();
    return CaseCapture{controller, *std::move(everything), *std::move(drops), *std::move(trace)};
}

std::string CaseCapture::name_of(LinkId link) const
{
    const Link* found = controller_->model().find(link);
    return found == nullptr ? fmt::format("if{}", link.value) : found->name;
}

void CaseCapture::take()
{
    take_everything();
    drops_.take([this](const PacketBlock& packet, std::string_view interface) {
        if (const std::string_view name = drop_in(packet.comment); !name.empty())
            ++captured_[{std::string{interface}, std::string{name}}];
        else
            problems_.push_back(fmt::format("\"{}\" is the comment of a drop", packet.comment));
    });
    trace_.take([this](const PacketBlock& packet, std::string_view interface) {
        const std::string line = line_of(packet, interface);
        if (const std::string_view name = drop_in(packet.comment); !name.empty()) {
            ++traced_[{std::string{interface}, std::string{name}}];
            if (line.find(fmt::format(" {} ", interface)) == line.npos ||
                !line.ends_with(fmt::format("; {}\n", packet.comment)))
                problems_.push_back(fmt::format("a trace says \"{}\"", line));
        }
    });
}

void CaseCapture::take_everything()
{
    while (const auto seen = everything_->pop()) {
        const CaptureRecord& record = seen->record;
        if (record.packet_id == 0 || record.time_ns == 0 || record.size < record.captured)
            problems_.push_back(fmt::format("a record with id {}, time {}, size {} and {} bytes", record.packet_id,
                                            record.time_ns, record.size, record.captured));
        if (record.point == CapturePoint::kDrop ||
            (record.point == CapturePoint::kBridge && record.dest.kind() == Dest::Kind::kDrop)) {
            const DropCounts::key_type key{name_of(record.link), to_string(record.dest.reason())};
            named_.push_back({key, record.packet_id});
            recorded_[key] += record.point == CapturePoint::kDrop ? 1 : 0;
        }
        if (record.point != CapturePoint::kPort)
            continue;
        if (record.direction == Direction::kOut)
            out_[name_of(record.link)].emplace_back(seen->bytes.begin(), seen->bytes.end());
        else if (auto& ways = ways_[record.packet_id]; ways.push_back(record.link), ways.size() > 1)
            problems_.push_back(fmt::format("the id {} was given twice", record.packet_id));
    }
}

// At the end, for the control thread's records may be read before the workers'.
DropCounts CaseCapture::of_packets() const
{
    DropCounts counts;
    for (const NamedDrop& drop : named_)
        if (ways_.contains(drop.packet_id))
            ++counts[drop.key];
    return counts;
}

std::vector<std::string> CaseCapture::problems(const std::map<std::string, std::vector<Frame>>& left)
{
    take();
    for (const std::uint64_t lost : {everything_->lost(), drops_.lost(), trace_.lost()})
        if (lost != 0)
            problems_.push_back(fmt::format("{} records were lost", lost));
    const DropCounts counted = since(before_, drops_of_stats(*controller_, problems_));
    for (const auto& texts : {disagreements(counted, "stats", recorded_, "a capture of everything"),
                              disagreements(counted, "stats", captured_, "capture drop"),
                              disagreements(of_packets(), "a capture of everything", traced_, "trace")})
        problems_.insert(problems_.end(), texts.begin(), texts.end());
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
