// SPDX-License-Identifier: BSD-3-Clause
// What vxd's program knows without a daemon: the commands are its own to explain.
#pragma once

#include "control/wire/wire.h"

#include <optional>
#include <string>

namespace vx
{

// Runs the vxd that lies beside this program, with these arguments, and lets it print: its exit status, or nothing if
// it cannot be run.
std::optional<int> run_daemon_program(CommandWords arguments);

// The same for a command that vxd answers alike wherever it runs: help, and the reasons of drops. Nothing for what has
// to be asked of a vxd that runs. `json_option`: "-json", "-pretty", or empty.
std::optional<int> say_without_daemon(const CommandWords& words, std::string_view json_option);

} // namespace vx
