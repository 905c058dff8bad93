// SPDX-License-Identifier: BSD-3-Clause
// DPDK's environment layer, as vxd wants it: no NIC taken unasked, no telemetry socket, no file left behind.
#pragma once

#include "dataplane/base/result.h"

#include <string>
#include <string_view>

namespace vx
{

struct EalOptions {
    enum class Memory {
        kAuto,   // hugepages if enough of them are free
        kNormal, // 4 KiB pages
    };

    unsigned control_cpu = 0;
    Memory memory = Memory::kAuto;
    unsigned memory_mib = 1024;      // enough free hugepages; or the most that packets and tables get without them
    std::string file_prefix = "vxd"; // the process id is added
    std::string extra_arguments;     // words for rte_eal_init, after ours: "--vdev=net_null0 -a 0000:81:00.0"
};

// One a process, and DPDK cannot start again after it has ended.
class Eal
{
public:
    // Pins the calling thread to `control_cpu`; threads that it creates later inherit that.
    static Result<Eal> start(const EalOptions& options);

    Eal(Eal&& other) noexcept;
    Eal& operator=(Eal&&) = delete;
    ~Eal(); // every port, pool and ring has to be gone

    bool uses_hugepages() const { return uses_hugepages_; }
    // For the log: which memory packets lie in; without hugepages, what that costs and what to type.
    const std::string& memory_note() const { return memory_note_; }

private:
    Eal(bool uses_hugepages, std::string memory_note);

    bool is_running_ = true;
    bool uses_hugepages_;
    std::string memory_note_;
};

} // namespace vx
