// SPDX-License-Identifier: BSD-3-Clause
// The two commands that are about a file of the user's, which vxctl reads: what is in it goes to vxd as a request about
// the whole configuration.
#pragma once

#include "control/wire/wire.h"
#include "dataplane/base/result.h"

#include <optional>
#include <string>

namespace vx
{

struct ConfigCommand {
    Request::Config what = Request::Config::kNone;
    std::string path;
};

// "config diff FILE" and "config apply FILE [ --dry-run ]", verbs and "config" down to four letters abbreviated;
// nothing for other words, help among them.
Result<std::optional<ConfigCommand>> read_config_command(const CommandWords& words);

} // namespace vx
