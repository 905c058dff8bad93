// SPDX-License-Identifier: BSD-3-Clause
// `stats reasons`: what a reason of a drop or a loss means, what usually causes it, and what to do.
#include "control/commands/stats.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

namespace vx
{

namespace
{

constexpr std::size_t kColumns = 100;
constexpr std::size_t kIndent = 10;

struct Reason {
    std::string_view kind; // as JSON says it
    DropReasonText text;
};

std::vector<Reason> all_reasons()
{
    std::vector<Reason> all;
    for (const DropReasonText& drop : kDropReasons)
        all.push_back({"drop", drop});
    for (const LossText& loss : kLosses)
        all.push_back({"loss", loss.text});
    return all;
}

// Up to the next space, but for those in a command, which stays whole to be copied.
std::size_t size_of_word(std::string_view text)
{
    bool is_command = false;
    std::size_t size = 0;
    for (; size < text.size() && (is_command || text[size] != ' '); ++size)
        if (text[size] == '`')
            is_command = !is_command;
    return size;
}

std::string in_lines(std::string_view text)
{
    std::string lines;
    std::size_t column = kIndent;
    while (!text.empty()) {
        const std::string_view word = text.substr(0, size_of_word(text));
        text.remove_prefix(std::min(word.size() + 1, text.size()));
        if (column != kIndent && column + 1 + word.size() > kColumns) {
            lines += fmt::format("\n{:{}}", "", kIndent);
            column = kIndent;
        } else if (column != kIndent) {
            lines += ' ';
            ++column;
        }
        lines += word;
        column += word.size();
    }
    return lines;
}

std::string in_full(const DropReasonText& reason)
{
    return fmt::format("{}: {}\n  cause   {}\n  remedy  {}\n", reason.name, reason.meaning, in_lines(reason.cause),
                       in_lines(reason.remedy));
}

nlohmann::ordered_json json_of(const Reason& reason)
{
    return {{"reason", reason.text.name},
            {"kind", reason.kind},
            {"meaning", reason.text.meaning},
            {"cause", reason.text.cause},
            {"remedy", reason.text.remedy}};
}

} // namespace

Result<Reply> reasons(Words& words)
{
    const std::vector<Reason> all = all_reasons();
    Reply reply;
    reply.json = nlohmann::ordered_json::array();
    if (words.done()) {
        for (const Reason& reason : all) {
            reply.text += fmt::format("{:<20} {}\n", reason.text.name, reason.text.meaning);
            reply.json.push_back(json_of(reason));
        }
        return reply;
    }
    const auto name = words.text("REASON");
    if (!name)
        return name.error();
    const auto found = std::ranges::find(all, *name, [](const Reason& reason) { return reason.text.name; });
    if (found == all.end()) {
        std::vector<std::string_view> names;
        for (const Reason& reason : all)
            names.push_back(reason.text.name);
        return words.invalid(
            fmt::format("is no reason for a drop or a loss; expected one of {}", fmt::join(names, ", ")));
    }
    if (auto end = words.finish(); !end)
        return std::move(end).error();
    reply.text = in_full(found->text);
    reply.json.push_back(json_of(*found));
    return reply;
}

} // namespace vx
