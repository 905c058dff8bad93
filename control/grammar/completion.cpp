// SPDX-License-Identifier: BSD-3-Clause
// A usage is read as tokens: words in small letters are keywords, words in capitals stand for a value, brackets and '|'
// are passed over, "[no]learning" is two keywords, "server|client" is the choice behind its keyword. A value stands
// behind the keyword that it belongs to, or at the usage's beginning.
#include "control/grammar/completion.h"

#include "dataplane/net/drop_reason.h"

#include <algorithm>
#include <span>
#include <unordered_set>

namespace vx
{

namespace
{

// Capitals, or an example: "0000:81:00.0".
bool is_value(std::string_view token)
{
    const auto first = token.empty() ? ' ' : token.front();
    return (first >= 'A' && first <= 'Z') || (first >= '0' && first <= '9');
}

bool is_bracket(std::string_view token)
{
    return token == "[" || token == "]" || token == "{" || token == "}" || token == "|" || token == "..." ||
           token == "]...";
}

std::vector<std::string> tokens_of(std::string_view usage)
{
    std::vector<std::string> tokens;
    while (!usage.empty()) {
        std::string_view token = usage.substr(0, usage.find(' '));
        usage.remove_prefix(std::min(token.size() + 1, usage.size()));
        if (token.ends_with(','))
            token.remove_suffix(1);
        if (token.empty() || is_bracket(token))
            continue;
        if (token.starts_with("[no]")) {
            tokens.emplace_back(token.substr(4));
            tokens.push_back(fmt::format("no{}", token.substr(4)));
        } else {
            tokens.emplace_back(token);
        }
    }
    return tokens;
}

enum class Which { kAny, kBridges };

class Completer
{
public:
    Completer(std::string_view prefix, const Model* model, Budget& budget)
        : prefix_(prefix), model_(model), budget_(budget)
    {
    }

    void offer(std::string_view word)
    {
        if (!word.empty() && word.starts_with(prefix_) && known_.emplace(word).second)
            found_.emplace_back(word);
    }
    void offer_links(Which which)
    {
        if (model_ == nullptr)
            return;
        for (const auto& [id, link] : budget_.each(model_->links()))
            if (which == Which::kAny || link.bridge() != nullptr)
                offer(link.name);
    }
    void offer_types()
    {
        for (const PortKind& kind : port_kinds())
            offer(kind.name);
        offer("bridge");
        offer("vxlan");
    }
    // What a token of a usage stands for: "DEV", "auto", "server|client", "TTL|auto".
    void offer_token(std::string_view token)
    {
        while (!token.empty()) {
            const std::string_view part = token.substr(0, token.find('|'));
            token.remove_prefix(std::min(part.size() + 1, token.size()));
            if (part == "TYPE")
                offer_types();
            else if (part == "BRIDGE")
                offer_links(Which::kBridges);
            else if (part == "DEV" || part == "NAME")
                offer_links(Which::kAny);
            else if (part == "STATE")
                offer_states();
            else if (part == "POINT")
                offer_points();
            else if (part == "REASON")
                offer_all(kDropReasons);
            else if (part == "LOSS")
                offer_all(kPortLosses);
            else if (!is_value(part))
                offer(part);
        }
    }
    std::vector<std::string> take() { return std::move(found_); }

private:
    void offer_states()
    {
        for (const std::string_view state : {"permanent", "static", "dynamic", "reachable", "stale", "failed", "all"})
            offer(state);
    }
    void offer_points()
    {
        offer_links(Which::kAny);
        for (const std::string_view point : {"drop", "host", "all"})
            offer(point);
    }
    void offer_all(std::span<const DropReasonText> reasons)
    {
        for (const DropReasonText& reason : reasons)
            offer(reason.name);
    }

    std::string_view prefix_;
    const Model* model_;
    Budget& budget_;
    std::vector<std::string> found_;
    std::unordered_set<std::string> known_; // what is in found_
};

bool is_address(std::string_view token)
{
    return token == "LLADDR" || token == "ADDR" || token == "PREFIX";
}

// Behind a keyword with a value: what the value may be. False if the word before is no such keyword.
bool offer_value(Completer& completer, const std::vector<std::string>& tokens, std::string_view before)
{
    for (std::size_t at = 0; at + 1 < tokens.size(); ++at) {
        if (tokens[at] != before || is_value(tokens[at]))
            continue;
        const std::string& next = tokens[at + 1];
        if (!is_value(next) && next.find('|') == next.npos)
            continue;
        completer.offer_token(next);
        return true;
    }
    return false;
}

// The words behind noun and verb, with the one at the cursor.
void offer_arguments(Completer& completer, const Command& command, CommandView words)
{
    std::vector<std::string> tokens = tokens_of(command.usage);
    const bool is_add = command.noun == "link" && (command.verb == "add" || command.verb == "replace");
    const bool is_set = command.noun == "link" && (command.verb == "set" || command.verb == "change");
    if (command.more != nullptr)
        if (const auto behind = command.more->usage(words))
            for (std::string& token : tokens_of(*behind))
                tokens.push_back(std::move(token));
    const CommandView before = words.first(words.size() - 1);
    if (!before.empty() && before.back() == "type" && is_set) {
        completer.offer("bridge");
        return completer.offer("vxlan");
    }
    if (!before.empty() && offer_value(completer, tokens, before.back()))
        return;
    if (before.empty()) {
        completer.offer("help");
        // A value at the beginning of the usage is typed without a keyword; that of "link add" is a new name. One that
        // need not be there leaves its place to a keyword.
        const bool is_needed = !command.usage.empty() && !is_bracket(command.usage.substr(0, 1));
        if (!tokens.empty() && is_value(tokens.front())) {
            if (!is_add)
                completer.offer_token(tokens.front());
            // An address may also come behind keywords, and nobody can offer any.
            if (is_needed && !is_address(tokens.front()))
                return;
        }
    }
    const bool is_at_point = before.empty() || before.back() == "add";
    if (is_at_point && std::ranges::find(tokens, "POINT") != tokens.end())
        completer.offer_token("POINT");
    for (const std::string& token : tokens)
        if (!is_value(token) && token.find('|') == token.npos && std::ranges::find(before, token) == before.end())
            completer.offer(token);
}

} // namespace

std::vector<std::string> completions(CommandView words, std::span<const Noun> table, const Model* model)
{
    Budget unbounded;
    return completions(words, table, model, unbounded);
}

std::vector<std::string> completions(CommandView words, std::span<const Noun> table, const Model* model, Budget& budget)
{
    if (words.empty())
        return {};
    Completer completer{words.back(), model, budget};
    if (words.size() == 1) {
        for (const Noun& noun : table)
            completer.offer(noun.name);
        completer.offer("help");
        return completer.take();
    }
    const Noun* const noun = find_noun(table, words[0]);
    if (noun == nullptr)
        return {};
    if (!has_verbs(*noun->commands)) {
        offer_arguments(completer, noun->commands->front(), words.subspan(1));
        return completer.take();
    }
    if (words.size() == 2) {
        for (const Command& command : *noun->commands)
            completer.offer(command.verb);
        completer.offer("help");
        return completer.take();
    }
    if (const Command* const command = find_command(*noun->commands, words.subspan(1)))
        offer_arguments(completer, *command, words.subspan(2));
    return completer.take();
}

} // namespace vx
