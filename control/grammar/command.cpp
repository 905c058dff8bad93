// SPDX-License-Identifier: BSD-3-Clause
#include "control/grammar/command.h"

#include "control/grammar/completion.h"
#include "control/transaction/transaction.h"

#include <algorithm>
#include <array>

namespace vx
{

namespace
{

bool is_prefix(std::string_view word, std::string_view of)
{
    return !word.empty() && of.starts_with(word);
}

std::string_view synonym(std::string_view verb)
{
    return verb == "show" ? "list" : verb == "del" ? "delete" : std::string_view{};
}

std::string line_of(const Command& command)
{
    std::string line{command.noun};
    for (const std::string_view part : {command.verb, command.usage})
        if (!part.empty())
            line += fmt::format(" {}", part);
    return line;
}

Reply help_for(std::span<const Command> commands)
{
    Reply reply;
    reply.json = nlohmann::ordered_json::array();
    std::string_view head = "Usage: ";
    for (const Command& command : commands) {
        reply.text += fmt::format("{}vxctl {}\n           {}\n", head, line_of(command), command.help);
        reply.json.push_back(
            {{"object", command.noun}, {"command", command.verb}, {"usage", command.usage}, {"help", command.help}});
        head = "       ";
    }
    return reply;
}

Reply help_for(std::span<const Noun> table)
{
    Reply reply;
    reply.json = nlohmann::ordered_json::array();
    reply.text = "Usage: vxctl [ OPTIONS ] OBJECT { COMMAND | help }\n"
                 "       vxctl [ -force ] -batch FILE\n"
                 "where  OBJECT :=\n";
    for (const Noun& noun : table) {
        std::vector<std::string_view> verbs;
        for (const Command& command : *noun.commands)
            verbs.push_back(command.verb);
        reply.text += fmt::format("         {:<8}{}\n", noun.name, noun.help);
        if (has_verbs(*noun.commands))
            reply.text += fmt::format("                 {}\n", fmt::format("{{ {} }}", fmt::join(verbs, " | ")));
        reply.json.push_back({{"object", noun.name}, {"help", noun.help}, {"commands", verbs}});
    }
    reply.text += fmt::format("       {}\n", kOptionsHelp);
    return reply;
}

// What -br asks for has to be there; -s may be said of what has no more to tell.
Result<> check_options(const Command& command, const CommandOptions& options)
{
    const bool is_possible = command.verb != "show" || command.noun == "link" || command.noun == "addr";
    if (options.is_brief && !is_possible)
        return usage_error("{} {}: the option -brief is for link show and addr show", command.noun, command.verb);
    return Ok{};
}

// An option behind the object, which the command took for something else: ip(8) takes it for that too.
Error about_option(Error error, CommandView words)
{
    for (std::size_t at = 1; at < words.size(); ++at)
        if (is_option_word(words[at]) && error.message.find(in_quotes(words[at])) != error.message.npos)
            return usage_error("{} is an option, and options come before the object: vxctl {} {} ... (word {})",
                               in_quotes(words[at]), words[at], fmt::join(words.first(at), " "), at + 1);
    return error;
}

// As with ip(8), what belongs to one thing is on one line, with a backslash where lines ended.
void join_lines(std::string& text)
{
    for (std::size_t at = 0; at + 1 < text.size(); ++at)
        if (text[at] == '\n' && text[at + 1] == ' ')
            text[at] = '\\';
}

Reply complete(const Transaction& transaction, CommandView words, std::span<const Noun> table)
{
    Reply reply;
    reply.json = completions(words, table, &transaction.model(), transaction.budget());
    for (const auto& word : reply.json)
        reply.text += word.get_ref<const std::string&>() + '\n';
    return reply;
}

bool is_help(std::string_view word)
{
    if (word.size() < 2 || (word.front() != 'h' && word.front() != '-'))
        return false;
    return word == "help" || word == "-h" || word == "--help" || word == "-help";
}

Result<Reply> run(Transaction& transaction, CommandView words, std::span<const Noun> table)
{
    const auto leading = read_options(words);
    if (!leading)
        return leading.error();
    const CommandOptions& options = leading->options;
    words = words.subspan(leading->count);
    if (words.empty())
        return usage_error("an empty command; try \"help\"");
    if (words[0] == kCompleteCommand)
        return complete(transaction, words.subspan(1), table);
    if (std::any_of(words.begin(), words.end(), is_help))
        if (auto help = help_of(words, table))
            return *std::move(help);
    const Noun* const noun = find_noun(table, words[0]);
    if (noun == nullptr) {
        std::vector<std::string_view> names;
        for (const Noun& known : table)
            names.push_back(known.name);
        return usage_error("{} is not known (word 1; expected one of {}, help)", in_quotes(words[0]),
                           fmt::join(names, ", "));
    }
    const std::span<const Command> commands = *noun->commands;
    const bool has_verb = has_verbs(commands) && words.size() > 1;
    const Command* const command = find_command(commands, words.subspan(1));
    if (command == nullptr) {
        std::vector<std::string_view> verbs;
        for (const Command& known : commands)
            verbs.push_back(known.verb);
        const std::string expected = fmt::format("expected one of {}, help", fmt::join(verbs, ", "));
        if (!has_verb)
            return usage_error("{}: a command is missing ({})", noun->name, expected);
        return usage_error("{}: {} is not known (word 2; {})", noun->name, in_quotes(words[1]), expected);
    }
    if (auto checked = check_options(*command, options); !checked)
        return std::move(checked).error();
    Words rest(words, has_verb ? 2 : 1, command->noun, command->verb, command->usage, options);
    auto reply = command->handler(transaction, rest);
    if (reply && options.is_oneline)
        join_lines(reply->text);
    return reply;
}

} // namespace

const Noun* find_noun(std::span<const Noun> table, std::string_view word)
{
    const auto abbreviates = [&](const Noun& noun) {
        return is_prefix(word, noun.name) ||
               std::ranges::any_of(noun.aliases, [&](std::string_view alias) { return is_prefix(word, alias); });
    };
    const auto found = std::find_if(table.begin(), table.end(), abbreviates);
    return found == table.end() ? nullptr : &*found;
}

bool has_verbs(std::span<const Command> commands)
{
    return !commands.front().verb.empty();
}

const Command* find_command(std::span<const Command> commands, CommandView words)
{
    if (!has_verbs(commands))
        return &commands.front();
    const std::string_view word = words.empty() ? std::string_view{"show"} : words[0];
    const auto is = [&](const Command& command) { return command.verb == word; };
    const auto abbreviates = [&](const Command& command) {
        return is_prefix(word, command.verb) || is_prefix(word, synonym(command.verb)) ||
               (command.verb == "show" && is_prefix(word, "lst"));
    };
    auto found = std::find_if(commands.begin(), commands.end(), is);
    // With nothing after it, "s" is show even where set comes before it.
    if (found == commands.end() && words.size() == 1 && is_prefix(word, "show"))
        found = std::find_if(commands.begin(), commands.end(), [](const Command& c) { return c.verb == "show"; });
    if (found == commands.end())
        found = std::find_if(commands.begin(), commands.end(), abbreviates);
    return found == commands.end() ? nullptr : &*found;
}

const Command* command_of(CommandView words, std::span<const Noun> table)
{
    const auto leading = read_options(words);
    if (!leading)
        return nullptr;
    words = words.subspan(leading->count);
    if (words.empty() || (std::any_of(words.begin(), words.end(), is_help) && help_of(words, table)))
        return nullptr;
    const Noun* const noun = find_noun(table, words[0]);
    return noun == nullptr ? nullptr : find_command(*noun->commands, words.subspan(1));
}

std::optional<Reply> help_of(CommandView words, std::span<const Noun> table)
{
    if (words.empty())
        return std::nullopt;
    if (is_help(words[0]))
        return help_for(table);
    const Noun* const noun = find_noun(table, words[0]);
    if (noun == nullptr || words.size() < 2)
        return std::nullopt;
    if (is_help(words[1]))
        return help_for(*noun->commands);
    const Command* const command = find_command(*noun->commands, words.subspan(1));
    if (command == nullptr)
        return std::nullopt;
    if (words.size() == 3 && words[2] == "help")
        return help_for(std::span(command, 1));
    if (command->more != nullptr)
        return command->more->help(Words(words, 2, command->noun, command->verb, command->usage));
    return std::nullopt;
}

Result<Reply> dispatch(Transaction& transaction, CommandView words, std::span<const Noun> table)
{
    auto reply = run(transaction, words, table);
    if (!reply)
        return about_option(std::move(reply).error(), words);
    return reply;
}

} // namespace vx
