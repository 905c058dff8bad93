// SPDX-License-Identifier: BSD-3-Clause
// How devices look in text and in JSON: as `ip -d link show` and `ip addr show` print them, less what vxd does not
// have (queueing disciplines, groups, link modes).
#pragma once

#include "control/grammar/command.h"
#include "control/transaction/transaction.h"

#include <string>
#include <string_view>
#include <vector>

namespace vx
{

// "UP", "DOWN" or, for a VXLAN device as on Linux, "UNKNOWN".
std::string_view operstate_of(const Transaction& transaction, const Link& link);
// Its other end is there.
bool has_carrier(const Transaction& transaction, const Link& link);

// The two lines that `ip link show` and `ip addr show` begin with, and the same as JSON.
std::string link_text(const Transaction& transaction, const Link& link);
nlohmann::ordered_json link_json(const Transaction& transaction, const Link& link);

// The same two columns that `ip -br` begins a line with, and as JSON.
std::string brief_text(const Transaction& transaction, const Link& link);
nlohmann::ordered_json brief_json(const Transaction& transaction, const Link& link);
std::vector<std::string_view> flags_of(const Dataplane& dataplane, const Link& link);

// The lines that -s adds, and "stats64".
std::string statistics_text(const LinkTotals& totals);
nlohmann::ordered_json statistics_json(const LinkTotals& totals);

// What it means that the kernel has the address too, on the interface of an af_packet port.
std::string shared_address_text(const Link& port, const IpPrefix& prefix);

// The name of the link, for messages and tables.
std::string name_of(const Model& model, LinkId id);

// "inet" or "inet6".
std::string_view family_name(Family family);
// "172.18.20.0/24", "172.18.20.7" for a host, "default": as in `ip route`.
std::string destination_text(const IpPrefix& prefix);

} // namespace vx
