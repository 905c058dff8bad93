// SPDX-License-Identifier: BSD-3-Clause
#include "tools/cni/actions.h"
#include "tools/cni/daemon.h"
#include "tools/cni/ipam.h"
#include "tools/cni/names.h"

#include <cstdio>

namespace vx::cni
{

namespace
{

Outcome<bool> has_port(Daemon& daemon, const std::string& name)
{
    const auto devices = daemon.devices();
    if (!devices)
        return devices.error();
    return find(*devices, name) != nullptr;
}

Outcome<> remove_port(Daemon& daemon, const std::string& name)
{
    const auto there = has_port(daemon, name);
    if (!there)
        return there.error();
    if (!*there)
        return Ok{};
    auto removed = daemon.apply({{"link", "del", name}});
    if (removed)
        return removed;
    const auto still_there = has_port(daemon, name); // or another DEL, or an ADD's cleaning, was faster
    return still_there && !*still_there ? Outcome<>{Ok{}} : removed;
}

} // namespace

// The port goes first, so that its address is not another's while it still has it.
Outcome<> del(const NetConf& conf, const Environment& environment, std::string_view conf_text)
{
    const std::string name = port_name(conf.name, environment.container, environment.ifname);
    auto daemon = Daemon::find(conf.socket_path);
    if (!daemon)
        return std::move(daemon).error();
    if (!*daemon)
        fmt::print(stderr, "vxd: {}; the port {} has ended with it\n", no_daemon(conf.socket_path).message, name);
    else if (auto removed = remove_port(**daemon, name); !removed)
        return removed;
    if (conf.ipam.empty())
        return Ok{};
    const auto released = run_ipam(conf, environment, "DEL", conf_text);
    if (!released)
        return released.error();
    return Ok{};
}

} // namespace vx::cni
