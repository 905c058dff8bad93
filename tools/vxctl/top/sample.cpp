// SPDX-License-Identifier: BSD-3-Clause
#include "tools/vxctl/top/sample.h"

#include "dataplane/net/drop_reason.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace vx::top
{

namespace
{

// A name may have any characters but blanks; those that would move the cursor are not shown as they are.
std::string printable(std::string text)
{
    std::replace_if(
        text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; }, '?');
    return text;
}

std::string state_of(const Json& flags)
{
    const auto has = [&](std::string_view flag) { return std::find(flags.begin(), flags.end(), flag) != flags.end(); };
    if (has("GONE"))
        return "gone";
    if (!has("UP"))
        return "down";
    return has("NO-CARRIER") ? "no link" : "up";
}

FlowCounts read_flow(const Json& json)
{
    const Json& rx = json.at("rx");
    const Json& tx = json.at("tx");
    return {rx.at("packets").get<std::uint64_t>(), rx.at("bytes").get<std::uint64_t>(),
            tx.at("packets").get<std::uint64_t>(), tx.at("bytes").get<std::uint64_t>()};
}

// A link of `stats`.
LinkSample read_counters(const Json& json)
{
    LinkSample link;
    link.index = json.at("ifindex").get<std::uint32_t>();
    link.name = printable(json.at("ifname").get<std::string>());
    const Json& rx = json.at("rx");
    link.counts = read_flow(json);
    for (const DropReasonText& loss : kPortLosses)
        if (const auto count = rx.value(std::string{json_name_of(loss)}, std::uint64_t{0}); count != 0)
            link.drops.emplace_back(loss.name, count);
    for (const auto& [reason, count] : json.at("drops").items())
        link.drops.emplace_back(reason, count.get<std::uint64_t>());
    return link;
}

// The same link of `link show`.
void read_kind(LinkSample& link, const Json& json)
{
    const Json& info = json.at("linkinfo");
    link.kind = info.at("info_kind").get<std::string>();
    link.master = printable(json.value("master", ""));
    link.state = state_of(json.at("flags"));
    const Json& data = info.at("info_data");
    if (link.kind != "vxlan")
        return;
    link.vni = data.at("id").get<std::uint32_t>();
    const bool is_v6 = data.contains("local6");
    link.local = fmt::format("{}{}{}:{}", is_v6 ? "[" : "", data.at(is_v6 ? "local6" : "local").get<std::string>(),
                             is_v6 ? "]" : "", data.at("port").get<std::uint32_t>());
}

WorkerSample read_worker(const Json& json)
{
    WorkerSample worker;
    worker.cpu = json.at("cpu").get<std::uint64_t>();
    worker.packets = json.at("packets").get<std::uint64_t>();
    worker.bursts = json.at("bursts").get<std::uint64_t>();
    worker.busy_ticks = json.at("busy_ticks").get<std::uint64_t>();
    worker.full_turn_packets = json.value("full_turn_packets", std::uint64_t{0});
    worker.full_turn_ticks = json.value("full_turn_ticks", std::uint64_t{0});
    worker.sleeps = json.at("sleeps").get<std::uint64_t>();
    worker.bursts_by_packets = json.value("bursts_by_packets", std::vector<std::uint64_t>{});
    worker.turns_by_log2_ticks = json.value("turns_by_log2_ticks", std::vector<std::uint64_t>{});
    return worker;
}

std::vector<VtepSample> read_vteps(const Json& json)
{
    std::vector<VtepSample> vteps;
    for (const Json& vtep : json.at("vteps"))
        vteps.push_back(
            {vtep.at("dst").get<std::string>(), printable(vtep.at("ifname").get<std::string>()), read_flow(vtep)});
    const Json& others = json.at("others"); // vxd does not keep their directions apart: they are sent, most likely
    if (const auto packets = others.at("packets").get<std::uint64_t>(); packets != 0)
        vteps.push_back({"others", "", {0, 0, packets, others.at("bytes").get<std::uint64_t>()}});
    return vteps;
}

Sample read(const Json& stats, const Json& links, const Json& vteps)
{
    Sample sample;
    sample.tsc_hz = stats.at("tsc_hz").get<double>();
    sample.fdb_entries = stats.at("fdb").at("entries").get<std::uint64_t>();
    const auto buffers = stats.at("buffers").at("total").get<double>();
    sample.buffers_free = buffers == 0 ? 0 : stats.at("buffers").at("free").get<double>() / buffers;
    if (!vteps.is_null())
        sample.vteps = read_vteps(vteps);
    for (const Json& worker : stats.at("workers"))
        sample.workers.push_back(read_worker(worker));
    auto about = links.begin(); // both are in the order of the model
    for (const Json& counters : stats.at("links")) {
        LinkSample link = read_counters(counters);
        while (about != links.end() && about->at("ifindex").get<std::uint32_t>() != link.index)
            ++about;
        if (about != links.end())
            read_kind(link, *about);
        sample.links.push_back(std::move(link));
    }
    return sample;
}

} // namespace

std::uint64_t LinkSample::dropped() const
{
    std::uint64_t sum = 0;
    for (const auto& [reason, count] : drops)
        sum += count;
    return sum;
}

std::uint64_t LinkSample::dropped(std::string_view reason) const
{
    for (const auto& [known, count] : drops)
        if (known == reason)
            return count;
    return 0;
}

CommandList questions(Wanted wanted)
{
    CommandList commands = {{"stats", "show"}, {"link", "show"}};
    if (wanted == Wanted::kWithVteps)
        commands.add(CommandWords{"stats", "vtep"});
    return commands;
}

Result<Sample> read_sample(const Json& stats, const Json& links, const Json& vteps,
                           std::chrono::steady_clock::time_point when)
{
    try {
        Sample sample = read(stats, links, vteps);
        sample.when = when;
        return sample;
    } catch (const Json::exception& failure) {
        return error("top: what vxd says of itself is not what this vxctl knows: {}", failure.what());
    }
}

} // namespace vx::top
