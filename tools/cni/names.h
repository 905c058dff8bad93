// SPDX-License-Identifier: BSD-3-Clause
// The names of the devices that the plugin makes in vxd. They follow from what a runtime says again when it deletes, so
// the plugin keeps no state.
#pragma once

#include "dataplane/net/vni.h"

#include <string>
#include <string_view>

namespace vx::cni
{

// Of the port that is `ifname` in the container: "cni" and twelve characters, which are 20 bits of a hash of the
// network's name and 40 of the attachment's.
std::string port_name(std::string_view network, std::string_view container, std::string_view ifname);

// Whether port_name() can have made it.
bool is_port_name(std::string_view name);

// Of a VXLAN device that is not there yet: "vxlan100".
std::string vxlan_name(const Vni& vni);

} // namespace vx::cni
