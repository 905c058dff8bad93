// SPDX-License-Identifier: BSD-3-Clause
// Options before a command, as ip(8) has them: how its output looks, and which addresses it is about. vxctl sends them
// as the first words of the command.
#pragma once

#include "control/wire/command_list.h"
#include "dataplane/base/result.h"
#include "dataplane/net/ip.h"

#include <cstddef>
#include <optional>

namespace vx
{

struct CommandOptions {
    bool has_statistics = false;  // -s: link show, addr show
    bool has_details = false;     // -d: they are always shown
    bool is_brief = false;        // -br: link show, addr show
    bool is_oneline = false;      // -o
    std::optional<Family> family; // -4, -6
};

struct LeadingOptions {
    CommandOptions options;
    std::size_t count = 0; // words
};

// Those at the front of `words`; what asks for help is left.
// Whether the word is one of vxctl's options, which stand before the object: "-j", "-stats", "--socket".
bool is_option_word(std::string_view word);

Result<LeadingOptions> read_options(CommandView words);

// Whoever asks for help without a command wants to see vxctl's own as well.
inline constexpr std::string_view kOptionsHelp =
    "OPTIONS := { -s[tatistics] | -d[etails] | -br[ief] | -o[neline] | -4 | -6 | -f[amily] { inet | inet6 } |\n"
    "                    -j[son] | -p[retty] | -b[atch] FILE | -force | --socket PATH | -V[ersion] | -h[elp] }";

} // namespace vx
