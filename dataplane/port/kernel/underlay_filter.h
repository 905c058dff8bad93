// SPDX-License-Identifier: BSD-3-Clause
// What vxd serves on an underlay port whose interface it shares with the kernel, as a filter for the port's packet
// socket (classic BPF): what is the kernel's alone costs vxd nothing, and is none of its drops.
//
// ARP and Neighbor Discovery that everybody hears or that is to vxd, and the queries of listener discovery; all that is
// sent to an address of vxd's, for what of it is of no use is dropped by name. Of an address that the kernel has too,
// VXLAN and what routers say of it, and neighbours' answers: the kernel itself serves the rest.
#pragma once

#include "dataplane/net/ip.h"

#include <linux/filter.h>

#include <cstdint>
#include <span>
#include <vector>

namespace vx
{

struct ServedTraffic {
    std::vector<IpAddress> addresses;
    std::vector<std::uint16_t> udp_ports; // of VXLAN devices
    friend bool operator==(const ServedTraffic&, const ServedTraffic&) = default;
};

// `kernels`: the addresses that the kernel has on the interface.
std::vector<sock_filter> underlay_filter(const ServedTraffic& served, std::span<const IpAddress> kernels);

// All that comes in, and nothing that goes out.
std::vector<sock_filter> incoming_filter();

} // namespace vx
