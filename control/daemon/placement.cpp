// SPDX-License-Identifier: BSD-3-Clause
#include "control/daemon/placement.h"

#include "control/daemon/options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <numa.h>
#include <sched.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace vx
{

namespace
{

int read_node(const std::string& path)
{
    int node = -1;
    std::ifstream{path} >> node;
    return node;
}

// The word behind `keyword`, or nothing.
std::string_view word_after(CommandView words, std::string_view keyword)
{
    const auto found = std::find(words.begin(), words.end(), keyword);
    return found == words.end() || found + 1 == words.end() ? std::string_view{} : *(found + 1);
}

int nic_node(const CommandList& commands)
{
    for (const CommandView words : commands) {
        const std::string_view kind = word_after(words, "type");
        int node = -1;
        if (kind == "pci") {
            const std::string_view address = word_after(words, "pci");
            const bool is_short = address.size() == std::string_view{"81:00.0"}.size(); // domain 0 is left out
            node = read_node(fmt::format("/sys/bus/pci/devices/{}{}/numa_node", is_short ? "0000:" : "", address));
        } else if (kind == "af_xdp" || kind == "af_packet")
            node = read_node(fmt::format("/sys/class/net/{}/device/numa_node", word_after(words, "dev")));
        if (node >= 0)
            return node;
    }
    return -1;
}

// The last allowed CPU of the node: the first ones have the machine's other work.
unsigned choose_worker(const std::vector<unsigned>& allowed, int node)
{
    for (auto cpu = allowed.rbegin(); cpu != allowed.rend(); ++cpu)
        if (node < 0 || numa_node_of_cpu(static_cast<int>(*cpu)) == node)
            return *cpu;
    return allowed.back();
}

} // namespace

Result<Placement> place(const std::vector<unsigned>& workers, std::optional<unsigned> control_cpu,
                        const CommandList& commands)
{
    const std::vector<unsigned> allowed = Affinity{}.cpus();
    const auto is_allowed = [&](unsigned cpu) { return std::binary_search(allowed.begin(), allowed.end(), cpu); };
    Placement placement;
    if (numa_available() >= 0 && numa_num_configured_nodes() > 1)
        placement.numa_node = nic_node(commands);
    placement.worker_cpus = workers;
    if (workers.empty())
        placement.worker_cpus = {choose_worker(allowed, placement.numa_node)};
    for (const unsigned cpu : placement.worker_cpus)
        if (!is_allowed(cpu))
            return error("--workers: this process may not run on CPU {}; it may on {}", cpu, fmt::join(allowed, ","));
    const auto free = std::find_if(allowed.begin(), allowed.end(), [&](unsigned cpu) {
        return std::find(placement.worker_cpus.begin(), placement.worker_cpus.end(), cpu) ==
               placement.worker_cpus.end();
    });
    placement.control_cpu = control_cpu.value_or(free != allowed.end() ? *free : allowed.front());
    if (!is_allowed(placement.control_cpu))
        return error("--control-cpu: this process may not run on CPU {}; it may on {}", placement.control_cpu,
                     fmt::join(allowed, ","));
    return placement;
}

Affinity::Affinity() : cpus_(allowed_cpus()) {}

void Affinity::restore_without(const std::vector<unsigned>& cpus) const
{
    cpu_set_t all;
    cpu_set_t rest;
    CPU_ZERO(&all);
    CPU_ZERO(&rest);
    for (const unsigned cpu : cpus_) {
        CPU_SET(cpu, &all);
        if (std::find(cpus.begin(), cpus.end(), cpu) == cpus.end())
            CPU_SET(cpu, &rest);
    }
    sched_setaffinity(0, sizeof(all), CPU_COUNT(&rest) != 0 ? &rest : &all);
}

} // namespace vx
