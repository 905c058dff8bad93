// SPDX-License-Identifier: BSD-3-Clause
// What `vxctl top` draws, and what keys do to it: without a terminal.
#include "tests/unit/top_lab.h"
#include "tools/vxctl/top/view.h"

#include <catch2/catch.hpp>

#include <fmt/format.h>

using namespace vx;
using namespace vx::test;
using namespace vx::top;

namespace
{

constexpr Size kUsual{24, 80};

std::string text_of(const Line& line)
{
    std::string text;
    for (const Span& span : line)
        text += span.text;
    return text;
}

std::vector<std::string> texts(const View& view, Size size)
{
    std::vector<std::string> lines;
    for (const Line& line : view.draw(size))
        lines.push_back(text_of(line));
    return lines;
}

std::string screen(const View& view, Size size = kUsual)
{
    return fmt::format("{}", fmt::join(texts(view, size), "\n"));
}

bool has(const std::string& text, std::string_view part)
{
    return text.find(part) != std::string::npos;
}

// Ports c0, c1, ... that receive 100, 200, ... packets a second, a tunnel, a worker, and drops on c0.
Rates rates_with(std::size_t ports)
{
    FakeVxd vxd;
    for (std::size_t port = 0; port < ports; ++port)
        vxd.add_link(static_cast<std::uint32_t>(port + 1), fmt::format("c{}", port), "tap", "br0");
    vxd.add_vxlan(5000, "vxlan100", 100);
    vxd.add_worker(1);
    const Sample before = vxd.sample(0);
    for (std::size_t port = 0; port < ports; ++port) {
        Json& counters = vxd.counters(fmt::format("c{}", port));
        counters["rx"] = {{"packets", 100 * (port + 1)}, {"bytes", 1000}};
        counters["tx"] = {{"packets", 5000 - port}, {"bytes", 10}};
    }
    if (ports != 0)
        vxd.counters("c0")["drops"] = {{"no_route", 12}};
    return rates_of(before, vxd.sample(1));
}

View view_of(const Rates& rates)
{
    View view("/run/vxd/vxd.sock", std::chrono::seconds(1));
    view.take(rates, "12:34:56");
    return view;
}

// The first words of the lines below the titles that begin with `title`, down to the first empty line or note.
std::vector<std::string> rows_below(const std::vector<std::string>& lines, std::string_view title)
{
    std::vector<std::string> rows;
    auto at =
        std::find_if(lines.begin(), lines.end(), [&](const std::string& line) { return line.starts_with(title); });
    for (at += at == lines.end() ? 0 : 1; at != lines.end() && !at->empty() && !has(*at, " below"); ++at)
        rows.push_back(at->substr(0, at->find(' ')));
    return rows;
}

std::vector<std::string> devices(const View& view, Size size = kUsual)
{
    return rows_below(texts(view, size), "device");
}

using Names = std::vector<std::string>;

} // namespace

TEST_CASE("whatever the size, there are as many lines as the screen has, and none is wider")
{
    View views[] = {View("/run/vxd/vxd.sock", std::chrono::seconds(1)),
                    view_of(rates_with(0)),
                    view_of(rates_with(3)),
                    view_of(rates_with(300)),
                    view_of(rates_with(3)),
                    view_of(rates_with(3))};
    views[4].press('h', kUsual);
    views[5].press('5', kUsual);
    views[5].set_trouble("no vxd is listening on /run/vxd/vxd.sock (start it with: vxd); trying again");
    for (const View& view : views)
        for (std::size_t lines = 1; lines < 60; ++lines)
            for (const std::size_t columns : {1, 2, 7, 20, 39, 40, 79, 80, 81, 100, 132, 250}) {
                const auto drawn = texts(view, {lines, columns});
                CHECK(drawn.size() == lines);
                CHECK(std::all_of(drawn.begin(), drawn.end(),
                                  [&](const std::string& line) { return line.size() <= columns; }));
            }
}

