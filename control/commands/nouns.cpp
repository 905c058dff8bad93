// SPDX-License-Identifier: BSD-3-Clause
#include "control/commands/nouns.h"

#include <array>

namespace vx
{

namespace
{

// The order decides what an abbreviation means: the first that fits.
constexpr std::array kNouns = {
    Noun{"link", {}, "devices: ports, bridges, VXLAN devices", &kLinkCommands},
    Noun{"addr", {"address"}, "addresses of devices", &kAddrCommands},
    Noun{"route", {}, "routes", &kRouteCommands},
    Noun{"neigh", {"neighbour", "neighbor"}, "neighbours: ARP and ND entries", &kNeighCommands},
    Noun{"fdb", {}, "forwarding database: where a MAC address lives", &kFdbCommands},
    Noun{"stats", {"statistics"}, "what was forwarded, and what was dropped and why", &kStatsCommands},
    Noun{"config", {}, "the whole configuration, as the commands that make it", &kConfigCommands},
    Noun{"capture", {}, "packets, wherever they are, as with tcpdump", &kCaptureCommands},
    Noun{"monitor", {}, "what changes, as it changes", &kMonitorCommands},
    Noun{"explain", {}, "what would become of a frame, and why", &kExplainCommands},
    Noun{"trace", {}, "what becomes of packets, step by step", &kTraceCommands},
    Noun{"top", {}, "rates of everything, as they change", &kTopCommands},
};

} // namespace

std::span<const Noun> nouns()
{
    return kNouns;
}

} // namespace vx
