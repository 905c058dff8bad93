// SPDX-License-Identifier: BSD-3-Clause
// What vxd lacks of a network, as commands: a pure function of the configuration and of vxd's devices. Running them and
// asking again until nothing is missing makes any number of ADDs at once end well, for each sees what the others made.
#pragma once

#include "tools/cni/conf.h"
#include "tools/cni/daemon.h"
#include "tools/cni/outcome.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vx::cni
{

// The bridge, and the VXLAN device in it. Empty: all is there. An error: what is there contradicts the configuration.
Outcome<std::vector<CommandWords>> missing_network(const NetConf& conf, const Devices& devices);

// What is to be plugged in: a port of this name, which is that interface.
struct Attachment {
    std::string_view port, netns, ifname;
};

// Ports of the plugin that are of no use to anybody: their interface is gone, or they are, or claim to be, what the
// caller is about to plug in, as it knows that there is none.
std::vector<CommandWords> stale_ports(const Devices& devices, const Attachment& wanted);

// The MTU of a container's interface, as configured or as what is encapsulated needs it: of the VXLAN device in the
// bridge, else, as the bridge is routed, of the smallest one that stands alone. Nothing: the kernel's.
std::optional<std::uint16_t> container_mtu(const NetConf& conf, const Devices& devices);

} // namespace vx::cni
