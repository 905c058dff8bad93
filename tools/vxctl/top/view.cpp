// SPDX-License-Identifier: BSD-3-Clause
#include "tools/vxctl/top/view.h"

#include "tools/vxctl/top/numbers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace vx::top
{

namespace
{

using std::chrono::milliseconds;

constexpr std::size_t kHeaderLines = 2;
constexpr std::size_t kFooterLines = 1;
constexpr std::array kIntervals = {milliseconds(100),    milliseconds(200),    milliseconds(500),
                                   milliseconds(1000),   milliseconds(2000),   milliseconds(5000),
                                   milliseconds(10'000), milliseconds(30'000), milliseconds(60'000)};

struct KeyHelp {
    std::string_view keys, what;
};

// The most wanted first: a narrow screen has room for some of them.
constexpr KeyHelp kFooter[] = {
    {"q", "quit"},   {"h", "help"},    {"Tab", "next table"}, {"1-5", "one"},      {"0", "all"},
    {"< >", "sort"}, {"r", "reverse"}, {"p", "pause"},        {"+ -", "interval"},
};

constexpr KeyHelp kHelp[] = {
    {"q Esc Ctrl-C", "quit"},
    {"1 2 3 4 5", "only devices, VNIs, VTEPs, workers, drops"},
    {"", "(VTEPs, which costs workers time, only while they are seen)"},
    {"0", "all of them"},
    {"Tab Shift-Tab", "the next, the previous table: keys are about it"},
    {"< >", "sort it by another column; also Left and Right"},
    {"r", "reverse its order"},
    {"Up Down", "through its rows; also Page Up, Page Down, Home, End"},
    {"p Space", "pause"},
    {"+ -", "look less often, more often"},
    {"", ""},
    {"load", "the part of its time that a worker's packets take: the rest is for more"},
    {"tick/pkt", "processor ticks a packet, where 32 or more came at once"},
    {"turn p50 p99", "how long half, and 99 of 100, turns with packets took"},
    {"full bursts", "had as many packets as a burst can: more were waiting"},
    {"drop/s", "dropped of what came from there, or could not go there"},
};

Style style_of(Tone tone)
{
    constexpr std::array kStyles = {Style::kPlain, Style::kQuiet, Style::kGood, Style::kWarning, Style::kBad};
    return kStyles.at(static_cast<std::size_t>(tone));
}

std::string cut(std::string_view text, std::size_t width)
{
    return fmt::format("{:.{}}", text, width);
}

std::string padded(std::string_view text, std::size_t width)
{
    return fmt::format("{:<{}.{}}", text, width, width);
}

Line footer_line(std::size_t columns)
{
    Line line;
    std::size_t used = 0;
    for (const auto& [keys, what] : kFooter) {
        const std::size_t size = keys.size() + what.size() + 3;
        if (used + size > columns + 2) // there is no gap behind the last
            break;
        line.push_back({std::string{keys}, Style::kKey});
        line.push_back({fmt::format(" {}  ", what), Style::kQuiet});
        used += size;
    }
    if (!line.empty())
        line.back().text.resize(line.back().text.size() - 2);
    return line;
}

std::string flow_text(std::string_view direction, const Flow& flow)
{
    return fmt::format("{} {}pps {}bit/s", direction, short_number(flow.packets), short_number(flow.bits));
}

} // namespace

void View::take(const Rates& rates, std::string clock)
{
    if (is_paused_)
        return;
    rates_ = rates;
    clock_ = std::move(clock);
    sort_tables();
}

void View::sort_tables()
{
    tables_ = tables_of(rates_ ? *rates_ : Rates{});
    for (std::size_t table = 0; table < tables_.size(); ++table)
        sort(tables_[table], orders_[table].value_or(Order{tables_[table].sorted_by}));
}

milliseconds View::interval() const
{
    return wanted() == Wanted::kWithVteps ? std::min(interval_, kLongestWithVteps) : interval_;
}

// ---- keys ------------------------------------------------------------------------------------------------------

void View::press(int key, Size size)
{
    if (is_help_ && key != 'q') {
        is_help_ = false;
        return;
    }
    if (key >= '1' && static_cast<std::size_t>(key - '1') < tables_.size()) {
        focus_ = static_cast<std::size_t>(key - '1');
        is_alone_ = true;
        return;
    }
    const auto page = static_cast<std::ptrdiff_t>(std::max<std::size_t>(rows_in_focus(size), 1));
    switch (key) {
    case 'q':
    case kEscape:
        has_ended_ = true;
        break;
    case 'h':
    case '?':
        is_help_ = true;
        break;
    case '0':
        is_alone_ = false;
        if (focus_ == kVteps && wanted_ == Wanted::kUsual)
            focus_ = 0; // they are not counted any more
        break;
    case kTab:
        return turn_focus(1);
    case kBackTab:
        return turn_focus(tables_.size() - 1);
    case '<':
    case kLeft:
        return move_order(-1, size);
    case '>':
    case kRight:
        return move_order(1, size);
    case 'r': {
        const Order order = orders_[focus_].value_or(Order{tables_[focus_].sorted_by});
        orders_[focus_] = Order{order.column, !order.is_reversed};
        return sort_tables();
    }
    case 'p':
    case ' ':
        is_paused_ = !is_paused_;
        break;
    case '+':
        if (interval_ < kIntervals.back())
            interval_ = *std::upper_bound(kIntervals.begin(), kIntervals.end(), interval_);
        break;
    case '-': {
        const auto* const found = std::lower_bound(kIntervals.begin(), kIntervals.end(), interval_);
        interval_ = found == kIntervals.begin() ? *found : *(found - 1);
        break;
    }
    case kUp:
        return move_rows(-1, size);
    case kDown:
        return move_rows(1, size);
    case kPageUp:
        return move_rows(-page, size);
    case kPageDown:
        return move_rows(page, size);
    case kHome:
        first_rows_[focus_] = 0;
        break;
    case kEnd:
        return move_rows(static_cast<std::ptrdiff_t>(tables_[focus_].rows.size()), size);
    default:
        break;
    }
}

// Past VTEPs, if they would be counted only because of that; where all are shown, past those that have nothing to show.
void View::turn_focus(std::size_t steps)
{
    for (std::size_t tries = 0; tries < tables_.size(); ++tries) {
        focus_ = (focus_ + steps) % tables_.size();
        const bool has_rows = !tables_[focus_].rows.empty();
        if (has_rows || (is_alone_ && (focus_ != kVteps || wanted_ == Wanted::kWithVteps)))
            return;
    }
}

// To the next column that is on the screen.
void View::move_order(int step, Size size)
{
    const Table& table = tables_[focus_];
    const std::size_t now = orders_[focus_].value_or(Order{table.sorted_by}).column;
    std::vector<std::size_t> choices;
    for (const Shown& shown : columns_within(table, size.columns))
        if (table.columns[shown.column].kind != ColumnKind::kBar)
            choices.push_back(shown.column);
    const auto next = step > 0 ? std::upper_bound(choices.begin(), choices.end(), now)
                               : std::lower_bound(choices.begin(), choices.end(), now);
    if (step > 0 ? next == choices.end() : next == choices.begin())
        return;
    orders_[focus_] = Order{step > 0 ? *next : *(next - 1)};
    sort_tables();
}

void View::move_rows(std::ptrdiff_t step, Size size)
{
    const std::size_t rows = tables_[focus_].rows.size();
    const auto last = static_cast<std::ptrdiff_t>(rows - std::min(rows, rows_in_focus(size)));
    const auto now = std::min(static_cast<std::ptrdiff_t>(first_rows_[focus_]), last);
    first_rows_[focus_] = static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(now + step, 0, last));
}

// ---- lines -----------------------------------------------------------------------------------------------------

std::vector<Pane> View::panes_in(Size size) const
{
    std::vector<std::size_t> counts;
    for (const Table& table : tables_)
        counts.push_back(table.rows.size());
    const std::size_t lines = size.lines - std::min(size.lines, kHeaderLines + kFooterLines);
    return is_alone_ ? std::vector{lone_pane(counts, lines, focus_)} : panes(counts, lines, focus_);
}

std::size_t View::rows_in_focus(Size size) const
{
    for (const Pane& pane : panes_in(size))
        if (pane.table == focus_)
            return pane.rows;
    return 0;
}

Line View::header_line(std::size_t columns) const
{
    const std::string left = fmt::format("vxctl top  {}", socket_);
    const std::string right = fmt::format("{}every {:g} s  {}", is_paused_ ? "PAUSED  " : "",
                                          std::chrono::duration<double>(interval()).count(), clock_);
    if (right.size() + 2 > columns)
        return {{padded(left, columns), Style::kHeader}};
    const std::size_t rest = columns - right.size() - 2;
    return {{fmt::format("{}  {}", padded(left, rest), right), Style::kHeader}};
}

// The whole in one line: as much of it as there is room for.
Line View::summary_line(std::size_t columns) const
{
    if (!trouble_.empty())
        return {{cut(trouble_, columns), Style::kBad}};
    if (!rates_)
        return {{cut("measuring", columns), Style::kQuiet}};
    const double dropped = rates_->drop_rate();
    const Span parts[] = {{fmt::format("load {}", percent(rates_->load()))},
                          {flow_text("rx", rates_->of_ports(&DeviceRates::rx))},
                          {flow_text("tx", rates_->of_ports(&DeviceRates::tx))},
                          {fmt::format("drop/s {}", short_number(dropped)), dropped > 0 ? Style::kBad : Style::kPlain},
                          {fmt::format("FDB {}", rates_->fdb_entries)},
                          {fmt::format("buffers {} free", percent(rates_->buffers_free))}};
    Line line;
    std::size_t used = 0;
    for (const Span& part : parts) {
        if (used + part.text.size() > columns)
            break;
        line.push_back(part);
        line.push_back({"  "});
        used += part.text.size() + 2;
    }
    if (!line.empty())
        line.pop_back();
    return line;
}

// What a table has more than is seen of it, or why it has nothing.
std::string View::note_below(const Pane& pane, std::size_t first) const
{
    const Table& table = tables_[pane.table];
    const std::size_t below = table.rows.size() - first - pane.rows;
    if (first != 0 || below != 0)
        return fmt::format("{} above, {} below", first, below);
    if (!rates_ || !table.rows.empty())
        return "";
    if (pane.table == kVteps && !rates_->vteps)
        return rates_->vteps_refused.empty() ? "measuring" : rates_->vteps_refused;
    return fmt::format("no {}", table.name);
}

void View::draw_pane(const Pane& pane, std::size_t columns, std::vector<Line>& lines) const
{
    const Table& table = tables_[pane.table];
    const std::vector<Shown> shown = columns_within(table, columns);
    const std::size_t sorted_by = orders_[pane.table].value_or(Order{table.sorted_by}).column;
    const bool has_focus = pane.table == focus_;
    const Style plain = has_focus ? Style::kFocusedTitle : Style::kTitle;
    const Style sorted = has_focus ? Style::kFocusedSortedTitle : Style::kSortedTitle;

    Line titles;
    std::size_t used = 0;
    for (const Shown& column : shown) {
        if (used != 0)
            titles.push_back({" ", plain});
        titles.push_back({title_text(table, column), column.column == sorted_by ? sorted : plain});
        used += column.width + (used != 0 ? 1 : 0);
    }
    titles.push_back({std::string(columns - std::min(used, columns), ' '), plain});
    lines.push_back(std::move(titles));

    const std::size_t first = std::min(first_rows_[pane.table], table.rows.size() - pane.rows);
    for (std::size_t row = first; row < first + pane.rows; ++row) {
        Line line;
        for (const Shown& column : shown) {
            if (!line.empty())
                line.push_back({" "});
            line.push_back({cell_text(table, column, table.rows[row]), style_of(table.rows[row][column.column].tone)});
        }
        lines.push_back(std::move(line));
    }
    lines.push_back({{cut(note_below(pane, first), columns), Style::kQuiet}});
}

std::vector<Line> View::draw(Size size) const
{
    std::vector<Line> lines{header_line(size.columns), summary_line(size.columns)};
    if (is_help_) {
        lines.emplace_back();
        for (const auto& [keys, what] : kHelp)
            lines.push_back({{cut(fmt::format("  {:<15}", keys), size.columns), Style::kKey},
                             {cut(what, size.columns - std::min<std::size_t>(size.columns, 17))}});
    } else {
        for (const Pane& pane : panes_in(size))
            draw_pane(pane, size.columns, lines);
    }
    const bool has_footer = size.lines > kFooterLines;
    lines.resize(size.lines - (has_footer ? kFooterLines : 0));
    if (has_footer)
        lines.push_back(footer_line(size.columns));
    return lines;
}

} // namespace vx::top