TEST_CASE("at 80x24 every table with rows is seen, with rates by direction, and the sums above")
{
    const View view = view_of(rates_with(3));
    const auto lines = texts(view, kUsual);
    CHECK(has(lines[0], "/run/vxd/vxd.sock"));
    CHECK(has(lines[0], "every 1 s  12:34:56"));
    CHECK(has(lines[1], "rx 600pps 24.0kbit/s  tx 15.0kpps 240bit/s  drop/s 12  FDB 7"));
    const std::string all = screen(view);
    for (const std::string_view title : {"device", "VNI", "worker", "drop reason"})
        CHECK(has(all, fmt::format("{} ", title)));
    for (const std::string_view column :
         {"type", "state", "rx pps", "rx bit/s", "tx pps", "tx bit/s", "drop/s", "turn p50", "turn p99", "tick/pkt"})
        CHECK(has(all, column));
    CHECK(has(all, "no route to the destination"));
    CHECK(has(lines.back(), "q quit"));
}

TEST_CASE("at 40x10 the table with the focus has the room, with its name and rates")
{
    View view = view_of(rates_with(8));
    const Size small{10, 40};
    CHECK(devices(view, small).size() == 5);
    CHECK(has(screen(view, small), "rx pps"));
    CHECK(has(screen(view, small), "0 above, 4 below"));
    view.press(kTab, small);
    CHECK(has(screen(view, small), "     VNI device "));
    CHECK(has(texts(view, small).back(), "q quit"));
}

TEST_CASE("devices begin with the busiest, and keys choose the column and the direction")
{
    View view = view_of(rates_with(3));
    CHECK(devices(view) == Names{"c2", "c1", "c0", "vxlan100"});
    view.press('r', kUsual);
    CHECK(devices(view) == Names{"vxlan100", "c0", "c1", "c2"});
    view.press('>', kUsual); // rx bit/s: the same for all ports, so vxd's order
    CHECK(devices(view) == Names{"c0", "c1", "c2", "vxlan100"});
    view.press(kRight, kUsual); // tx pps
    CHECK(devices(view) == Names{"c0", "c1", "c2", "vxlan100"});
    for (int press = 0; press < 10; ++press)
        view.press('<', kUsual); // the name, which is text: the first first
    CHECK(devices(view) == Names{"c0", "c1", "c2", "vxlan100"});
    view.press('r', kUsual);
    CHECK(devices(view) == Names{"vxlan100", "c2", "c1", "c0"});
    view.take(rates_with(2), "12:34:57"); // it stays so
    CHECK(devices(view) == Names{"vxlan100", "c1", "c0"});
}

TEST_CASE("the column that rows are sorted by is marked, in the table that has the focus more")
{
    View view = view_of(rates_with(3));
    const auto marked = [&](Style style) {
        std::string titles;
        for (const Line& line : view.draw(kUsual))
            for (const Span& span : line)
                if (span.style == style)
                    titles += span.text + ".";
        return titles;
    };
    CHECK(marked(Style::kFocusedSortedTitle) == " rx pps.");
    view.press('>', kUsual);
    CHECK(marked(Style::kFocusedSortedTitle) == "rx bit/s.");
    view.press(kTab, kUsual);
    view.press(kTab, kUsual);
    CHECK(marked(Style::kFocusedSortedTitle) == "worker.");
    view.press(kBackTab, kUsual);
    view.press(kBackTab, kUsual);
    CHECK(marked(Style::kFocusedSortedTitle) == "rx bit/s.");
}

TEST_CASE("digits show one table alone, 0 all of them, and Tab goes past tables that have no rows")
{
    View view = view_of(rates_with(3));
    view.press('4', kUsual);
    CHECK_FALSE(has(screen(view), "device "));
    CHECK(has(screen(view), "worker "));
    view.press('5', kUsual);
    CHECK(has(screen(view), "drop reason"));
    view.press('0', kUsual);
    CHECK(has(screen(view), "worker "));
    CHECK(has(screen(view), "device "));
    View idle = view_of(rates_with(0));
    idle.press(kTab, kUsual);
    idle.press(kTab, kUsual);
    idle.press(kTab, kUsual); // devices, VNIs, workers, and devices again
    CHECK(devices(idle) == Names{"vxlan100"});
    idle.press('5', kUsual);
    CHECK(has(screen(idle), "no drops"));
    idle.press('7', kUsual); // there is no such table
    CHECK(has(screen(idle), "no drops"));
}

