// SPDX-License-Identifier: BSD-3-Clause
// DPDK for a benchmark: on the CPU to measure on.
#pragma once

#include "dataplane/dpdk/eal.h"

namespace vx::bench
{

// Pins the calling thread to `cpu`. Prints the error and exits with 1 if DPDK does not start.
Eal start_eal(unsigned cpu, EalOptions::Memory memory, unsigned memory_mib = 256);

} // namespace vx::bench
