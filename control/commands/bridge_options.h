// SPDX-License-Identifier: BSD-3-Clause
// The options of `type bridge`, as ip-link(8) has them: parsed the same way by link add, replace and set.
#pragma once

#include "control/grammar/words.h"
#include "control/model/model.h"
#include "control/transaction/transaction.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vx
{

inline constexpr std::string_view kBridgeUsage = "bridge [ ageing_time CENTISECONDS ]";

struct BridgeOptions {
    std::optional<std::uint32_t> ageing_time; // 1/100 s
};

// Takes the next word, and its value, if it is an option of a bridge, or one of Linux's that says what vxd does anyway.
Result<bool> take_bridge_option(Words& words, BridgeOptions& options);
// The error for a word that take_bridge_option() left.
Error rejected_bridge_option(Words& words);
// "stp_state, vlan_filtering, ...": those that may be said to be 0.
std::string idle_bridge_options();

// Warns of an ageing time so short that somebody may have meant seconds, which vxd once took.
void warn_of_ageing_time(Transaction& transaction, const Words& words, const BridgeOptions& options);
void change_bridge(BridgeSettings& settings, const BridgeOptions& options);

} // namespace vx
