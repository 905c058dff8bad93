// SPDX-License-Identifier: BSD-3-Clause
// What `vxctl top` shows, as lines of styled text, and what keys do to it. It knows no terminal: screen.h does.
#pragma once

#include "tools/vxctl/top/layout.h"
#include "tools/vxctl/top/tables.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vx::top
{

enum class Style : std::uint8_t {
    kPlain,
    kQuiet,
    kGood,
    kWarning,
    kBad,
    kHeader,
    kTitle,
    kSortedTitle,
    kFocusedTitle, // of the table that keys are about
    kFocusedSortedTitle,
    kKey,
};

struct Span {
    std::string text;
    Style style = Style::kPlain;
};
using Line = std::vector<Span>;

struct Size {
    std::size_t lines;
    std::size_t columns;
};

// Other keys are their characters.
enum Key : int {
    kTab = '\t',
    kEscape = 27,
    kBackTab = 0x110000, // behind all characters
    kUp,
    kDown,
    kLeft,
    kRight,
    kPageUp,
    kPageDown,
    kHome,
    kEnd,
};

class View
{
public:
    View(std::string socket, std::chrono::milliseconds interval, Wanted wanted = Wanted::kUsual)
        : socket_(std::move(socket)), interval_(interval), wanted_(wanted)
    {
    }

    // The newest rates, and the time of day; passed over while it is paused.
    void take(const Rates& rates, std::string clock);
    // What keeps rates from coming; empty: nothing does.
    void set_trouble(std::string trouble) { trouble_ = std::move(trouble); }

    void press(int key, Size size);
    bool has_ended() const { return has_ended_; }
    std::chrono::milliseconds interval() const;
    // VTEPs only where they are seen.
    Wanted wanted() const { return is_alone_ && focus_ == kVteps ? Wanted::kWithVteps : wanted_; }

    // As many lines as there are, none wider than the screen.
    std::vector<Line> draw(Size size) const;

private:
    std::vector<Pane> panes_in(Size size) const;
    std::size_t rows_in_focus(Size size) const;
    void turn_focus(std::size_t steps);
    void move_order(int step, Size size);
    void move_rows(std::ptrdiff_t step, Size size);
    void sort_tables();

    Line header_line(std::size_t columns) const;
    Line summary_line(std::size_t columns) const;
    std::string note_below(const Pane& pane, std::size_t first) const;
    void draw_pane(const Pane& pane, std::size_t columns, std::vector<Line>& lines) const;

    std::string socket_;
    std::chrono::milliseconds interval_;
    Wanted wanted_; // whatever is seen
    std::string clock_;
    std::string trouble_;
    std::optional<Rates> rates_;
    std::vector<Table> tables_ = tables_of({});                                                    // sorted
    std::vector<std::optional<Order>> orders_ = std::vector<std::optional<Order>>(tables_.size()); // that were chosen
    std::vector<std::size_t> first_rows_ = std::vector<std::size_t>(tables_.size());               // that are shown
    std::size_t focus_ = 0;
    bool is_alone_ = false; // the table with the focus
    bool is_paused_ = false;
    bool is_help_ = false;
    bool has_ended_ = false;
};

} // namespace vx::top
