// SPDX-License-Identifier: BSD-3-Clause
// The CNI_* environment variables, checked.
#pragma once

#include "dataplane/net/mac.h"
#include "tools/cni/outcome.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vx::cni
{

enum class Command : std::uint8_t { kAdd, kDel, kCheck, kVersion };

using Variables = std::map<std::string, std::string, std::less<>>;

struct Environment {
    Command command = Command::kVersion;
    std::string container; // CNI_CONTAINERID
    std::string netns;     // CNI_NETNS; may be empty for DEL
    std::string ifname;    // CNI_IFNAME
    std::vector<std::string> plugin_folders;
    std::optional<Mac> mac; // MAC=... of CNI_ARGS; other arguments are for other plugins
};

Outcome<Environment> parse_environment(const Variables& variables);

} // namespace vx::cni
