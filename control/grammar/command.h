// SPDX-License-Identifier: BSD-3-Clause
// A command is data: one row of a table is its parser's entry, its dispatcher and its help. The tables are those of
// commands/nouns.h.
#pragma once

#include "control/grammar/words.h"
#include "control/watch/streams.h"
#include "dataplane/base/result.h"

#include <nlohmann/json.hpp>

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vx
{

class Transaction;

struct Reply {
    std::string text; // as ip or bridge prints it, every line ended; empty for a command that changes something
    nlohmann::ordered_json json; // as `ip -j` prints it; null where there is nothing to say
    std::vector<std::string> warnings;
    std::optional<StreamSpec> stream; // what goes on from here; such a command changes nothing
};

using Handler = Result<Reply> (*)(Transaction&, Words&);

// Who may run a command depends on it.
enum class Effect : std::uint8_t {
    kChanges,      // the configuration
    kShows,        // what vxd itself is about
    kShowsTraffic, // what others send
};

// What a usage cannot say, since it depends on words before: for instance what stands behind "type vxlan".
struct CommandMore {
    std::optional<Reply> (*help)(Words); // for words that end in "help"; nothing if it is no more than the row's
    std::optional<std::string> (*usage)(CommandView words); // the words behind the verb
};

struct Command {
    // A noun whose only command has an empty verb has none: its words follow at once.
    std::string_view noun, verb, usage, help;
    Handler handler;
    Effect effect = Effect::kChanges;
    const CommandMore* more = nullptr;
};

struct Noun {
    std::string_view name;
    std::array<std::string_view, 2> aliases; // longer names that are taken too: "address"
    std::string_view help;
    const std::span<const Command>* commands; // a pointer: the tables are defined elsewhere, and initialized any time
};

// What the words ask for with "help", behind nothing, a noun, a command or the type of a device; nothing if they do
// not.
std::optional<Reply> help_of(CommandView words, std::span<const Noun> table);

// The command that the words mean; null if they ask for help or are none.
const Command* command_of(CommandView words, std::span<const Noun> table);

// Whether a noun's commands have verbs.
bool has_verbs(std::span<const Command> commands);
const Noun* find_noun(std::span<const Noun> table, std::string_view word);
// `words` start with the verb, if there is one.
const Command* find_command(std::span<const Command> commands, CommandView words);

// Runs one command. Nouns and verbs may be abbreviated as with ip(8): an exact match, else the first in table order
// that the word is a prefix of; "list" and "lst" are "show", "delete" is "del"; no verb is "show". Unlike ip, where "ip
// l s" is an unfinished set, "s" with nothing after it is show. "help" works at every level. Options may come first.
Result<Reply> dispatch(Transaction& transaction, CommandView words, std::span<const Noun> table);

} // namespace vx
