// SPDX-License-Identifier: BSD-3-Clause
// The handlers of `stats`.
#pragma once

#include "control/command.h"
#include "control/transaction.h"

namespace vx
{

Result<Reply> stats_vtep(Transaction& transaction, Words& words);
Result<Reply> stats_mac(Transaction& transaction, Words& words);

} // namespace vx
