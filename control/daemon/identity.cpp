// SPDX-License-Identifier: BSD-3-Clause
#include "control/daemon/identity.h"

#include <fmt/format.h>

#include <fstream>
#include <random>

namespace vx
{

namespace
{

std::string first_line(const std::string& path)
{
    std::string line;
    std::getline(std::ifstream{path}, line);
    const std::size_t end = line.find_last_not_of(" \t\r");
    return line.substr(0, end == line.npos ? 0 : end + 1);
}

} // namespace

MachineIdentity identify_machine(const IdentityFiles& files)
{
    std::string machine = first_line(files.machine_id);
    if (machine == "uninitialized") // of an image that was never started
        machine.clear();
    MachineIdentity identity;
    if (std::string kept = first_line(files.kept); !kept.empty()) {
        if (kept.starts_with(machine + '/'))
            return {std::move(kept), {}};
        identity.warning =
            fmt::format("{} is about a machine with another {}, and not used", files.kept, files.machine_id);
    }
    if (!machine.empty()) {
        identity.machine = std::move(machine);
        return identity;
    }
    identity.machine = first_line(files.board);
    if (!identity.machine.empty()) {
        identity.warning =
            fmt::format("there is no {}: MACs that nobody chose are derived from {}", files.machine_id, files.board);
        return identity;
    }
    identity.machine = fmt::format("{}", std::random_device{}());
    identity.warning = fmt::format("neither {} nor the board has an identity: MACs that nobody chose change with every "
                                   "start",
                                   files.machine_id);
    return identity;
}

} // namespace vx
