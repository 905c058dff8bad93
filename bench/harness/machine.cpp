// SPDX-License-Identifier: BSD-3-Clause
#include "bench/harness/machine.h"

#include "dataplane/dpdk/mbuf.h"

#include <fmt/format.h>

#include <cstdlib>

namespace vx::bench
{

Eal start_eal(unsigned cpu, EalOptions::Memory memory, unsigned memory_mib)
{
    EalOptions options;
    options.control_cpu = cpu;
    options.memory = memory;
    options.memory_mib = memory_mib;
    options.file_prefix = "vxd-bench";
    auto eal = Eal::start(options);
    if (!eal) {
        fmt::print(stderr, "{}\n", eal.error().message);
        std::exit(1);
    }
    if (auto registered = register_mbuf_note(); !registered) {
        fmt::print(stderr, "{}\n", registered.error().message);
        std::exit(1);
    }
    return std::move(*eal);
}

} // namespace vx::bench
