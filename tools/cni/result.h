// SPDX-License-Identifier: BSD-3-Clause
// CNI's result of an ADD, and the addresses and routes that come of it.
#pragma once

#include "tools/cni/conf.h"
#include "tools/cni/environment.h"
#include "tools/cni/ipam.h"
#include "tools/cni/netlink.h"

#include <vector>

namespace vx::cni
{

// Completes what the IPAM plugin said by what the configuration asks for: a gateway for each lease if vxd is to be it,
// the default routes, and for routes without a gateway that of their family. A configured "dns" goes first.
IpamResult completed(IpamResult ipam, const NetConf& conf);

// In the configuration's version, with all that "prevResult" has.
Json result_json(const NetConf& conf, const Environment& environment, const Interface& interface,
                 const IpamResult& ipam);

} // namespace vx::cni
