// SPDX-License-Identifier: BSD-3-Clause
// Rates as tables of text, for a screen or for lines: columns, cells, their order, and what of it fits into a width.
// A further table is a list of columns and a function in tables.cpp; keys, panes, sorting and lines come by themselves.
#pragma once

#include "tools/vxctl/top/rates.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vx::top
{

enum class ColumnKind : std::uint8_t {
    kText,       // to the left, in full
    kProse,      // to the left, the last: it is cut where the line ends
    kNumber,     // to the right; the greatest first, when rows are sorted by it
    kIdentifier, // to the right; the smallest first
    kBar,        // a picture of the column before it; rows are not sorted by it
};

struct Column {
    std::string_view title;
    ColumnKind kind;
    std::size_t width;  // of numbers; text is as wide as it has to be
    std::uint8_t level; // those of higher levels go first where there is no room; 0 is always there
};

enum class Tone : std::uint8_t { kPlain, kQuiet, kGood, kWarning, kBad };

struct Cell {
    std::string text;
    std::optional<double> number; // what rows are sorted by, but for text
    Tone tone = Tone::kPlain;
};
using Row = std::vector<Cell>;

struct Order {
    std::size_t column = 0;
    bool is_reversed = false;
};

struct Table {
    std::string_view name; // "devices", ...
    std::span<const Column> columns;
    std::size_t sorted_by = 0; // by default
    std::vector<Row> rows = {};
};

// Devices, VNIs, VTEPs, workers and drops, whether they have rows or not. Of Rates{} it is the tables without rows.
inline constexpr std::size_t kVteps = 2; // its place: it costs workers time, and is shown only to who wants it
std::vector<Table> tables_of(const Rates& rates);

void sort(Table& table, const Order& order);

// A column that is shown.
struct Shown {
    std::size_t column;
    std::size_t width;
};
inline constexpr std::size_t kAnyWidth = 10'000;
std::vector<Shown> columns_within(const Table& table, std::size_t width);

// Exactly `shown.width` columns: padded, or cut.
std::string title_text(const Table& table, const Shown& shown);
std::string cell_text(const Table& table, const Shown& shown, const Row& row);

} // namespace vx::top
