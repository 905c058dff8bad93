// SPDX-License-Identifier: BSD-3-Clause
#include "control/grammar/command_options.h"

#include "control/grammar/words.h"

#include <algorithm>
#include <iterator>

namespace vx
{

namespace
{

bool is_option(std::string_view word, std::string_view name)
{
    return !word.empty() && name.starts_with(word);
}

bool set(CommandOptions& options, std::string_view name)
{
    if (is_option(name, "statistics") || is_option(name, "stats"))
        options.has_statistics = true;
    else if (is_option(name, "details"))
        options.has_details = true;
    else if (is_option(name, "oneline"))
        options.is_oneline = true;
    else if (is_option(name, "brief") && name != "b") // that is -batch
        options.is_brief = true;
    else if (name == "4")
        options.family = Family::kIpv4;
    else if (name == "6")
        options.family = Family::kIpv6;
    else
        return false;
    return true;
}

} // namespace

bool is_option_word(std::string_view word)
{
    constexpr std::string_view kNames[] = {"json",  "pretty", "statistics", "stats",  "details", "oneline", "brief",
                                           "color", "batch",  "force",      "family", "4",       "6",       "socket"};
    if (!word.starts_with('-'))
        return false;
    word.remove_prefix(word.starts_with("--") ? 2 : 1);
    word = word.substr(0, word.find('='));
    return std::any_of(std::begin(kNames), std::end(kNames),
                       [&](std::string_view name) { return is_option(word, name); });
}

Result<LeadingOptions> read_options(CommandView words)
{
    LeadingOptions leading;
    for (const std::string_view word : words) {
        std::string_view name = word;
        if (!name.starts_with('-') || name == "-h" || name == "-help" || name == "--help")
            break;
        name.remove_prefix(name.starts_with("--") ? 2 : 1);
        if (!set(leading.options, name))
            return usage_error("option {} is not known before a command; expected one of -statistics, -details, "
                               "-brief, -oneline, -4, -6",
                               in_quotes(word));
        ++leading.count;
    }
    return leading;
}

} // namespace vx
