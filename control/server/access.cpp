// SPDX-License-Identifier: BSD-3-Clause
#include "control/server/access.h"

#include <grp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace vx
{

Result<Group> find_group(std::string_view name, std::string_view option)
{
    std::string text{name};
    gid_t number = 0;
    if (const auto [end, status] = std::from_chars(name.data(), name.data() + name.size(), number);
        !name.empty() && status == std::errc{} && end == name.data() + name.size())
        return Group{std::move(text), number};
    errno = 0;
    const struct group* found = name.empty() ? nullptr : getgrnam(text.c_str());
    if (found == nullptr && errno != 0 && errno != ENOENT)
        return usage_error("{}: look up the group \"{}\": {}", option, name, std::strerror(errno));
    if (found == nullptr)
        return usage_error("{}: there is no group \"{}\" (addgroup --system {} makes one)", option, name, name);
    return Group{std::move(text), found->gr_gid};
}

std::optional<Credentials> credentials_of(int socket)
{
    ucred credentials{};
    socklen_t size = sizeof(credentials);
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
        return std::nullopt;
    Credentials peer{credentials.pid, credentials.uid, {credentials.gid}};
    // How many there are is told by the failure of a call with too little room.
    std::vector<gid_t> groups(64);
    for (;;) {
        size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
        if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) == 0) {
            groups.resize(size / sizeof(gid_t));
            peer.groups.insert(peer.groups.end(), groups.begin(), groups.end());
            return peer;
        }
        if (errno != ERANGE || size / sizeof(gid_t) <= groups.size())
            return peer; // its first group is known
        groups.resize(size / sizeof(gid_t));
    }
}

Role role_of(const std::optional<Credentials>& peer, const AccessPolicy& policy, uid_t own)
{
    if (!peer)
        return Role::kReader;
    if (peer->uid == 0 || peer->uid == own)
        return Role::kAdmin;
    const bool is_admin = policy.admin_group && std::find(peer->groups.begin(), peer->groups.end(),
                                                          policy.admin_group->id) != peer->groups.end();
    return is_admin ? Role::kAdmin : Role::kReader;
}

std::string admins_of(const AccessPolicy& policy)
{
    if (!policy.admin_group)
        return "root (vxd was started without --admin-group)";
    return fmt::format("root or a member of the group \"{}\"", policy.admin_group->name);
}

} // namespace vx