TEST_CASE("rows that there is no room for are counted, and keys go through all of them")
{
    View view = view_of(rates_with(100));
    view.press('1', kUsual);
    CHECK(devices(view).size() == 19);
    CHECK(devices(view).front() == "c99");
    CHECK(has(screen(view), "0 above, 82 below"));
    view.press(kDown, kUsual);
    CHECK(devices(view).front() == "c98");
    view.press(kPageDown, kUsual);
    CHECK(devices(view).front() == "c79");
    view.press(kEnd, kUsual);
    CHECK(devices(view).back() == "vxlan100");
    CHECK(has(screen(view), "82 above, 0 below"));
    view.press(kDown, kUsual); // there is no further
    CHECK(devices(view).back() == "vxlan100");
    view.press(kUp, kUsual);
    CHECK(has(screen(view), "81 above, 1 below"));
    view.press(kHome, kUsual);
    CHECK(devices(view).front() == "c99");
    view.press(kEnd, kUsual);
    view.take(rates_with(3), "12:34:57"); // fewer than were passed over
    CHECK(devices(view).size() == 4);
    CHECK(devices(view, {50, 80}).size() == 4);
}

TEST_CASE("paused, the view stays as it is, and keys work on what it shows")
{
    View view = view_of(rates_with(3));
    view.press('p', kUsual);
    view.take(rates_with(5), "13:00:00");
    CHECK(has(screen(view), "PAUSED  every 1 s  12:34:56"));
    CHECK(devices(view).size() == 4);
    view.press('r', kUsual);
    CHECK(devices(view).front() == "vxlan100");
    view.press(' ', kUsual);
    view.take(rates_with(5), "13:00:01");
    CHECK(devices(view).size() == 6);
    CHECK_FALSE(has(screen(view), "PAUSED"));
}

TEST_CASE("plus and minus go through intervals and stay at the ends")
{
    View view("s", std::chrono::milliseconds(700));
    view.press('-', kUsual);
    CHECK(view.interval() == std::chrono::milliseconds(500));
    view.press('+', kUsual);
    CHECK(view.interval() == std::chrono::seconds(1));
    for (int press = 0; press < 20; ++press)
        view.press('-', kUsual);
    CHECK(view.interval() == std::chrono::milliseconds(100));
    for (int press = 0; press < 20; ++press)
        view.press('+', kUsual);
    CHECK(view.interval() == std::chrono::minutes(1));
    View slow("s", std::chrono::hours(1));
    slow.press('+', kUsual);
    CHECK(slow.interval() == std::chrono::hours(1));
}

TEST_CASE("help names every key, goes at any key, and q ends it from there too")
{
    View view = view_of(rates_with(3));
    view.press('?', kUsual);
    for (const std::string_view key : {"q Esc", "Tab", "< >", "r ", "p ", "+ -", "0 ", "1 2 3 4 5", "turn p50"})
        CHECK(has(screen(view), key));
    CHECK_FALSE(has(screen(view), "rx pps"));
    view.press(kEscape, kUsual);
    CHECK_FALSE(view.has_ended());
    CHECK(has(screen(view), "rx pps"));
    view.press('h', kUsual);
    view.press('q', kUsual);
    CHECK(view.has_ended());
    View other = view_of(rates_with(3));
    other.press(kEscape, kUsual);
    CHECK(other.has_ended());
}

TEST_CASE("VTEPs, which cost workers time, are wanted only where they are seen, and then often enough")
{
    View view("s", std::chrono::seconds(30));
    view.take(rates_with(3), "12:34:56");
    CHECK(view.wanted() == Wanted::kUsual);
    CHECK(view.interval() == std::chrono::seconds(30));
    view.press('3', kUsual);
    CHECK(view.wanted() == Wanted::kWithVteps);
    CHECK(view.interval() == std::chrono::seconds(5));
    CHECK(has(screen(view), "VTEP "));
    CHECK(has(screen(view), "measuring"));
    Rates rates = rates_with(3);
    rates.vteps.emplace();
    view.take(rates, "12:34:57");
    CHECK(has(screen(view), "no VTEPs"));
    rates.vteps->push_back({{"192.0.2.2", "vxlan100", {}}, {1000, 2}, {3, 4}});
    view.take(rates, "12:34:58");
    CHECK(has(screen(view), "192.0.2.2 vxlan100   1.00k"));
    rates.vteps.reset();
    rates.vteps_refused = "8 captures run already";
    view.take(rates, "12:34:59");
    CHECK(has(screen(view), "8 captures run already"));
    view.press(kTab, kUsual);
    CHECK(view.wanted() == Wanted::kUsual);
    view.press('2', kUsual);
    view.press(kTab, kUsual); // past VTEPs
    CHECK(has(screen(view), "worker "));
    view.press('3', kUsual);
    view.press('0', kUsual);
    CHECK(view.wanted() == Wanted::kUsual);
    CHECK_FALSE(has(screen(view), "VTEP "));
    CHECK(View("s", std::chrono::seconds(1), Wanted::kWithVteps).wanted() == Wanted::kWithVteps);
}

