// SPDX-License-Identifier: BSD-3-Clause
// What the files of `stats` share.
#pragma once

#include "control/grammar/command.h"
#include "control/transaction/transaction.h"
#include "dataplane/net/drop_reason.h"

#include <cstdint>

namespace vx
{

// Frames that never got as far as the counters of what was received.
struct LossText {
    DropReasonText text;
    std::uint64_t PortLosses::*count;
};
inline constexpr LossText kLosses[] = {
    {kPortLosses[0], &PortLosses::rx_missed},
    {kPortLosses[1], &PortLosses::rx_errors},
    {kPortLosses[2], &PortLosses::rx_nombuf},
};
static_assert(std::size(kLosses) == std::size(kPortLosses));

inline constexpr std::string_view kReasonsUsage = "[ REASON|LOSS ]";

// Why frames are dropped or lost, and what to do: the list, or one reason in full. Nobody has to run for it.
Result<Reply> reasons(Words& words);

Result<Reply> stats_vtep(Transaction& transaction, Words& words);
Result<Reply> stats_mac(Transaction& transaction, Words& words);

} // namespace vx
