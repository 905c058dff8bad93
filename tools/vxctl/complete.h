// SPDX-License-Identifier: BSD-3-Clause
// What a shell's completion asks for: "vxctl __complete WORD...", the words up to the cursor, of which the last may be
// empty.
#pragma once

#include "control/wire/wire.h"

#include <string_view>

namespace vx
{

inline constexpr std::string_view kCompleteWord = "__complete";

// Prints what the last word may become, a line each. vxctl's options it knows itself; about the rest it asks vxd, or
// vxd's program where none runs, which knows no devices.
int complete(CommandWords words);

} // namespace vx
