// SPDX-License-Identifier: BSD-3-Clause
// Which machine this is, for MACs that nobody chose: they have to be the same after every restart, and others on other
// machines.
#pragma once

#include <string>

namespace vx
{

struct IdentityFiles {
    std::string machine_id = "/etc/machine-id";           // machine-id(5)
    std::string board = "/sys/class/dmi/id/product_uuid"; // where there is no machine-id
    std::string kept = "/var/lib/vxd/mac-seed";           // how an earlier vxd called this machine
};

struct MachineIdentity {
    std::string machine;
    std::string warning; // empty if all is well
};

// The machine-id, alone: a host name may come late, from DHCP. What `kept` says goes first, if it is about a machine of
// this id: vxd up to 0.1 had "MACHINE-ID/BOARD/HOST NAME", and a package that replaces it writes that down, so that
// MACs stay. Without any of them it is random, and the warning says so.
MachineIdentity identify_machine(const IdentityFiles& files);

} // namespace vx
