// SPDX-License-Identifier: BSD-3-Clause
// How tables share the lines of a screen. Each that is shown takes a line for its titles, one for each row, and an
// empty one behind, where it says how many rows there are more.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace vx::top
{

struct Pane {
    std::size_t table;
    std::size_t rows; // that it has room for, no more than there are

    friend bool operator==(const Pane&, const Pane&) = default;
};

// One table with all the room that there is.
Pane lone_pane(std::span<const std::size_t> row_counts, std::size_t lines, std::size_t table);

// Every table that has rows, and that with the focus, in their order. Where there is not room for all, the one with the
// focus has more of it, and then those at the end are left out.
std::vector<Pane> panes(std::span<const std::size_t> row_counts, std::size_t lines, std::size_t focus);

} // namespace vx::top
