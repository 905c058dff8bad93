// SPDX-License-Identifier: BSD-3-Clause
// `config`: the whole configuration. What changes it as a whole is no command among others: vxctl reads the file and
// sends it as a request of its own (Request::config), which Controller::run_config carries out.
#include "control/commands/nouns.h"
#include "control/config/config_lines.h"
#include "control/grammar/rows.h"

namespace vx
{

namespace
{

Result<Reply> config_show(Transaction& transaction, Words& words)
{
    if (auto end = words.finish(); !end)
        return std::move(end).error();
    const auto commands = config_commands(transaction);
    if (!commands)
        return commands.error();
    Rows rows{transaction};
    for (auto command = commands->begin(); command != commands->end(); ++command) {
        const CommandView view = *command;
        rows.add([&](std::string& text) { text += config_line(view) + '\n'; },
                 [&] { return std::vector<std::string>(view.begin(), view.end()); });
    }
    return rows.reply();
}

Result<Reply> config_file(Transaction& /*transaction*/, Words& words)
{
    return usage_error("{}: vxctl reads FILE and sends what is in it; expected \"vxctl {} FILE\", and no batch",
                       words.name(), words.name());
}

constexpr Command kConfigTable[] = {
    {"config", "show", "", "print the commands that make the present configuration out of nothing", config_show,
     Effect::kShows},
    {"config", "diff", "FILE",
     "what FILE, a list of commands, would change if it were the whole configuration: lines with - and +.\n"
     "           Exit status 0 if that is nothing, 1 if it is something, 2 for trouble",
     config_file, Effect::kShows},
    {"config", "apply", "FILE [ --dry-run ]",
     "make FILE the whole configuration, in one transaction: what is not in it goes, what is in it already\n"
     "           stays as it is, with its counters. --dry-run: only print what would change",
     config_file},
};

} // namespace

constinit const std::span<const Command> kConfigCommands{kConfigTable};

} // namespace vx
