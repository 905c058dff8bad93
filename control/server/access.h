// SPDX-License-Identifier: BSD-3-Clause
// Who may do what over the config socket. The file's owner and mode decide who may open it; what a client is allowed is
// decided by who the kernel says it is (SO_PEERCRED, SO_PEERGROUPS), when it connects.
#pragma once

#include "control/wire/wire.h"
#include "dataplane/base/result.h"

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vx
{

struct Group {
    std::string name;
    gid_t id = 0;
};

// Root, and whoever vxd runs as, may change things always.
struct AccessPolicy {
    std::optional<Group> socket_group; // who else may open the socket; none: the group of root
    std::optional<Group> admin_group;  // who of them may change things; none: nobody
};

struct Credentials {
    pid_t pid = 0;
    uid_t uid = 0;
    std::vector<gid_t> groups; // all of them
};

// By name or number; `option` is for the error.
Result<Group> find_group(std::string_view name, std::string_view option);

// Nothing if the kernel does not tell.
std::optional<Credentials> credentials_of(int socket);

// What a client may do. `own` is whom vxd runs as. A peer that is not known may read.
Role role_of(const std::optional<Credentials>& peer, const AccessPolicy& policy, uid_t own);

// Who may change things, for the error that others get: "root or a member of the group "vxd-admin"".
std::string admins_of(const AccessPolicy& policy);

} // namespace vx
