// SPDX-License-Identifier: BSD-3-Clause
// `stats vtep` and `stats mac`: what costs workers something to count, and so is counted only while somebody asks.
#include "control/commands/show.h"
#include "control/commands/stats.h"
#include "control/grammar/arguments.h"
#include "control/grammar/rows.h"

#include <algorithm>
#include <map>
#include <vector>

namespace vx
{

namespace
{

struct Flow {
    Tally::Counts rx, tx;
};

Tally::Counts& operator+=(Tally::Counts& sum, const Tally::Counts& counts)
{
    sum.packets += counts.packets;
    sum.bytes += counts.bytes;
    return sum;
}

template <typename IsOne>
Result<LinkId> read_link(const Transaction& transaction, Words& words, std::string_view expected, IsOne is_one)
{
    LinkId only = kNoLink;
    if (words.take("dev")) {
        const auto link = read_device(transaction, words);
        if (!link)
            return link.error();
        if (!is_one(**link))
            return error("{}: \"{}\" is a {} device; expected a {}", words.name(), (*link)->name, (*link)->kind_name(),
                         expected);
        only = (*link)->id;
    }
    if (auto end = words.finish(); !end)
        return std::move(end).error();
    return only;
}

nlohmann::ordered_json counts_json(const Tally::Counts& counts)
{
    return {{"packets", counts.packets}, {"bytes", counts.bytes}};
}

std::string since_text(const Dataplane::TallyTotals& totals)
{
    return totals.seconds == 0 ? fmt::format("counting begins now, and goes on while it is asked for every {} s\n",
                                             Dataplane::kTallySeconds)
                               : fmt::format("counted for {} s, and while it is asked for every {} s\n", totals.seconds,
                                             Dataplane::kTallySeconds);
}

std::string others_text(const Tally::Counts& others)
{
    return others.packets == 0 ? ""
                               : fmt::format("and for others, for which there was no row left: {} packets, {} bytes\n",
                                             others.packets, others.bytes);
}

} // namespace

Result<Reply> stats_vtep(Transaction& transaction, Words& words)
{
    const auto only = read_link(transaction, words, "vxlan", [](const Link& link) { return link.vxlan() != nullptr; });
    if (!only)
        return only.error();
    const auto totals = transaction.tally(Tally::By::kVtep);
    if (!totals)
        return totals.error();
    std::map<std::pair<LinkId, IpAddress>, Flow> flows;
    for (const auto& [key, counts] : transaction.budget().each(totals->rows)) {
        const IpAddress address =
            key.family == 4 ? IpAddress::v4_from_wire(key.name.data()) : IpAddress::v6_from_wire(key.name.data());
        Flow& flow = flows[{key.link, address}];
        (key.direction == Direction::kIn ? flow.rx : flow.tx) += counts;
    }
    Rows rows{transaction};
    for (const auto& entry : flows) {
        const auto& [name, flow] = entry;
        const Link* const link = transaction.model().find(name.first);
        if (link == nullptr || (!only->is_none() && name.first != *only))
            continue; // removed since
        const std::string vtep = name.second.to_string();
        const Flow& sum = flow;
        rows.add(
            [&](std::string& text) {
                text += fmt::format("{:<15} {:<24} {:>14} {:>17} {:>14} {:>17}\n", link->name, vtep, sum.rx.packets,
                                    sum.rx.bytes, sum.tx.packets, sum.tx.bytes);
            },
            [&]() -> nlohmann::ordered_json {
                return {
                    {"ifname", link->name}, {"dst", vtep}, {"rx", counts_json(sum.rx)}, {"tx", counts_json(sum.tx)}};
            });
    }
    Reply reply;
    reply.text = fmt::format("{:<15} {:<24} {:>14} {:>17} {:>14} {:>17}\n", "device", "vtep", "rx packets", "rx bytes",
                             "tx packets", "tx bytes") +
                 rows.take_text() + others_text(totals->others) + since_text(*totals);
    reply.json = {{"seconds", totals->seconds}, {"vteps", rows.take_json()}, {"others", counts_json(totals->others)}};
    return reply;
}

Result<Reply> stats_mac(Transaction& transaction, Words& words)
{
    const auto only =
        read_link(transaction, words, "bridge", [](const Link& link) { return link.bridge() != nullptr; });
    if (!only)
        return only.error();
    const auto totals = transaction.tally(Tally::By::kDestination);
    if (!totals)
        return totals.error();
    std::vector<std::pair<Tally::Key, Tally::Counts>> sorted;
    for (const auto& [key, counts] : transaction.budget().each(totals->rows))
        if (transaction.model().find(key.link) != nullptr && (only->is_none() || key.link == *only))
            sorted.emplace_back(key, counts);
    std::ranges::stable_sort(sorted, std::ranges::greater{}, [](const auto& row) { return row.second.packets; });
    Rows rows{transaction};
    for (const auto& entry : sorted) {
        const std::string bridge = name_of(transaction.model(), entry.first.link);
        const std::string mac = load<Mac>(entry.first.name.data()).to_string();
        const Tally::Counts& counts = entry.second;
        rows.add(
            [&](std::string& text) {
                text += fmt::format("{:<15} {:<17} {:>14} {:>17}\n", bridge, mac, counts.packets, counts.bytes);
            },
            [&]() -> nlohmann::ordered_json {
                return {{"ifname", bridge}, {"mac", mac}, {"packets", counts.packets}, {"bytes", counts.bytes}};
            });
    }
    Reply reply;
    reply.text = fmt::format("{:<15} {:<17} {:>14} {:>17}\n", "bridge", "destination", "packets", "bytes") +
                 rows.take_text() + others_text(totals->others) + since_text(*totals);
    reply.json = {{"seconds", totals->seconds}, {"macs", rows.take_json()}, {"others", counts_json(totals->others)}};
    return reply;
}

} // namespace vx
