// SPDX-License-Identifier: BSD-3-Clause
// Text into words: one line, and whole scripts.
#include "control/wire/wire.h"

#include <algorithm>
#include <array>

namespace vx
{

namespace
{

constexpr std::string_view kBlanks = " \t\r\n\v\f";

enum class Kind : std::uint8_t { kPlain, kBlank, kSpecial };
constexpr auto kKinds = [] {
    std::array<Kind, 256> kinds{};
    for (const char blank : kBlanks)
        kinds[static_cast<unsigned char>(blank)] = Kind::kBlank;
    kinds['"'] = kinds['\''] = kinds['\0'] = Kind::kSpecial;
    return kinds;
}();

Kind kind_of(char c)
{
    return kKinds[static_cast<unsigned char>(c)];
}

// Adds the words of a line that has neither quotes nor a NUL; false, and some words, for others.
bool add_plain_words(std::string_view line, CommandList& to)
{
    const char* at = line.data();
    const char* const end = at + line.size();
    for (;;) {
        while (at != end && kind_of(*at) == Kind::kBlank)
            ++at;
        if (at == end)
            return true;
        if (*at == '#') // a NUL in the comment is none of a text either
            return std::find(at, end, '\0') == end;
        const char* const first = at;
        while (at != end && kind_of(*at) == Kind::kPlain)
            ++at;
        if (at != end && kind_of(*at) == Kind::kSpecial)
            return false;
        to.add_word({first, static_cast<std::size_t>(at - first)});
    }
}

Result<> add_words(std::string_view line, CommandList& to)
{
    if (const std::size_t nul = line.find('\0'); nul != line.npos)
        return usage_error("byte {} is a NUL; this is not a text of commands", nul + 1);
    std::size_t at = 0;
    std::string word;
    while ((at = line.find_first_not_of(kBlanks, at)) != line.npos && line[at] != '#') {
        word.clear();
        for (; at < line.size() && kind_of(line[at]) != Kind::kBlank; ++at) {
            const char quote = line[at];
            if (quote != '"' && quote != '\'') {
                word += quote;
                continue;
            }
            const std::size_t start = at++;
            for (; at < line.size() && line[at] != quote; ++at) {
                if (line[at] == '\\' && quote == '"' && at + 1 < line.size())
                    ++at;
                word += line[at];
            }
            if (at >= line.size())
                return usage_error("the quote at column {} is not closed", start + 1);
        }
        to.add_word(word);
    }
    return Ok{};
}

// Whether a line goes on in the next: it ends with a backslash that is in no comment. It may go on often, so that each
// part is looked at once.
class Continuation
{
public:
    // `part` is the line, or what it goes on in.
    bool goes_on(std::string_view part)
    {
        if (!part.ends_with('\\'))
            return false;
        part.remove_suffix(1);
        for (const char c : part)
            pass(c);
        return place_ != Place::kComment;
    }

private:
    enum class Place : std::uint8_t { kBetween, kWord, kQuoted, kEscaped, kComment };
    void pass(char c)
    {
        switch (place_) {
        case Place::kComment:
            break;
        case Place::kEscaped:
            place_ = Place::kQuoted;
            break;
        case Place::kQuoted:
            if (c == '\\' && quote_ == '"')
                place_ = Place::kEscaped;
            else if (c == quote_)
                place_ = Place::kWord;
            break;
        case Place::kBetween:
        case Place::kWord:
            if (kind_of(c) == Kind::kBlank) {
                place_ = Place::kBetween;
            } else if (c == '#' && place_ == Place::kBetween) {
                place_ = Place::kComment;
            } else if (c == '"' || c == '\'') {
                place_ = Place::kQuoted;
                quote_ = c;
            } else {
                place_ = Place::kWord;
            }
        }
    }

    Place place_ = Place::kBetween;
    char quote_ = '"';
};

std::string_view take_line(std::string_view& text)
{
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    return line;
}

} // namespace

Result<CommandWords> split_words(std::string_view line)
{
    CommandList list;
    if (auto added = add_words(line, list); !added)
        return std::move(added).error();
    list.end_command();
    auto only = list.begin(); // keeps the view
    const CommandView words = *only;
    return CommandWords(words.begin(), words.end());
}

Script read_script(std::string_view text, CommandView options)
{
    Budget unbounded;
    return read_script(text, options, unbounded);
}

Script read_script(std::string_view text, CommandView options, Budget& budget)
{
    // About what a batch of FDB entries takes; what is not used costs nothing.
    constexpr std::size_t kUsualWord = 6;
    constexpr std::size_t kUsualLine = 32;
    Script script;
    script.commands.reserve(text.size(), text.size() / kUsualWord, text.size() / kUsualLine);
    script.lines.reserve(text.size() / kUsualLine);
    std::uint32_t number = 1;
    std::string joined; // a line with those that it goes on in
    for (std::uint32_t count = 1; !text.empty(); number += count, count = 1) {
        budget.step();
        std::string_view line = take_line(text);
        if (Continuation continuation; continuation.goes_on(line)) {
            joined = line;
            for (bool goes_on = true; goes_on; ++count) {
                budget.step();
                const std::string_view next = take_line(text);
                joined.pop_back();
                joined += next;
                goes_on = next.empty() ? joined.ends_with('\\') : continuation.goes_on(next);
            }
            line = joined;
        }
        for (const std::string_view option : options)
            script.commands.add_word(option);
        if (!add_plain_words(line, script.commands)) {
            script.commands.drop_open_words();
            for (const std::string_view option : options)
                script.commands.add_word(option);
            if (auto added = add_words(line, script.commands); !added) {
                script.failure = Failure{script.commands.size(), std::move(added).error(), number};
                script.commands.drop_open_words();
                return script;
            }
        }
        if (script.commands.open_words() == options.size()) {
            script.commands.drop_open_words();
            continue;
        }
        script.commands.end_command();
        script.lines.push_back(number);
    }
    return script;
}

Error at_line(std::string_view name, std::size_t line, Error failure)
{
    failure.message = fmt::format("{}:{}: {}", name, line, failure.message);
    return failure;
}

Result<Script> parse_script(std::string_view text, std::string_view name)
{
    Script script = read_script(text);
    if (script.failure)
        return at_line(name, script.failure->line, std::move(script.failure->error));
    return script;
}

} // namespace vx
