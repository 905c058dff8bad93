// SPDX-License-Identifier: BSD-3-Clause
// MACs that somebody chose to slow the FDB down, or to make it grow.
#pragma once

#include "bench/fdb/lookups.h"

#include <vector>

namespace vx::bench
{

void add_hostile(std::vector<Scenario>& scenarios);

} // namespace vx::bench
