// SPDX-License-Identifier: BSD-3-Clause
#include "tools/vxctl/top/tables.h"

#include "tools/vxctl/top/numbers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace vx::top
{

namespace
{

constexpr auto kText = ColumnKind::kText;
constexpr auto kProse = ColumnKind::kProse;
constexpr auto kNumber = ColumnKind::kNumber;
constexpr auto kIdentifier = ColumnKind::kIdentifier;
constexpr auto kBar = ColumnKind::kBar;

constexpr std::size_t kGap = 1;
constexpr std::size_t kLeastProse = 12; // less is not worth its place
constexpr std::size_t kBarWidth = 9;

constexpr Column kDeviceColumns[] = {
    {"device", kText, 0, 0},     {"type", kText, 0, 5},          {"state", kText, 0, 4},
    {"rx pps", kNumber, 7, 1},   {"rx bit/s", kNumber, 8, 2},    {"tx pps", kNumber, 7, 1},
    {"tx bit/s", kNumber, 8, 2}, {"drop/s", kNumber, 7, 3},      {"rx packets", kNumber, 10, 7},
    {"dropped", kNumber, 8, 7},  {"tx packets", kNumber, 10, 7}, {"bridge", kText, 0, 6},
};

constexpr Column kVniColumns[] = {
    {"VNI", kIdentifier, 8, 0},  {"device", kText, 0, 0},   {"rx pps", kNumber, 7, 1},
    {"rx bit/s", kNumber, 8, 2}, {"tx pps", kNumber, 7, 1}, {"tx bit/s", kNumber, 8, 2},
    {"drop/s", kNumber, 7, 3},   {"bridge", kText, 0, 4},   {"local", kText, 0, 5},
};

constexpr Column kVtepColumns[] = {
    {"VTEP", kText, 0, 0},       {"device", kText, 0, 3},   {"rx pps", kNumber, 7, 1},
    {"rx bit/s", kNumber, 8, 2}, {"tx pps", kNumber, 7, 1}, {"tx bit/s", kNumber, 8, 2},
};

constexpr Column kWorkerColumns[] = {
    {"worker", kIdentifier, 6, 0}, {"cpu", kIdentifier, 3, 4},      {"load", kNumber, 6, 0},
    {"", kBar, kBarWidth, 6},      {"pps", kNumber, 7, 1},          {"pkt/burst", kNumber, 9, 2},
    {"tick/pkt", kNumber, 8, 2},   {"turn p50", kNumber, 8, 3},     {"turn p99", kNumber, 8, 3},
    {"sleep/s", kNumber, 7, 5},    {"full bursts", kNumber, 11, 7},
};

constexpr Column kDropColumns[] = {
    {"drop reason", kText, 0, 0}, {"device", kText, 0, 1},   {"drop/s", kNumber, 7, 1},
    {"packets", kNumber, 8, 2},   {"meaning", kProse, 0, 3},
};

Cell text(std::string_view word)
{
    return {std::string{word}, std::nullopt, Tone::kPlain};
}

Cell quiet(std::string_view word)
{
    return {std::string{word}, std::nullopt, Tone::kQuiet};
}

Cell number(double value)
{
    return {short_number(value), value, value == 0 ? Tone::kQuiet : Tone::kPlain};
}

Cell identifier(std::uint64_t value)
{
    return {std::to_string(value), static_cast<double>(value), Tone::kPlain};
}

Cell drops(double rate)
{
    return {short_number(rate), rate, rate == 0 ? Tone::kQuiet : Tone::kBad};
}

// What may not be there.
Cell maybe(const std::optional<double>& value, std::string (*write)(double))
{
    return value ? Cell{write(*value), value, Tone::kPlain} : Cell{"-", std::nullopt, Tone::kQuiet};
}

Cell state(const std::string& word)
{
    return {word, std::nullopt, word == "up" ? Tone::kGood : word == "gone" ? Tone::kBad : Tone::kWarning};
}

Tone tone_of_load(double load)
{
    return load < 0.6 ? Tone::kGood : load < 0.9 ? Tone::kWarning : Tone::kBad;
}

Cell bar(double part)
{
    const auto size = static_cast<std::size_t>(std::lround(part * static_cast<double>(kBarWidth)));
    return {std::string(size, '|'), std::nullopt, tone_of_load(part)};
}

Table devices_table(const Rates& rates)
{
    Table table{"devices", kDeviceColumns, 3};
    for (const DeviceRates& device : rates.devices) {
        const LinkSample& link = device.link;
        table.rows.push_back({text(link.name), quiet(link.kind), state(link.state), number(device.rx.packets),
                              number(device.rx.bits), number(device.tx.packets), number(device.tx.bits),
                              drops(device.drops), number(static_cast<double>(link.counts.rx_packets)),
                              number(static_cast<double>(link.dropped())),
                              number(static_cast<double>(link.counts.tx_packets)), quiet(link.master)});
    }
    return table;
}

Table vnis_table(const Rates& rates)
{
    Table table{"VNIs", kVniColumns, 2};
    for (const DeviceRates& device : rates.devices)
        if (const LinkSample& link = device.link; link.vni)
            table.rows.push_back({identifier(*link.vni), text(link.name), number(device.rx.packets),
                                  number(device.rx.bits), number(device.tx.packets), number(device.tx.bits),
                                  drops(device.drops), quiet(link.master), quiet(link.local)});
    return table;
}

Table vteps_table(const Rates& rates)
{
    Table table{"VTEPs", kVtepColumns, 2};
    if (!rates.vteps)
        return table;
    for (const VtepRates& rate : *rates.vteps)
        table.rows.push_back({text(rate.vtep.address), quiet(rate.vtep.device), number(rate.rx.packets),
                              number(rate.rx.bits), number(rate.tx.packets), number(rate.tx.bits)});
    return table;
}

Table workers_table(const Rates& rates)
{
    Table table{"workers", kWorkerColumns, 0};
    for (const WorkerRates& worker : rates.workers)
        table.rows.push_back({identifier(worker.index), identifier(worker.cpu),
                              Cell{percent(worker.load), worker.load, tone_of_load(worker.load)}, bar(worker.load),
                              number(worker.packets), maybe(worker.packets_a_burst, short_number),
                              maybe(worker.ticks_a_packet, short_number), maybe(worker.turn_p50, short_time),
                              maybe(worker.turn_p99, short_time), number(worker.sleeps),
                              maybe(worker.full_bursts, percent)});
    return table;
}

Table drops_table(const Rates& rates)
{
    Table table{"drops", kDropColumns, 2};
    for (const DropRates& drop : rates.drops)
        table.rows.push_back({text(drop.reason), text(drop.device), drops(drop.rate),
                              number(static_cast<double>(drop.total)), quiet(drop.meaning)});
    return table;
}

bool is_text(ColumnKind kind)
{
    return kind == ColumnKind::kText || kind == ColumnKind::kProse;
}

// Of text, in columns of a terminal.
std::size_t width_of(std::string_view text)
{
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::size_t widest(const Table& table, std::size_t column)
{
    std::size_t width = width_of(table.columns[column].title);
    for (const Row& row : table.rows)
        width = std::max(width, width_of(row[column].text));
    return width;
}

std::string fitted(ColumnKind kind, std::string_view text, std::size_t width)
{
    const bool is_left = is_text(kind) || kind == ColumnKind::kBar;
    return is_left ? fmt::format("{:<{}.{}}", text, width, width) : fmt::format("{:>{}.{}}", text, width, width);
}

} // namespace

std::vector<Table> tables_of(const Rates& rates)
{
    std::vector<Table> tables;
    tables.push_back(devices_table(rates));
    tables.push_back(vnis_table(rates));
    tables.push_back(vteps_table(rates));
    tables.push_back(workers_table(rates));
    tables.push_back(drops_table(rates));
    return tables;
}

void sort(Table& table, const Order& order)
{
    const ColumnKind kind = table.columns[order.column].kind;
    const bool is_descending = (kind == ColumnKind::kNumber) != order.is_reversed;
    const auto before = [&](const Cell& a, const Cell& b) {
        return is_text(kind) ? a.text < b.text : a.number < b.number; // nothing is less than any number
    };
    // Stable: what is the same keeps vxd's order, so that idle devices do not dance.
    std::stable_sort(table.rows.begin(), table.rows.end(), [&](const Row& a, const Row& b) {
        return is_descending ? before(b[order.column], a[order.column]) : before(a[order.column], b[order.column]);
    });
}

std::vector<Shown> columns_within(const Table& table, std::size_t width)
{
    const std::size_t count = table.columns.size();
    std::vector<std::size_t> widths(count);
    std::uint8_t highest = 0;
    for (std::size_t column = 0; column < count; ++column) {
        widths[column] = is_text(table.columns[column].kind) ? widest(table, column) : table.columns[column].width;
        highest = std::max(highest, table.columns[column].level);
    }
    std::size_t used = 0;
    std::vector<bool> is_shown(count);
    for (std::uint8_t level = 0; level <= highest; ++level) {
        std::size_t more = 0;
        for (std::size_t column = 0; column < count; ++column)
            if (table.columns[column].level == level) {
                const bool may_be_cut = table.columns[column].kind == ColumnKind::kProse;
                more += kGap + (may_be_cut ? std::min(widths[column], kLeastProse) : widths[column]);
            }
        if (level != 0 && used + more > width + kGap) // there is no gap behind the last
            continue;
        used += more;
        for (std::size_t column = 0; column < count; ++column)
            if (table.columns[column].level == level)
                is_shown[column] = true;
    }
    std::vector<Shown> shown;
    std::size_t at = 0;
    for (std::size_t column = 0; column < count; ++column) {
        if (!is_shown[column])
            continue;
        if (at >= width)
            break;
        shown.push_back({column, std::min(widths[column], width - at)});
        at += shown.back().width + kGap;
    }
    return shown;
}

std::string title_text(const Table& table, const Shown& shown)
{
    const Column& column = table.columns[shown.column];
    return fitted(column.kind, column.title, shown.width);
}

std::string cell_text(const Table& table, const Shown& shown, const Row& row)
{
    return fitted(table.columns[shown.column].kind, row[shown.column].text, shown.width);
}

} // namespace vx::top