TEST_CASE("trouble is said in the place of the sums, until it is over")
{
    View view = view_of(rates_with(3));
    view.set_trouble("vxd has gone; trying again");
    CHECK(texts(view, kUsual)[1] == "vxd has gone; trying again");
    CHECK(devices(view).size() == 4); // what was known last
    view.set_trouble("");
    CHECK(has(texts(view, kUsual)[1], "load"));
}

TEST_CASE("what needs a look has another tone than what is as usual")
{
    FakeVxd vxd;
    vxd.add_link(1, "c1", "tap");
    vxd.add_worker(0);
    vxd.about("c1")["flags"] = Json::array({"GONE", "UP"});
    const Sample before = vxd.sample(0);
    vxd.worker(0)["busy_ticks"] = 1'900'000'000;
    vxd.counters("c1")["drops"] = {{"no_route", 1}};
    const auto tables = tables_of(rates_of(before, vxd.sample(1)));
    const Row& device = tables[0].rows[0];
    CHECK(device[2].tone == Tone::kBad);   // gone
    CHECK(device[3].tone == Tone::kQuiet); // nothing received
    CHECK(device[7].tone == Tone::kBad);   // drops
    CHECK(tables[3].rows[0][2].tone == Tone::kBad);
    CHECK(tables[3].rows[0][3].text == "|||||||||");
}

TEST_CASE("panes share the lines: each that is shown has a few, the one with the focus the rest")
{
    const std::size_t counts[] = {50, 10, 2, 0};
    using Panes = std::vector<Pane>;
    CHECK(panes(counts, 21, 0) == Panes{{0, 10}, {1, 3}, {2, 2}});
    CHECK(panes(counts, 21, 1) == Panes{{0, 3}, {1, 10}, {2, 2}});
    CHECK(panes(counts, 100, 2) == Panes{{0, 50}, {1, 10}, {2, 2}});
    CHECK(panes(counts, 7, 0) == Panes{{0, 5}});
    CHECK(panes(counts, 7, 2) == Panes{{0, 1}, {2, 2}});
    CHECK(panes(counts, 21, 3) == Panes{{0, 8}, {1, 3}, {2, 2}, {3, 0}});
    CHECK(panes(counts, 0, 0) == Panes{{0, 0}});
    for (std::size_t focus = 0; focus < 4; ++focus)
        for (std::size_t lines = 2; lines < 90; ++lines) {
            std::size_t used = 0;
            for (const Pane& pane : panes(counts, lines, focus))
                used += 2 + pane.rows;
            CHECK(used <= lines);
        }
}

TEST_CASE("columns go in the order of their importance, each with its like, and what stays keeps its place")
{
    const Table devices = tables_of(rates_with(3))[0];
    std::size_t last = 0;
    for (std::size_t width = 10; width < 200; ++width) {
        const auto shown = columns_within(devices, width);
        std::size_t used = 0;
        std::vector<std::size_t> columns;
        for (const Shown& column : shown) {
            used += column.width + (columns.empty() ? 0 : 1);
            columns.push_back(column.column);
        }
        CHECK(used <= width);
        CHECK(std::is_sorted(columns.begin(), columns.end()));
        CHECK(columns.front() == 0);
        const auto has_column = [&](std::size_t column) {
            return std::find(columns.begin(), columns.end(), column) != columns.end();
        };
        CHECK(has_column(3) == has_column(5)); // rx pps, tx pps
        CHECK(has_column(4) == has_column(6));
        last = columns.size();
    }
    CHECK(last == devices.columns.size());
}
