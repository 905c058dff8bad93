// SPDX-License-Identifier: BSD-3-Clause
// Makes a configuration into another one, step by step, leaving alone what both have.
#pragma once

#include "control/transaction/transaction.h"
#include "dataplane/base/result.h"

#include <string>

namespace vx
{

struct ApplyFailure {
    Error error;
    std::string link; // whose turn it was; may be empty
};

// `wanted` is a rehearsal. Its links, addresses, routes, neighbours and FDB entries become those of `transaction`, less
// what was learned, which stays on links that stay.
Result<Ok, ApplyFailure> apply_config(Transaction& transaction, const Transaction& wanted);

} // namespace vx
