// SPDX-License-Identifier: BSD-3-Clause
#include "tools/vxctl/top/screen.h"

#include <ncurses.h>
#include <unistd.h>

#include <array>
#include <clocale>
#include <cstdlib>

namespace vx::top
{

namespace
{

constexpr int kEscapeMilliseconds = 25; // after which Esc is a key of its own, and not the beginning of another

// Pairs of colours, on the terminal's own background.
enum Pair : short { kGreen = 1, kYellow, kRed, kCyan, kGrey, kBar };

bool may_be_coloured()
{
    const char* const no_color = std::getenv("NO_COLOR"); // set and not empty: none is wanted, anywhere
    return has_colors() && (no_color == nullptr || *no_color == '\0');
}

void make_pairs()
{
    constexpr int kDefault = -1;
    start_color();
    use_default_colors();
    init_pair(kGreen, COLOR_GREEN, kDefault);
    init_pair(kYellow, COLOR_YELLOW, kDefault);
    init_pair(kRed, COLOR_RED, kDefault);
    init_pair(kCyan, COLOR_CYAN, kDefault);
    constexpr short kBrightBlack = 8;
    init_pair(kGrey, COLORS > kBrightBlack ? kBrightBlack : short{COLOR_WHITE}, kDefault);
    init_pair(kBar, COLOR_BLACK, COLOR_CYAN);
}

attr_t coloured(Style style)
{
    const auto pair = [](Pair colours) { return static_cast<attr_t>(COLOR_PAIR(colours)); };
    switch (style) {
    case Style::kPlain:
        return A_NORMAL;
    case Style::kQuiet:
        return pair(kGrey);
    case Style::kGood:
        return pair(kGreen);
    case Style::kWarning:
        return pair(kYellow);
    case Style::kBad:
        return pair(kRed) | A_BOLD;
    case Style::kHeader:
        return A_BOLD;
    case Style::kTitle:
        return pair(kCyan);
    case Style::kSortedTitle:
        return pair(kCyan) | A_BOLD | A_UNDERLINE;
    case Style::kFocusedTitle:
        return pair(kBar);
    case Style::kFocusedSortedTitle:
        return pair(kBar) | A_BOLD | A_UNDERLINE;
    case Style::kKey:
        return pair(kCyan);
    }
    return A_NORMAL;
}

attr_t plain(Style style)
{
    switch (style) {
    case Style::kQuiet:
        return A_DIM;
    case Style::kBad:
    case Style::kHeader:
    case Style::kTitle:
    case Style::kKey:
        return A_BOLD;
    case Style::kSortedTitle:
        return A_BOLD | A_UNDERLINE;
    case Style::kFocusedTitle:
        return A_REVERSE;
    case Style::kFocusedSortedTitle:
        return A_REVERSE | A_BOLD | A_UNDERLINE;
    case Style::kPlain:
    case Style::kGood:
    case Style::kWarning:
        break;
    }
    return A_NORMAL;
}

struct KeyName {
    int curses, ours;
};
constexpr std::array kKeys = {
    KeyName{KEY_BTAB, kBackTab},   KeyName{KEY_UP, kUp},       KeyName{KEY_DOWN, kDown},
    KeyName{KEY_LEFT, kLeft},      KeyName{KEY_RIGHT, kRight}, KeyName{KEY_PPAGE, kPageUp},
    KeyName{KEY_NPAGE, kPageDown}, KeyName{KEY_HOME, kHome},   KeyName{KEY_END, kEnd},
};

// Behind Esc: the rest of a key that the terminal's description lacks (ECMA-48, 5.4). False: there is none, it is Esc.
bool skip_sequence()
{
    int key = getch();
    if (key == ERR)
        return false;
    if (key == 'O')
        getch();
    if (key == '[')
        do
            key = getch();
        while (key != ERR && (key < '@' || key > '~'));
    return true;
}

Error unfit(std::string_view what)
{
    return usage_error("top: {}; \"vxctl top -b\" prints lines, and needs no terminal", what);
}

std::string terminal_name()
{
    const char* const name = std::getenv("TERM");
    return name == nullptr ? "" : name;
}

} // namespace

struct Screen::Terminal {
    SCREEN* screen;
    bool has_colours;
};

void Screen::Restore::operator()(Terminal* terminal) const
{
    endwin();
    delscreen(terminal->screen);
    delete terminal;
}

Result<Screen> Screen::open()
{
    if (isatty(STDIN_FILENO) == 0 || isatty(STDOUT_FILENO) == 0)
        return unfit("stdin and stdout have to be a terminal");
    std::setlocale(LC_CTYPE, "");
    SCREEN* const screen = newterm(nullptr, stdout, stdin);
    if (screen == nullptr)
        return unfit(fmt::format("the terminal \"{}\" is not known here (TERM)", terminal_name()));
    std::unique_ptr<Terminal, Restore> terminal(new Terminal{screen, may_be_coloured()});
    // What is described, but only writes on: "dumb".
    const char* const move_cursor = tigetstr("cup");
    if (move_cursor == nullptr || move_cursor == reinterpret_cast<const char*>(-1))
        return unfit(fmt::format("the terminal \"{}\" cannot move its cursor (TERM)", terminal_name()));
    if (terminal->has_colours)
        make_pairs();
    set_escdelay(kEscapeMilliseconds);
    cbreak();
    noecho();
    nodelay(stdscr, TRUE);
    keypad(stdscr, TRUE);
    for (const KeyName& arrow : {KeyName{KEY_UP, 'A'}, KeyName{KEY_DOWN, 'B'}, KeyName{KEY_RIGHT, 'C'},
                                 KeyName{KEY_LEFT, 'D'}}) // of a terminal that was not told, or does not care, how
        define_key(fmt::format("\x1b[{:c}", arrow.ours).c_str(), arrow.curses);
    curs_set(0);
    return Screen(std::move(terminal));
}

Size Screen::size() const
{
    return {static_cast<std::size_t>(LINES), static_cast<std::size_t>(COLS)};
}

void Screen::show(const std::vector<Line>& lines)
{
    erase();
    for (std::size_t number = 0; number < lines.size(); ++number) {
        move(static_cast<int>(number), 0);
        for (const Span& span : lines[number]) {
            attrset(static_cast<int>(terminal_->has_colours ? coloured(span.style) : plain(span.style)));
            addstr(span.text.c_str());
        }
    }
    attrset(A_NORMAL);
    refresh();
}

std::optional<int> Screen::key()
{
    for (;;) {
        const int key = getch();
        if (key == ERR)
            return std::nullopt;
        if (key == KEY_RESIZE) {
            clear(); // terminals differ in what they keep of the old picture
            continue;
        }
        for (const KeyName& known : kKeys)
            if (known.curses == key)
                return known.ours;
        if (key == kEscape && skip_sequence())
            continue;
        if (key < KEY_MIN)
            return key;
    }
}

} // namespace vx::top
