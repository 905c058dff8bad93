// SPDX-License-Identifier: BSD-3-Clause
#include "tools/vxctl/top/lines.h"

#include "tools/vxctl/top/tables.h"

#include <fmt/format.h>

#include <cmath>

namespace vx::top
{

namespace
{

template <typename Write>
std::string line_of(const Table& table, Write write)
{
    std::string line;
    for (const Shown& shown : columns_within(table, kAnyWidth))
        if (table.columns[shown.column].kind != ColumnKind::kBar)
            line += write(shown) + ' ';
    line.erase(line.find_last_not_of(' ') + 1);
    return line + '\n';
}

Json rounded(double value)
{
    return std::round(value * 1000) / 1000;
}

Json rounded(const std::optional<double>& value)
{
    return value ? rounded(*value) : Json{};
}

Json nanoseconds(const std::optional<double>& seconds)
{
    return seconds ? Json(std::llround(*seconds * 1e9)) : Json{};
}

void add_flows(Json& json, const Flow& rx, const Flow& tx)
{
    json["rx_pps"] = rounded(rx.packets);
    json["rx_bps"] = rounded(rx.bits);
    json["tx_pps"] = rounded(tx.packets);
    json["tx_bps"] = rounded(tx.bits);
}

// `json` says what it is.
Json with_rates(Json json, const DeviceRates& device)
{
    if (!device.link.master.empty())
        json["master"] = device.link.master;
    add_flows(json, device.rx, device.tx);
    json["drop_pps"] = rounded(device.drops);
    return json;
}

Json vtep_json(const VtepRates& rate)
{
    Json json{{"dst", rate.vtep.address}, {"ifname", rate.vtep.device}};
    add_flows(json, rate.rx, rate.tx);
    return json;
}

Json worker_json(const WorkerRates& worker)
{
    return {{"worker", worker.index},
            {"cpu", worker.cpu},
            {"load", rounded(worker.load)},
            {"pps", rounded(worker.packets)},
            {"packets_per_burst", rounded(worker.packets_a_burst)},
            {"full_bursts", rounded(worker.full_bursts)},
            {"ticks_per_packet", rounded(worker.ticks_a_packet)},
            {"turn_p50_ns", nanoseconds(worker.turn_p50)},
            {"turn_p99_ns", nanoseconds(worker.turn_p99)},
            {"sleeps_per_second", rounded(worker.sleeps)}};
}

} // namespace

std::string text_of(const Rates& rates, std::string_view time)
{
    std::string text = fmt::format("{}  {:.2f} s\n\n", time, rates.seconds);
    for (Table& table : tables_of(rates)) {
        if (table.rows.empty())
            continue;
        sort(table, Order{table.sorted_by});
        text += line_of(table, [&](const Shown& shown) { return title_text(table, shown); });
        for (const Row& row : table.rows)
            text += line_of(table, [&](const Shown& shown) { return cell_text(table, shown, row); });
        text += '\n';
    }
    return text;
}

Json json_of(const Rates& rates, std::string_view time)
{
    Json json{{"timestamp", time},        {"seconds", rounded(rates.seconds)},
              {"devices", Json::array()}, {"vnis", Json::array()},
              {"workers", Json::array()}, {"drops", Json::array()},
              {"fdb", rates.fdb_entries}, {"buffers_free", rounded(rates.buffers_free)}};
    for (const DeviceRates& device : rates.devices) {
        const LinkSample& link = device.link;
        json["devices"].push_back(
            with_rates({{"ifname", link.name}, {"kind", link.kind}, {"state", link.state}}, device));
        if (link.vni)
            json["vnis"].push_back(
                with_rates({{"vni", *link.vni}, {"ifname", link.name}, {"local", link.local}}, device));
    }
    if (rates.vteps) {
        json["vteps"] = Json::array();
        for (const VtepRates& rate : *rates.vteps)
            json["vteps"].push_back(vtep_json(rate));
    }
    for (const WorkerRates& worker : rates.workers)
        json["workers"].push_back(worker_json(worker));
    for (const DropRates& drop : rates.drops)
        json["drops"].push_back(
            {{"reason", drop.reason}, {"ifname", drop.device}, {"pps", rounded(drop.rate)}, {"packets", drop.total}});
    return json;
}

} // namespace vx::top
