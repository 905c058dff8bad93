// SPDX-License-Identifier: BSD-3-Clause
#include "tools/cni/actions.h"
#include "tools/cni/daemon.h"
#include "tools/cni/ipam.h"
#include "tools/cni/names.h"
#include "tools/cni/netlink.h"
#include "tools/cni/plan.h"
#include "tools/cni/result.h"

#include <algorithm>

namespace vx::cni
{

namespace
{

template <typename T>
bool contains(const std::vector<T>& list, const T& value)
{
    return std::find(list.begin(), list.end(), value) != list.end();
}

// What ADD said of this interface, out of a result that has those of other plugins too.
struct Expected {
    std::string mac;
    std::vector<IpPrefix> addresses;
    std::vector<RouteEntry> routes; // of all plugins: a result does not say whose
    std::vector<Lease> leases;
};

Outcome<Expected> expected_from(const NetConf& conf, const Environment& environment)
{
    if (!conf.previous.is_object())
        return fail(Code::kInvalidConfig, "\"prevResult\" is missing: CHECK compares with it");
    const auto result = parse_result(conf.previous);
    if (!result)
        return fail(Code::kInvalidConfig, "\"prevResult\": {}", result.error().message);
    Expected expected;
    expected.routes = result->routes;
    const Json interfaces = conf.previous.value("interfaces", Json::array());
    const Json ips = conf.previous.value("ips", Json::array());
    for (std::size_t index = 0; index < interfaces.size(); ++index) {
        const std::string* const name = text_in(interfaces[index], "name");
        const std::string* const sandbox = text_in(interfaces[index], "sandbox");
        if (name == nullptr || *name != environment.ifname || sandbox == nullptr || *sandbox != environment.netns)
            continue;
        const std::string* const mac = text_in(interfaces[index], "mac");
        expected.mac = mac == nullptr ? std::string{} : *mac;
        for (std::size_t i = 0; i < ips.size() && i < result->leases.size(); ++i) {
            if (ips[i].value("interface", Json{}) != index)
                continue;
            expected.leases.push_back(result->leases[i]);
            expected.addresses.push_back(result->leases[i].address);
        }
        return expected;
    }
    return fail(Code::kInvalidConfig, "\"prevResult\": it has no interface {} in {}", environment.ifname,
                environment.netns);
}

Outcome<> check_vxd(const NetConf& conf, const Environment& environment, const Expected& expected)
{
    auto daemon = Daemon::connect(conf.socket_path);
    if (!daemon)
        return std::move(daemon).error();
    const auto devices = daemon->devices(conf.vxlan ? &*conf.vxlan : nullptr);
    if (!devices)
        return devices.error();
    const std::string name = port_name(conf.name, environment.container, environment.ifname);
    const Device* const port = find(*devices, name);
    if (port == nullptr)
        return fail(Code::kCheck, "vxd has no port {} for this container: it was removed, or vxd has been restarted",
                    name);
    if (port->is_gone)
        return fail(Code::kCheck, "vxd's port {} is GONE: its interface was removed", name);
    if (port->master != conf.bridge)
        return fail(Code::kCheck, "vxd's port {} is not in the bridge \"{}\"", name, conf.bridge);
    const auto missing = missing_network(conf, *devices);
    if (!missing)
        return missing.error();
    if (!missing->empty())
        return fail(Code::kCheck, "vxd lacks something of the network: vxctl {}", fmt::join(missing->front(), " "));
    if (!conf.is_gateway)
        return Ok{};
    for (const Lease& lease : expected.leases) {
        if (!lease.gateway)
            continue;
        const IpPrefix gateway{*lease.gateway, lease.address.length()};
        if (!contains(find(*devices, conf.bridge)->addresses, gateway))
            return fail(Code::kCheck, "vxd's bridge \"{}\" has not the gateway's address {}", conf.bridge,
                        gateway.to_string());
    }
    return Ok{};
}

Outcome<> check_container(const Environment& environment, const Expected& expected)
{
    auto container = ContainerNet::open(environment.netns);
    if (!container)
        return std::move(container).error();
    const auto interface = container->find(environment.ifname);
    if (!interface)
        return interface.error();
    if (!*interface)
        return fail(Code::kCheck, "there is no interface {} in {}", environment.ifname, environment.netns);
    if (!(*interface)->is_up)
        return fail(Code::kCheck, "{} in {} is down", environment.ifname, environment.netns);
    if (!expected.mac.empty() && (*interface)->mac != expected.mac)
        return fail(Code::kCheck, "{} in {} has the MAC address {}, not {}", environment.ifname, environment.netns,
                    (*interface)->mac, expected.mac);
    const auto addresses = container->addresses(**interface);
    if (!addresses)
        return addresses.error();
    for (const IpPrefix& address : expected.addresses)
        if (!contains(*addresses, address))
            return fail(Code::kCheck, "{} in {} has not the address {}", environment.ifname, environment.netns,
                        address.to_string());
    const auto routes = container->routes();
    if (!routes)
        return routes.error();
    for (const RouteEntry& route : expected.routes) {
        const bool is_there = std::any_of(routes->begin(), routes->end(), [&](const RouteEntry& found) {
            return found.destination == route.destination && (!route.gateway || found.gateway == route.gateway);
        });
        if (!is_there)
            return fail(Code::kCheck, "{} has not the route to {}{}", environment.netns, route.destination.to_string(),
                        route.gateway ? " via " + route.gateway->to_string() : std::string{});
    }
    return Ok{};
}

} // namespace

Outcome<> check(const NetConf& conf, const Environment& environment, std::string_view conf_text)
{
    if (conf.version.starts_with("0.3."))
        return fail(Code::kIncompatibleVersion, "CNI {} has no CHECK; 0.4.0 has", conf.version);
    const auto expected = expected_from(conf, environment);
    if (!expected)
        return expected.error();
    if (auto fits = check_vxd(conf, environment, *expected); !fits)
        return fits;
    if (auto fits = check_container(environment, *expected); !fits)
        return fits;
    if (conf.ipam.empty())
        return Ok{};
    const auto leased = run_ipam(conf, environment, "CHECK", conf_text);
    if (!leased)
        return leased.error();
    return Ok{};
}

} // namespace vx::cni
