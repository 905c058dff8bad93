// SPDX-License-Identifier: BSD-3-Clause
// Which CPUs and which memory vxd uses: those of the NIC's NUMA node, unless the command line says otherwise.
#pragma once

#include "control/wire/wire.h"
#include "dataplane/base/result.h"

#include <optional>
#include <vector>

namespace vx
{

struct Placement {
    std::vector<unsigned> worker_cpus;
    unsigned control_cpu = 0;
    int numa_node = -1; // of the first NIC that the configuration names; -1: not known, or there is only one node
};

// `workers` empty: one worker, on a CPU of the NIC's node. `commands` is the configuration, looked through for the
// first `link add` of a pci, af_xdp or af_packet port. Errors: a CPU that this process may not use.
Result<Placement> place(const std::vector<unsigned>& workers, std::optional<unsigned> control_cpu,
                        const CommandList& commands);

// Lets the calling thread run on every CPU it was allowed before EAL pinned it, except the workers'.
class Affinity
{
public:
    Affinity(); // remembers the calling thread's
    const std::vector<unsigned>& cpus() const { return cpus_; }
    void restore_without(const std::vector<unsigned>& cpus) const;

private:
    std::vector<unsigned> cpus_;
};

} // namespace vx
