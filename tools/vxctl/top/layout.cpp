// SPDX-License-Identifier: BSD-3-Clause
#include "tools/vxctl/top/layout.h"

#include <algorithm>

namespace vx::top
{

namespace
{

constexpr std::size_t kAround = 2;    // lines of a pane that are no rows
constexpr std::size_t kLeastRows = 3; // that each has before another gets more

} // namespace

Pane lone_pane(std::span<const std::size_t> row_counts, std::size_t lines, std::size_t table)
{
    return {table, std::min(row_counts[table], lines - std::min(lines, kAround))};
}

std::vector<Pane> panes(std::span<const std::size_t> row_counts, std::size_t lines, std::size_t focus)
{
    std::vector<std::size_t> tables{focus}; // by who chooses first
    for (std::size_t table = 0; table < row_counts.size(); ++table)
        if (table != focus && row_counts[table] != 0)
            tables.push_back(table);
    std::vector<Pane> shown;
    for (const std::size_t table : tables) {
        const std::size_t least = table == focus ? 0 : 1; // without a row, only that with the focus is worth a line
        if (lines < kAround + least && !shown.empty())
            continue;
        const Pane pane = lone_pane(row_counts, std::min(lines, kAround + kLeastRows), table);
        lines -= std::min(lines, kAround + pane.rows);
        shown.push_back(pane);
    }
    for (Pane& pane : shown) {
        const std::size_t more = std::min(lines, row_counts[pane.table] - pane.rows);
        pane.rows += more;
        lines -= more;
    }
    std::sort(shown.begin(), shown.end(), [](const Pane& a, const Pane& b) { return a.table < b.table; });
    return shown;
}

} // namespace vx::top
