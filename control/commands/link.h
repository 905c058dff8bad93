// SPDX-License-Identifier: BSD-3-Clause
// The handlers of `link`, and what they share.
#pragma once

#include "control/commands/bridge_options.h"
#include "control/commands/port_options.h"
#include "control/commands/vxlan_options.h"
#include "control/grammar/command.h"
#include "control/grammar/link_keywords.h"
#include "control/transaction/transaction.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>

namespace vx
{

inline constexpr std::uint16_t kMinMtu = 68; // RFC 791, and Linux's for Ethernet devices
inline constexpr std::uint16_t kMaxMtu = 65535;

// `link add` in words: what is common to all devices, and what its kind has of its own.
struct LinkAddWords {
    std::string name;
    std::optional<Mac> address;
    std::optional<std::uint16_t> mtu;
    std::optional<std::string> master;
    std::optional<bool> is_up;
    std::variant<std::monostate, PortSpec, BridgeOptions, VxlanOptions> kind;
};
Result<LinkAddWords> parse_link_add(Words& words);

struct LinkSetWords {
    enum class Master { kKeep, kJoin, kLeave };
    std::string name;
    std::optional<Mac> address;
    std::optional<std::uint16_t> mtu;
    Master membership = Master::kKeep;
    std::optional<std::string> master; // kJoin
    std::optional<bool> is_up;
    std::variant<std::monostate, BridgeOptions, VxlanOptions> kind;
};
Result<LinkSetWords> parse_link_set(Words& words);
// What both end in: `words` names the command.
Result<Reply> add_link(Transaction& transaction, const Words& words, LinkAddWords parsed);
Result<Reply> change_link(Transaction& transaction, const Words& words, LinkSetWords parsed, const Link& link);

// "address MAC" and "mtu N": false if the next word is neither.
Result<bool> take_address_or_mtu(Words& words, std::optional<Mac>& address, std::optional<std::uint16_t>& mtu);
// "up" or "down", once.
Result<bool> take_up_or_down(Words& words, std::optional<bool>& is_up);
// The name of the device, alone or behind one of `introducers`; an empty `name` was not read yet.
Result<bool> take_name(Words& words, std::string& name, std::span<const std::string_view> introducers);
// Whether the link may become a member of the bridge `master`; `words` names the command.
Result<> check_member(const Transaction& transaction, const Words& words, const Link& link, const Link& master);

// What the type takes, of link add, replace, set or change: "... type TYPE help" at the end, and for completion.
extern const CommandMore kMoreOfType;

Result<Reply> link_add(Transaction& transaction, Words& words);
Result<Reply> link_replace(Transaction& transaction, Words& words);
Result<Reply> link_set(Transaction& transaction, Words& words);
Result<Reply> link_del(Transaction& transaction, Words& words);
Result<Reply> link_show(Transaction& transaction, Words& words);

} // namespace vx
