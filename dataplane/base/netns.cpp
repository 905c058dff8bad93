// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/base/netns.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace vx
{

namespace
{

bool is_number(std::string_view text)
{
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

FileDescriptor open_path(const std::string& path)
{
    return FileDescriptor{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
}

} // namespace

Result<Netns> Netns::open(std::string_view text)
{
    const std::string name{text};
    if (name.empty())
        return Netns{FileDescriptor{}, name};
    const bool is_path = name.find('/') != std::string::npos;
    FileDescriptor fd = open_path(is_path ? name : "/run/netns/" + name);
    if (!fd && errno == ENOENT && is_number(name)) // as ip(8): a name first, then a process
        fd = open_path("/proc/" + name + "/ns/net");
    if (!fd && errno == ENOENT && !is_path)
        return error(
            "network namespace \"{}\" does not exist ('ip netns list' shows those with a name; a process id or "
            "a path will also do)",
            name);
    if (!fd)
        return error("network namespace \"{}\": {}", name, std::strerror(errno));
    if (ioctl(fd.get(), NS_GET_NSTYPE) != CLONE_NEWNET)
        return error("\"{}\" is not a network namespace", name);
    return Netns{std::move(fd), name};
}

Result<> Netns::enter() const
{
    if (setns(fd_.get(), CLONE_NEWNET) != 0)
        return error("entering the network namespace \"{}\": {}", text_, std::strerror(errno));
    return Ok{};
}

} // namespace vx
