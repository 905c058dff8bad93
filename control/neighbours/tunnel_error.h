// SPDX-License-Identifier: BSD-3-Clause
// What ICMP says of a packet that one of our VXLAN devices has sent: that it is too big for the path, or did not
// arrive. vxd does not act on it; it is counted under a reason of its own, and the log says which VTEP it is about.
#pragma once

#include "control/model/model.h"
#include "dataplane/net/drop_reason.h"
#include "dataplane/net/parse.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace vx
{

struct TunnelError {
    DropReason reason;     // vtep_path_mtu or vtep_unreachable
    IpAddress vtep;        // to which the packet was sent
    IpAddress from;        // who says it
    std::uint32_t mtu = 0; // of vtep_path_mtu; 0: not said (a router that is older than RFC 1191)
    std::string what;      // of vtep_unreachable: "port unreachable", ...
};

// What an ICMP or ICMPv6 message from `from` says, if it is such an error and the packet that it quotes is ours: UDP
// from the `local` address of a VXLAN device to the UDP port of one. Precondition: message holds an IcmpHeader, whose
// checksum is right.
std::optional<TunnelError> tunnel_error(const Model& model, Bytes message, const IpAddress& from);

// Logs them, each VTEP's at most once in a while.
class TunnelErrors
{
public:
    DropReason note(const TunnelError& error, std::int64_t now_ms); // returns error.reason

private:
    static constexpr std::int64_t kQuietMs = 60'000;
    static constexpr std::size_t kMaxRemembered = 64; // there are no more lines in that time

    std::map<std::pair<IpAddress, DropReason>, std::int64_t> logged_ms_;
};

} // namespace vx
