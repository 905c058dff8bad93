// SPDX-License-Identifier: BSD-3-Clause
// The configuration as a list of commands that makes it out of nothing: what `config show` prints, and what two
// configurations are compared by. Each command finds what the ones before it made; only what is configured is there:
// neither what was learned and resolved, nor `fdb add ... dynamic`, which ages as if it were learned.
//
// The order is links, memberships, FDB entries, neighbours, addresses, routes, and which links are down. A route that
// no command could add any more behind the addresses, because its gateway has become an own address or lost its subnet,
// or because an address makes the same route, comes before them, as one that is `onlink`.
#pragma once

#include "control/transaction/transaction.h"
#include "control/wire/command_list.h"
#include "dataplane/base/result.h"

#include <optional>
#include <string>
#include <vector>

namespace vx
{

Result<CommandList> config_commands(const Transaction& transaction);

// The command that makes the link, without its master.
CommandWords link_words(const Link& link);

// The words as a line of a script, quoted where they have to be.
std::string config_line(CommandView words);

// The FDB entries that are configured, without all-zero ones and own MACs; in the order of their devices and MACs.
struct FixedEntry {
    LinkId link;
    Mac mac;
    Dest dest;
};
std::vector<FixedEntry> fixed_entries(const Transaction& transaction);

// The MAC and the MTU that a port was given. Kinds with an interface or a card of their own have one from there if
// nothing is said; of the others the MAC is derived from the name, and the MTU 1500.
std::optional<Mac> configured_mac(const Link& port);
std::optional<std::uint16_t> configured_mtu(const Link& port);

struct ConfigDiff {
    std::vector<std::string> lines; // "-link add ..." and "+link add ...", with what belongs together side by side
    CommandList removed, added;
};
ConfigDiff diff(const CommandList& from, const CommandList& to, Budget& budget);

} // namespace vx
