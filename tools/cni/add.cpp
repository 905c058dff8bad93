// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/base/file_descriptor.h"
#include "tools/cni/actions.h"
#include "tools/cni/daemon.h"
#include "tools/cni/ipam.h"
#include "tools/cni/names.h"
#include "tools/cni/netlink.h"
#include "tools/cni/plan.h"
#include "tools/cni/result.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <utility>

namespace vx::cni
{

namespace
{

constexpr int kMaxRounds = 16; // each but the first and the last is one that another ADD was faster in

// Something that has been done, undone at the end of its scope unless it is kept.
class Undo
{
public:
    explicit Undo(std::function<Outcome<>()> action) : action_(std::move(action)) {}
    Undo(const Undo&) = delete;
    Undo& operator=(const Undo&) = delete;
    ~Undo()
    {
        if (!action_)
            return;
        if (const auto undone = action_(); !undone)
            fmt::print(stderr, "vxd: while undoing what was done: {}\n", undone.error().message);
    }
    void keep() { action_ = nullptr; }

private:
    std::function<Outcome<>()> action_;
};

// One after the other, of all plugins that say that they work on that file, until what is returned is destroyed.
Outcome<FileDescriptor> lock(const std::string& path)
{
    FileDescriptor fd{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    int rc = fd ? flock(fd.get(), LOCK_EX) : -1;
    while (fd && rc != 0 && errno == EINTR)
        rc = flock(fd.get(), LOCK_EX);
    if (rc != 0)
        return fail(Code::kIo, "locking {}: {}", path, std::strerror(errno));
    return fd;
}

// Makes what is missing, and returns what there is then.
Outcome<Devices> ensure_network(Daemon& daemon, const NetConf& conf)
{
    std::vector<CommandWords> tried;
    std::optional<CniError> refusal;
    for (int round = 0; round < kMaxRounds; ++round) {
        auto devices = daemon.devices(conf.vxlan ? &*conf.vxlan : nullptr);
        if (!devices)
            return devices;
        auto missing = missing_network(conf, *devices);
        if (!missing)
            return std::move(missing).error();
        if (missing->empty())
            return devices;
        if (refusal && *missing == tried)
            return *std::move(refusal); // nobody else has done it meanwhile
        const auto applied = daemon.apply(*missing);
        refusal = applied ? std::nullopt : std::optional<CniError>{applied.error()};
        tried = *std::move(missing);
    }
    return fail(Code::kTryAgain, "the bridge \"{}\" and its devices in vxd keep changing", conf.bridge);
}

std::vector<CommandWords> port_commands(const NetConf& conf, const Environment& environment, const Devices& devices,
                                        const IpamResult& ipam, const std::string& name)
{
    CommandWords port = {"link", "add", name, "master", conf.bridge};
    if (const auto& mac = environment.mac ? environment.mac : conf.mac)
        port.insert(port.end(), {"address", mac->to_string()});
    if (const auto mtu = container_mtu(conf, devices))
        port.insert(port.end(), {"mtu", fmt::format("{}", *mtu)});
    port.insert(port.end(), {"type", "tap", "netns", environment.netns, "ifname", environment.ifname});
    std::vector<CommandWords> commands = {std::move(port)};
    if (!conf.is_gateway)
        return commands;
    const Device* const bridge = find(devices, conf.bridge);
    for (const Lease& lease : ipam.leases) {
        const IpPrefix gateway{*lease.gateway, lease.address.length()};
        if (std::find(bridge->addresses.begin(), bridge->addresses.end(), gateway) == bridge->addresses.end())
            commands.push_back({"addr", "replace", gateway.to_string(), "dev", conf.bridge});
    }
    return commands;
}

// `ipam` keeps the routes that came to be.
Outcome<Interface> configure(ContainerNet& container, const Environment& environment, IpamResult& ipam)
{
    auto interface = container.find(environment.ifname);
    if (!interface)
        return std::move(interface).error();
    if (!*interface)
        return fail(Code::kInterface,
                    "vxd has made {}, but it is not in {}: vxd must see the same path as the same "
                    "network namespace (is it in a mount or process namespace of its own?)",
                    environment.ifname, environment.netns);
    if (ipam.leases.empty())
        return **interface;
    std::vector<IpPrefix> addresses;
    for (const Lease& lease : ipam.leases)
        addresses.push_back(lease.address);
    if (auto set = container.set_addresses(environment.ifname, **interface, addresses); !set)
        return std::move(set).error();
    std::vector<RouteEntry> routes;
    for (const RouteEntry& route : ipam.routes) {
        const auto added = container.add_route(**interface, route);
        if (!added)
            return added.error();
        if (*added)
            routes.push_back(route);
    }
    ipam.routes = std::move(routes);
    return **interface;
}

Outcome<IpamResult> ask_ipam(const NetConf& conf, const Environment& environment, std::string_view conf_text)
{
    const auto output = run_ipam(conf, environment, "ADD", conf_text);
    if (!output)
        return output.error();
    auto result = parse_result(Json::parse(*output, nullptr, false));
    if (result && result->leases.empty())
        result = fail(Code::kIpam, "the result has no address");
    if (!result)
        return fail(Code::kIpam, "IPAM plugin {}: ADD: {}", conf.ipam, result.error().message);
    return result;
}

Outcome<> release(const NetConf& conf, const Environment& environment, std::string_view conf_text)
{
    if (conf.ipam.empty())
        return Ok{};
    const auto released = run_ipam(conf, environment, "DEL", conf_text);
    return released ? Outcome<>{Ok{}} : Outcome<>{released.error()};
}

// A container that was killed, and now starts again under its old id, may still have its old address.
Outcome<IpamResult> lease(const NetConf& conf, const Environment& environment, std::string_view conf_text)
{
    if (conf.ipam.empty())
        return IpamResult{};
    auto leased = ask_ipam(conf, environment, conf_text);
    for (int tries = 1; !leased && release(conf, environment, conf_text) && tries < 2; ++tries)
        leased = ask_ipam(conf, environment, conf_text);
    return leased;
}

// The ports that are of no use any more are deleted by name. Were another ADD between this one's question which they
// are and its answer, it might find its own gone.
Outcome<> sweep(Daemon& daemon, const NetConf& conf, const Attachment& wanted)
{
    const auto alone = lock(std::filesystem::path{conf.socket_path}.parent_path().string());
    if (!alone)
        return alone.error();
    const auto devices = daemon.devices();
    if (!devices)
        return devices.error();
    return daemon.try_each(stale_ports(*devices, wanted));
}

} // namespace

Outcome<Json> add(const NetConf& conf, const Environment& environment, std::string_view conf_text)
{
    auto container = ContainerNet::open(environment.netns);
    if (!container)
        return std::move(container).error();
    // A runtime that tries again while the first is at work would find the port there, and give back its address.
    const auto alone = lock(environment.netns);
    if (!alone)
        return alone.error();
    const auto there = container->find(environment.ifname);
    if (!there)
        return there.error();
    if (*there)
        return fail(Code::kInvalidEnvironment, "CNI_IFNAME: there is already an interface {} in {}", environment.ifname,
                    environment.netns);

    auto daemon = Daemon::connect(conf.socket_path);
    if (!daemon)
        return std::move(daemon).error();
    const std::string name = port_name(conf.name, environment.container, environment.ifname);
    if (auto swept = sweep(*daemon, conf, {name, environment.netns, environment.ifname}); !swept)
        return std::move(swept).error();
    const auto devices = ensure_network(*daemon, conf);
    if (!devices)
        return devices.error();

    auto leases = lease(conf, environment, conf_text);
    if (!leases)
        return std::move(leases).error();
    Undo leased{[&] { return release(conf, environment, conf_text); }};
    IpamResult ipam = completed(*std::move(leases), conf);

    if (auto added = daemon->apply(port_commands(conf, environment, *devices, ipam, name)); !added)
        return std::move(added).error();
    Undo plugged{[&] { return daemon->apply({{"link", "del", name}}); }};
    const auto interface = configure(*container, environment, ipam);
    if (!interface)
        return interface.error();
    plugged.keep();
    leased.keep();
    return result_json(conf, environment, *interface, ipam);
}

} // namespace vx::cni
