// SPDX-License-Identifier: BSD-3-Clause
#include "tools/vxctl/config_command.h"

#include <algorithm>

namespace vx
{

namespace
{

constexpr std::string_view kNoun = "config";
constexpr std::size_t kShortestNoun = 4;

bool is_help(std::string_view word)
{
    return word == "help" || word == "-h" || word == "-help" || word == "--help";
}

bool abbreviates(std::string_view word, std::string_view name)
{
    return !word.empty() && name.starts_with(word);
}

} // namespace

Result<std::optional<ConfigCommand>> read_config_command(const CommandWords& words)
{
    if (words.size() < 2 || words[0].size() < kShortestNoun || !abbreviates(words[0], kNoun) ||
        std::any_of(words.begin(), words.end(), is_help))
        return std::optional<ConfigCommand>{};
    ConfigCommand command;
    if (abbreviates(words[1], "diff"))
        command.what = Request::Config::kDiff;
    else if (abbreviates(words[1], "apply"))
        command.what = Request::Config::kApply;
    else
        return std::optional<ConfigCommand>{};
    // diff(1) exits with 2 for whatever is wrong.
    const auto wrong = [&](std::string message) {
        return Error{std::move(message),
                     command.what == Request::Config::kDiff ? Error::Kind::kRefused : Error::Kind::kUsage};
    };
    const std::string_view name = command.what == Request::Config::kDiff ? "config diff" : "config apply";
    for (std::size_t at = 2; at < words.size(); ++at) {
        const std::string& word = words[at];
        if (command.what != Request::Config::kDiff && (word == "--dry-run" || word == "dry-run"))
            command.what = Request::Config::kDryRun;
        else if (word.size() > 1 && word.front() == '-')
            return wrong(
                fmt::format("{}: \"{}\" is not an option of it (word {}; those of vxctl come before \"config\")", name,
                            word, at + 1));
        else if (!command.path.empty())
            return wrong(fmt::format("{}: \"{}\" is not expected (word {}; usage: {} FILE{})", name, word, at + 1, name,
                                     command.what == Request::Config::kDiff ? "" : " [ --dry-run ]"));
        else
            command.path = word;
    }
    if (command.path.empty())
        return wrong(fmt::format("{}: FILE is missing (\"-\" is stdin)", name));
    return std::optional{std::move(command)};
}

} // namespace vx
