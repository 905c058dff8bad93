// SPDX-License-Identifier: BSD-3-Clause
#include "tools/cni/result.h"

#include <algorithm>
#include <array>

namespace vx::cni
{

namespace
{

// As CNI's own plugins have it: the first host of the subnet.
IpAddress first_host(const IpPrefix& prefix)
{
    const IpAddress network = prefix.network().address();
    std::array<std::uint8_t, 16> bytes = network.bytes();
    bytes[network.bit_count() / 8 - 1] |= 1;
    return network.is_v4() ? IpAddress::v4_from_wire(bytes.data()) : IpAddress::v6_from_wire(bytes.data());
}

std::optional<IpAddress> gateway_for(const IpamResult& ipam, Family family)
{
    for (const Lease& lease : ipam.leases)
        if (lease.gateway && lease.gateway->family() == family)
            return lease.gateway;
    return std::nullopt;
}

Json& list_in(Json& object, const char* name)
{
    if (!object.contains(name) || !object.at(name).is_array())
        object[name] = Json::array();
    return object[name];
}

} // namespace

IpamResult completed(IpamResult ipam, const NetConf& conf)
{
    for (Lease& lease : ipam.leases) {
        if (conf.is_gateway && !lease.gateway)
            lease.gateway = first_host(lease.address);
        if (!conf.is_default_gateway)
            continue;
        const IpPrefix everything = IpPrefix::default_route(lease.address.address().family());
        const bool is_there = std::any_of(ipam.routes.begin(), ipam.routes.end(),
                                          [&](const RouteEntry& route) { return route.destination == everything; });
        if (!is_there)
            ipam.routes.push_back({everything, lease.gateway});
    }
    for (RouteEntry& route : ipam.routes)
        if (!route.gateway)
            route.gateway = gateway_for(ipam, route.destination.address().family());
    if (conf.dns.is_object() && !conf.dns.empty())
        ipam.dns = conf.dns;
    return ipam;
}

Json result_json(const NetConf& conf, const Environment& environment, const Interface& interface,
                 const IpamResult& ipam)
{
    Json result = Json::object();
    result["cniVersion"] = conf.version;
    if (conf.previous.is_object())
        for (const auto& [name, value] : conf.previous.items())
            if (name != "cniVersion")
                result[name] = value;
    Json& interfaces = list_in(result, "interfaces");
    const std::size_t index = interfaces.size();
    interfaces.push_back({{"name", environment.ifname}, {"mac", interface.mac}, {"sandbox", environment.netns}});
    for (const Lease& lease : ipam.leases) {
        Json json = Json::object();
        if (conf.names_ip_version())
            json["version"] = lease.address.address().is_v4() ? "4" : "6";
        json["interface"] = index;
        json["address"] = lease.address.to_string();
        if (lease.gateway)
            json["gateway"] = lease.gateway->to_string();
        list_in(result, "ips").push_back(std::move(json));
    }
    for (const RouteEntry& route : ipam.routes) {
        Json json = {{"dst", route.destination.to_string()}};
        if (route.gateway)
            json["gw"] = route.gateway->to_string();
        list_in(result, "routes").push_back(std::move(json));
    }
    if (ipam.dns.is_object() && !ipam.dns.empty())
        result["dns"] = ipam.dns;
    return result;
}

} // namespace vx::cni
