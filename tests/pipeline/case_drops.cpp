// SPDX-License-Identifier: BSD-3-Clause
#include "tests/pipeline/case_drops.h"

#include "control/wire/pcapng.h"
#include "tools/exporter/families.h"

#include <fmt/format.h>

#include <algorithm>

namespace vx::test
{

namespace
{

// Why `explain`, which is given the bytes of one frame, cannot tell some reasons before they happen. Nothing but this
// list excuses a reason.
struct Excuse {
    DropReason reason;
    std::string_view why;
};
constexpr Excuse kNotExplained[] = {
    {DropReason::offload_invalid, "offloads are beside the frame, which has none when it is explained"},
    {DropReason::ttl_expired, "the control thread drops it, after it has told the sender"},
    {DropReason::mld_query_invalid, "the control thread drops it, which alone reads more than its type"},
    {DropReason::neighbor_unresolved, "the control thread drops it, when nobody has answered"},
    {DropReason::vtep_path_mtu, "the control thread drops it, when it has read what ICMP quotes"},
    {DropReason::vtep_unreachable, "the control thread drops it, when it has read what ICMP quotes"},
    {DropReason::no_mbuf, "how many buffers will be left is not known"},
    {DropReason::flood_limit,
     "what stands for many segments is not one of explain's frames, and what waits is not known"},
    {DropReason::no_headroom, "how a driver will place the frame is not known"},
    {DropReason::punt_full, "how much the control thread will have to do is not known"},
    {DropReason::tx_full, "how full a port will be is not known"},
};

Response run(Controller& controller, CommandWords words, Format format)
{
    Request request;
    request.commands.add(words);
    request.format = format;
    return controller.run(request);
}

std::string hexadecimal(const Frame& frame)
{
    std::string digits;
    for (const std::byte byte : frame)
        digits += fmt::format("{:02x}", std::to_integer<unsigned>(byte));
    return digits;
}

// A command's answer in both formats; nothing, and a problem, if it fails.
struct Answers {
    nlohmann::ordered_json json;
    std::string text;
};
std::optional<Answers> ask(Controller& controller, const CommandWords& words, std::vector<std::string>& problems)
{
    Response json = run(controller, words, Format::kJson);
    Response text = run(controller, words, Format::kText);
    for (const Response* response : {&json, &text})
        if (!response->failures.empty()) {
            problems.push_back(fmt::format("{}: {}", words[0], response->failures.front().error.message));
            return std::nullopt;
        }
    return Answers{json.outputs.front(), text.outputs.front().get<std::string>()};
}

} // namespace

DropCounts drops_of_stats(Controller& controller, std::vector<std::string>& problems)
{
    DropCounts drops;
    const auto answers = ask(controller, {"stats", "show"}, problems);
    if (!answers)
        return drops;
    for (const auto& link : answers->json["links"])
        for (const auto& [reason, count] : link["drops"].items()) {
            const auto name = link["ifname"].get<std::string>();
            drops[{name, reason}] = count.get<std::uint64_t>();
            if (answers->text.find(fmt::format("\n{:<20} {:<15} ", reason, name)) == std::string::npos)
                problems.push_back(fmt::format("stats show: no line of text for {} {}", name, reason));
        }
    return drops;
}

DropCounts drops_of_metrics(Controller& controller, std::vector<std::string>& problems)
{
    DropCounts drops;
    const auto stats = ask(controller, {"stats", "show"}, problems);
    const auto links = ask(controller, {"link", "show"}, problems);
    if (!stats || !links)
        return drops;
    const auto snapshot = exporter::snapshot_from(stats->json, links->json, "0");
    if (!snapshot) {
        problems.push_back(snapshot.error().message);
        return drops;
    }
    exporter::Viewer viewer(snapshot->devices.size());
    for (const auto& family : exporter::families_of(*snapshot, viewer.look_at(*snapshot)))
        for (const auto& metric : family.metric) {
            if (family.name != "vxd_device_drops_total")
                continue;
            std::map<std::string, std::string> labels;
            for (const auto& label : metric.label)
                labels[label.name] = label.value;
            drops[{labels["device"], labels["reason"]}] = static_cast<std::uint64_t>(metric.counter.value);
        }
    return drops;
}

DropCounts drops_of_explain(Controller& controller, const std::string& link, const Frame& frame,
                            std::vector<std::string>& problems)
{
    DropCounts drops;
    const auto answers = ask(controller, {"explain", "dev", link, hexadecimal(frame)}, problems);
    if (!answers)
        return drops;
    for (const auto& step : answers->json) {
        if (!step.contains("drop"))
            continue;
        const auto name = step["ifname"].get<std::string>();
        const auto reason = step["drop"].get<std::string>();
        ++drops[{name, reason}];
        if (answers->text.find(fmt::format("{}: drop {}: ", name, reason)) == std::string::npos)
            problems.push_back(fmt::format("explain: no line of text for {} {}", name, reason));
    }
    return drops;
}

DropCounts since(const DropCounts& before, DropCounts now)
{
    for (auto& [key, count] : now)
        if (const auto found = before.find(key); found != before.end())
            count -= found->second;
    std::erase_if(now, [](const auto& entry) { return entry.second == 0; });
    return now;
}

std::vector<std::string> disagreements(const DropCounts& one, std::string_view name_of_one, const DropCounts& other,
                                       std::string_view name_of_other)
{
    DropCounts all = one;
    all.insert(other.begin(), other.end());
    const auto of = [](const DropCounts& counts, const DropCounts::key_type& key) {
        const auto found = counts.find(key);
        return found == counts.end() ? std::uint64_t{0} : found->second;
    };
    std::vector<std::string> texts;
    for (const auto& [key, count] : all)
        if (of(one, key) != of(other, key))
            texts.push_back(fmt::format("drops: {} {}: {} by {}, {} by {}", key.first, key.second, of(one, key),
                                        name_of_one, of(other, key), name_of_other));
    return texts;
}

std::string_view drop_in(std::string_view comment)
{
    constexpr std::string_view kDrop = "drop ";
    const std::size_t end = comment.find(": ");
    return comment.starts_with(kDrop) && end != comment.npos ? comment.substr(kDrop.size(), end - kDrop.size())
                                                             : std::string_view{};
}

// ---- captures --------------------------------------------------------------------------------------------------

NamedCapture::NamedCapture(const Controller& controller, std::shared_ptr<Capture> capture)
    : controller_(&controller), capture_(std::move(capture)),
      blocks_(std::make_unique<CaptureBlocks>(capture_->spec(), *names_))
{
    reader_.add(blocks_->begin("first"));
}

Result<NamedCapture> NamedCapture::start(Dataplane& dataplane, const Controller& controller, const CaptureSpec& spec)
{
    auto capture = dataplane.start_capture(spec);
    if (!capture)
        return std::move(capture).error();
    return NamedCapture{controller, *std::move(capture)};
}

void NamedCapture::take(const std::function<void(const PacketBlock& packet, std::string_view interface)>& look)
{
    while (const auto seen = capture_->pop()) {
        names_->set(controller_->model()); // it may be a new link's
        reader_.add(blocks_->packet(*seen));
        while (const auto block = reader_.next()) {
            if (block->type == pcapng::kInterface)
                interfaces_.emplace_back(interface_name(*block));
            else if (const auto packet = read_packet(*block))
                look(*packet, interfaces_[packet->interface]);
        }
    }
}

// ---- the list --------------------------------------------------------------------------------------------------

void ReachedReasons::add(const DropCounts& drops)
{
    for (const auto& [key, count] : drops)
        names_.insert(key.second);
}

std::vector<std::string> ReachedReasons::problems() const
{
    std::vector<std::string> texts;
    for (std::size_t index = 0; index < kDropReasonCount; ++index) {
        const auto reason = static_cast<DropReason>(index);
        const auto excuse = std::ranges::find(kNotExplained, reason, &Excuse::reason);
        const bool is_excused = way_ == Way::kExplained && excuse != std::end(kNotExplained);
        const bool is_reached = names_.contains(to_string(reason));
        if (is_reached && is_excused)
            texts.push_back(fmt::format("{}: is reached, and yet \"{}\"", to_string(reason), excuse->why));
        else if (!is_reached && !is_excused)
            texts.push_back(fmt::format("{}: is reached by no case", to_string(reason)));
    }
    return texts;
}

} // namespace vx::test
