// SPDX-License-Identifier: BSD-3-Clause
// `stats`: what was forwarded by each device, what was dropped and why, and what the workers did.
#include "control/commands/stats.h"

#include "control/commands/nouns.h"
#include "control/commands/show.h"
#include "control/grammar/arguments.h"
#include "control/grammar/rows.h"
#include "control/watch/turn_watch.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <vector>

namespace vx
{

namespace
{

enum class Part { kAll, kDevice, kWorkers };

struct StatsWords {
    Part part = Part::kAll;
    LinkId device;
};

struct StatsRow {
    const Link* link;
    LinkTotals totals;
    PortLosses losses;
};

Result<StatsWords> parse(const Transaction& transaction, Words& words)
{
    StatsWords parsed;
    if (words.take("worker")) {
        parsed.part = Part::kWorkers;
    } else if (words.take("dev")) {
        const auto link = read_device(transaction, words);
        if (!link)
            return link.error();
        parsed.part = Part::kDevice;
        parsed.device = (*link)->id;
    }
    if (auto end = words.finish(); !end)
        return std::move(end).error();
    return parsed;
}

double ratio(std::uint64_t part, std::uint64_t whole)
{
    return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

std::string link_heading()
{
    return fmt::format("{:<15} {:>14} {:>17} {:>14} {:>17} {:>12}\n", "device", "rx packets", "rx bytes", "tx packets",
                       "tx bytes", "dropped");
}

std::string link_text(const StatsRow& row)
{
    return fmt::format("{:<15} {:>14} {:>17} {:>14} {:>17} {:>12}\n", row.link->name, row.totals.rx_packets,
                       row.totals.rx_bytes, row.totals.tx_packets, row.totals.tx_bytes, row.totals.dropped());
}

std::string drops_text(const std::vector<StatsRow>& rows, Budget& budget)
{
    std::string text;
    const auto line = [&](const DropReasonText& reason, const Link& link, std::uint64_t count) {
        if (count != 0)
            text += fmt::format("{:<20} {:<15} {:>12}  {}\n", reason.name, link.name, count, reason.meaning);
    };
    for (const LossText& loss : kLosses)
        for (const StatsRow& row : budget.each(rows))
            line(loss.text, *row.link, row.losses.*loss.count);
    for (std::size_t reason = 0; reason < kDropReasonCount; ++reason)
        for (const StatsRow& row : budget.each(rows))
            line(kDropReasons[reason], *row.link, row.totals.drops[reason]);
    if (text.empty())
        return text;
    return fmt::format("\n{:<20} {:<15} {:>12}  (vxctl stats reasons REASON: cause and remedy)\n", "drop reason",
                       "device", "packets") +
           text;
}

// What a packet costs is told by turns that had many: one that comes alone pays for waking, polling and flushing too,
// as at more load it would not. The load is what all packets cost at that price.
std::string workers_text(const std::vector<WorkerTotals>& workers)
{
    std::string text = fmt::format("{:<6} {:>4} {:>14} {:>14} {:>13} {:>13} {:>7} {:>12}\n", "worker", "cpu", "packets",
                                   "bursts", "packets/burst", "ticks/packet", "load", "sleeps");
    for (std::size_t index = 0; index < workers.size(); ++index) {
        const WorkerTotals& worker = workers[index];
        const double cost = ratio(worker.full_turn_ticks, worker.full_turn_packets);
        const auto busy = static_cast<double>(worker.busy_ticks);
        const double work = cost == 0 ? busy : std::min(busy, cost * static_cast<double>(worker.packets));
        const auto time = static_cast<double>(worker.busy_ticks + worker.idle_ticks);
        text += fmt::format("{:<6} {:>4} {:>14} {:>14} {:>13.1f} {:>13} {:>6.1f}% {:>12}\n", index, worker.cpu,
                            worker.packets, worker.bursts(), ratio(worker.packets, worker.bursts()),
                            cost == 0 ? "-" : fmt::format("{:.0f}", cost), time == 0 ? 0 : 100 * work / time,
                            worker.sleeps);
    }
    return text;
}

// Drops are objects of the reasons that happened: a reason that is not there is 0.
nlohmann::ordered_json drops_json(const std::array<std::uint64_t, kDropReasonCount>& drops)
{
    nlohmann::ordered_json json = nlohmann::ordered_json::object();
    for (std::size_t reason = 0; reason < kDropReasonCount; ++reason)
        if (drops[reason] != 0)
            json[std::string{kDropReasons[reason].name}] = drops[reason];
    return json;
}

nlohmann::ordered_json losses_json(const PortLosses& losses)
{
    nlohmann::ordered_json json = nlohmann::ordered_json::object();
    for (const LossText& loss : kLosses)
        if (losses.*loss.count != 0)
            json[std::string{loss.text.name}] = losses.*loss.count;
    return json;
}

nlohmann::ordered_json link_json(const StatsRow& row)
{
    const auto& [link, totals, losses] = row;
    return {{"ifindex", link->id.value},
            {"ifname", link->name},
            {"rx",
             {{"packets", totals.rx_packets},
              {"bytes", totals.rx_bytes},
              {"missed", losses.rx_missed},
              {"errors", losses.rx_errors},
              {"nombuf", losses.rx_nombuf}}},
            {"tx", {{"packets", totals.tx_packets}, {"bytes", totals.tx_bytes}}},
            {"dropped", totals.dropped()},
            {"drops", drops_json(totals.drops)},
            {"losses", losses_json(losses)}};
}

nlohmann::ordered_json workers_json(const std::vector<WorkerTotals>& workers, std::uint64_t tsc_hz)
{
    auto json = nlohmann::ordered_json::array();
    for (std::size_t index = 0; index < workers.size(); ++index) {
        const WorkerTotals& worker = workers[index];
        json.push_back({{"worker", index},
                        {"cpu", worker.cpu},
                        {"packets", worker.packets},
                        {"bursts", worker.bursts()},
                        {"busy_ticks", worker.busy_ticks},
                        {"idle_ticks", worker.idle_ticks},
                        {"sleeps", worker.sleeps},
                        {"learn_lost", worker.learn_lost},
                        {"turns_too_long", turns_too_long(worker, tsc_hz)},
                        {"bursts_by_packets", worker.bursts_by_packets},
                        {"turns_by_log2_ticks", worker.turns_by_log2_ticks},
                        {"full_turn_packets", worker.full_turn_packets},
                        {"full_turn_ticks", worker.full_turn_ticks}});
    }
    return json;
}

Result<Reply> stats_show(Transaction& transaction, Words& words)
{
    const auto parsed = parse(transaction, words);
    if (!parsed)
        return parsed.error();
    const Dataplane& dataplane = transaction.dataplane();
    std::vector<StatsRow> rows;
    Rows shown{transaction};
    std::array<std::uint64_t, kDropReasonCount> sums{};
    PortLosses losses;
    for (const auto& [id, link] : transaction.budget().each(transaction.model().links())) {
        if (parsed->part == Part::kWorkers || (parsed->part == Part::kDevice && id != parsed->device))
            continue;
        rows.push_back({&link, dataplane.link_totals(id), dataplane.port_losses(id)});
        shown.add([&](std::string& text) { text += link_text(rows.back()); }, [&] { return link_json(rows.back()); });
        for (std::size_t reason = 0; reason < kDropReasonCount; ++reason)
            sums[reason] += rows.back().totals.drops[reason];
        losses += rows.back().losses;
    }
    Reply reply;
    reply.json = {{"tsc_hz", dataplane.tsc_hz()}};
    if (parsed->part != Part::kWorkers) {
        reply.text += link_heading() + shown.take_text() + drops_text(rows, transaction.budget());
        reply.json["links"] = shown.take_json();
        reply.json["drops"] = drops_json(sums);
        reply.json["losses"] = losses_json(losses);
    }
    if (parsed->part != Part::kDevice) {
        const std::vector<WorkerTotals> workers = dataplane.worker_totals();
        if (!reply.text.empty())
            reply.text += '\n';
        reply.text += workers_text(workers);
        reply.json["workers"] = workers_json(workers, dataplane.tsc_hz());
        std::uint64_t long_turns = 0; // in which everybody waited for one
        for (const WorkerTotals& worker : workers)
            long_turns += turns_too_long(worker, dataplane.tsc_hz());
        if (long_turns != 0)
            reply.text += fmt::format("\nturns of more than {} ms: {}\n", kLongTurnMs, long_turns);
        // MACs that were not learned: their bridge, or the FDB, has as many as it may; or they came faster than the
        // control thread took them, and are learned from a later frame.
        if (const std::uint64_t refused = dataplane.learn_refused(); refused != 0)
            reply.text += fmt::format("\nnot learned for want of room: {}\n", refused);
        std::uint64_t lost = 0;
        for (const WorkerTotals& worker : workers)
            lost += worker.learn_lost;
        if (lost != 0)
            reply.text += fmt::format("\nnot learned at once, for they came too fast: {}\n", lost);
        const auto [total, free] = dataplane.buffers();
        reply.text += fmt::format("\npacket buffers: {} of {} free\n", free, total);
        reply.json["buffers"] = {{"total", total}, {"free", free}};
        reply.json["learn_refused"] = dataplane.learn_refused();
        reply.json["fdb"] = {{"entries", dataplane.fdb().size()}, {"max", dataplane.fdb().max_size()}};
    }
    return reply;
}

Result<Reply> stats_reasons(Transaction&, Words& words)
{
    return reasons(words);
}

constexpr Command kStatsTable[] = {
    {"stats", "show", "[ dev DEV | worker ]",
     "count packets and bytes by device and direction, drops by reason, and what the workers did", stats_show,
     Effect::kShows},
    {"stats", "vtep", "[ dev VXLAN ]",
     "count packets and bytes by far VTEP, from the first question on and while it is asked every 10 s", stats_vtep,
     Effect::kShows},
    {"stats", "mac", "[ dev BRIDGE ]",
     "count packets and bytes by destination MAC, from the first question on and while it is asked every 10 s",
     stats_mac, Effect::kShows},
    {"stats", "reasons", kReasonsUsage,
     "what the reasons of drops and losses mean; of one, what usually causes it and what to do", stats_reasons,
     Effect::kShows},
};

} // namespace

constinit const std::span<const Command> kStatsCommands{kStatsTable};

} // namespace vx
