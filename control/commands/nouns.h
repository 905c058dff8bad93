// SPDX-License-Identifier: BSD-3-Clause
// What vxd can be told: a table of commands for each noun, defined in the file of its name in this folder.
#pragma once

#include "control/grammar/command.h"

#include <span>

namespace vx
{

extern const std::span<const Command> kLinkCommands;
extern const std::span<const Command> kAddrCommands;
extern const std::span<const Command> kRouteCommands;
extern const std::span<const Command> kNeighCommands;
extern const std::span<const Command> kFdbCommands;
extern const std::span<const Command> kStatsCommands;
extern const std::span<const Command> kConfigCommands;
extern const std::span<const Command> kCaptureCommands;
extern const std::span<const Command> kMonitorCommands;
extern const std::span<const Command> kExplainCommands;
extern const std::span<const Command> kTraceCommands;
extern const std::span<const Command> kTopCommands;

// All nouns, in the order by which an abbreviation finds one.
std::span<const Noun> nouns();

} // namespace vx
