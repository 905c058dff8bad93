// SPDX-License-Identifier: BSD-3-Clause
// What the plugin does: CNI 1.0 section 2, "Execution Protocol".
#pragma once

#include "tools/cni/conf.h"
#include "tools/cni/environment.h"
#include "tools/cni/outcome.h"

#include <string_view>

namespace vx::cni
{

// Plugs the container in and returns CNI's result. `conf_text` is what `conf` was read from, for the IPAM plugin.
// If anything fails, the port is removed and the address given back; the bridge and the VXLAN device stay, for other
// containers may use them already.
Outcome<Json> add(const NetConf& conf, const Environment& environment, std::string_view conf_text);

// Succeeds too where there is nothing left to remove: no port, no namespace, no vxd.
Outcome<> del(const NetConf& conf, const Environment& environment, std::string_view conf_text);

// Whether everything is as ADD left it.
Outcome<> check(const NetConf& conf, const Environment& environment, std::string_view conf_text);

} // namespace vx::cni
