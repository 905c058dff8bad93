// SPDX-License-Identifier: BSD-3-Clause
// `vxctl top`: rates as they change. On a terminal a view of devices, VNIs, VTEPs, workers and drops; else lines of
// them.
#pragma once

#include "control/wire/command_list.h"
#include "dataplane/base/result.h"
#include "tools/vxctl/top/sample.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace vx::top
{

enum class Output : std::uint8_t { kScreen, kText, kJson, kPrettyJson };

struct Invocation {
    std::chrono::milliseconds interval{1000};
    std::optional<std::uint64_t> count; // of looks; nothing: no end
    Output output = Output::kScreen;
    Wanted wanted = Wanted::kUsual;
};

// `words` begin with "top", or what abbreviates it. JSON is never on a screen: `output` then says kText or kJson.
Result<Invocation> parse(const CommandWords& words, Output output);

// Until it is ended, or has looked as often as it was to; the exit status.
int run(const Invocation& invocation, const std::string& socket_path);

} // namespace vx::top
