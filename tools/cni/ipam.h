// SPDX-License-Identifier: BSD-3-Clause
// The IPAM plugin that the configuration names: run as the specification says, with our environment and configuration.
#pragma once

#include "dataplane/net/ip.h"
#include "tools/cni/conf.h"
#include "tools/cni/environment.h"
#include "tools/cni/netlink.h"
#include "tools/cni/outcome.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vx::cni
{

struct Lease {
    IpPrefix address;
    std::optional<IpAddress> gateway;
};

struct IpamResult {
    std::vector<Lease> leases;
    std::vector<RouteEntry> routes;
    Json dns; // null, or an object
};

// The text of that name in an object; nullptr if it is no object, has none, or it is no text.
const std::string* text_in(const Json& object, const char* name);

// What an IPAM plugin, or a plugin before us, answered.
Outcome<IpamResult> parse_result(const Json& result);

// Runs it, and returns what it wrote to stdout. `conf_text` goes to its stdin.
Outcome<std::string> run_ipam(const NetConf& conf, const Environment& environment, std::string_view command,
                              std::string_view conf_text);

} // namespace vx::cni
