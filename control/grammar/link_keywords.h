// SPDX-License-Identifier: BSD-3-Clause
// The words of ip-link(8) that a device may be named like.
#pragma once

#include <string_view>

namespace vx
{

// Those of ip-link(8)'s keywords that iproute2 takes abbreviated, in the order in which it compares.
inline constexpr std::string_view kLinkOrder[] = {"index", "link", "address", "txqueuelen", "dynamic", "type", "alias"};
// All of them: what is none may be the name of the device, which ip takes anywhere before the type.
inline constexpr std::string_view kLinkKeywords[] = {
    "name",        "dev",         "type", "address",   "addr",      "mtu",          "master",  "nomaster",
    "up",          "down",        "link", "index",     "alias",     "group",        "netns",   "txqueuelen",
    "txqlen",      "qlen",        "arp",  "multicast", "broadcast", "allmulticast", "promisc", "vf",
    "numtxqueues", "numrxqueues", "xdp",  "dynamic",   "protodown", "addrgenmode"};

} // namespace vx
