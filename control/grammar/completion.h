// SPDX-License-Identifier: BSD-3-Clause
// What may come next in a command that is being typed: from the usages in the command tables, which the parsers and the
// help have too, and from the devices that there are.
#pragma once

#include "control/base/budget.h"
#include "control/grammar/command.h"
#include "control/model/model.h"

#include <string>
#include <vector>

namespace vx
{

// The command that a shell asks by: its words are those before the cursor, the last one being what has been typed of
// the word at the cursor, perhaps nothing. Not among the nouns, and in no help.
inline constexpr std::string_view kCompleteCommand = "__complete";

// What the last word may become, in order, each once. Devices are those of the `model`, if there is one.
std::vector<std::string> completions(CommandView words, std::span<const Noun> table, const Model* model);
std::vector<std::string> completions(CommandView words, std::span<const Noun> table, const Model* model,
                                     Budget& budget);

} // namespace vx
