// SPDX-License-Identifier: BSD-3-Clause
#include "tools/cni/daemon.h"

#include <algorithm>
#include <cstdio>

namespace vx::cni
{

namespace
{

// What another version of vxd may have left out reads as nothing.
template <typename T>
T member(const Json& object, const char* name)
{
    const auto found = object.is_object() ? object.find(name) : object.end();
    if (!object.is_object() || found == object.end())
        return T{};
    if constexpr (std::is_same_v<T, std::string>)
        return found->is_string() ? found->get<std::string>() : T{};
    else if constexpr (std::is_same_v<T, Json>)
        return *found;
    else
        return found->is_number_unsigned() ? found->get<T>() : T{};
}

bool has_flag(const Json& link, std::string_view flag)
{
    const Json flags = member<Json>(link, "flags");
    return std::find(flags.begin(), flags.end(), flag) != flags.end();
}

Device device_from(const Json& link)
{
    Device device;
    device.name = member<std::string>(link, "ifname");
    device.master = member<std::string>(link, "master");
    device.mtu = member<std::uint16_t>(link, "mtu");
    device.is_gone = has_flag(link, "GONE");
    const Json info = member<Json>(link, "linkinfo");
    device.kind = member<std::string>(info, "info_kind");
    const Json data = member<Json>(info, "info_data");
    device.netns = member<std::string>(data, "netns");
    device.ifname = member<std::string>(data, "ifname");
    if (device.kind == "vxlan") {
        device.vni = member<std::uint32_t>(data, "id");
        device.udp_port = member<std::uint16_t>(data, "port");
        device.local = IpAddress::parse(member<std::string>(data, "local"));
        if (!device.local)
            device.local = IpAddress::parse(member<std::string>(data, "local6"));
    }
    return device;
}

std::vector<IpPrefix> prefixes_from(const Json& device)
{
    std::vector<IpPrefix> prefixes;
    for (const Json& info : member<Json>(device, "addr_info"))
        if (const auto address = IpAddress::parse(member<std::string>(info, "local")))
            prefixes.emplace_back(*address, std::min(member<std::uint32_t>(info, "prefixlen"), address->bit_count()));
    return prefixes;
}

} // namespace

const Device* find(const Devices& devices, std::string_view name)
{
    const auto found = std::find_if(devices.begin(), devices.end(), [&](const Device& d) { return d.name == name; });
    return found == devices.end() ? nullptr : &*found;
}

const Device* find(const Devices& devices, const VxlanConf& conf)
{
    const auto found = std::find_if(devices.begin(), devices.end(), [&](const Device& device) {
        return device.kind == "vxlan" && device.vni == conf.vni.value() && device.udp_port == conf.udp_port;
    });
    return found == devices.end() ? nullptr : &*found;
}

Devices devices_from(const Json& links, const Json& addresses)
{
    Devices devices;
    for (const Json& link : links)
        devices.push_back(device_from(link));
    for (const Json& json : addresses) {
        const std::string name = member<std::string>(json, "ifname");
        for (Device& device : devices)
            if (device.name == name)
                device.addresses = prefixes_from(json);
    }
    return devices;
}

std::vector<IpAddress> destinations_from(const Json& entries)
{
    std::vector<IpAddress> destinations;
    for (const Json& entry : entries)
        if (const auto address = IpAddress::parse(member<std::string>(entry, "dst")))
            destinations.push_back(*address);
    return destinations;
}

Outcome<std::optional<Daemon>> Daemon::find(const std::string& socket_path)
{
    auto client = Client::find(socket_path);
    if (!client)
        return fail(Code::kIo, client.error());
    if (!*client)
        return std::optional<Daemon>{};
    return std::optional<Daemon>{Daemon{std::move(**client)}};
}

Outcome<Daemon> Daemon::connect(const std::string& socket_path)
{
    auto daemon = find(socket_path);
    if (!daemon)
        return std::move(daemon).error();
    if (!*daemon)
        return fail(Code::kTryAgain, no_daemon(socket_path));
    return std::move(**daemon);
}

Outcome<Response> Daemon::ask(const std::vector<CommandWords>& commands, OnFailure on_failure)
{
    Request request;
    request.id = ++request_count_;
    for (const CommandWords& words : commands)
        request.commands.add(words);
    request.on_failure = on_failure;
    request.format = Format::kJson;
    auto line = encode_request(request);
    if (!line)
        return fail(Code::kIo, line.error());
    auto response = client_.run(*std::move(line));
    if (!response)
        return fail(Code::kIo, response.error());
    for (const std::string& warning : response->warnings)
        fmt::print(stderr, "vxd: warning: {}\n", warning);
    return *std::move(response);
}

Outcome<Devices> Daemon::devices(const VxlanConf* vxlan)
{
    const auto shown = ask({{"link", "show"}, {"addr", "show"}}, OnFailure::kUndoAll);
    if (!shown)
        return shown.error();
    if (!shown->failures.empty() || shown->outputs.size() != 2)
        return fail(Code::kIo, "vxd did not show its devices");
    Devices devices = devices_from(shown->outputs[0], shown->outputs[1]);
    const Device* const found = vxlan == nullptr ? nullptr : cni::find(devices, *vxlan);
    if (found == nullptr)
        return devices;
    // A failure is that there is none, or that the device has just been removed.
    const auto flood = ask({{"fdb", "get", "00:00:00:00:00:00", "dev", found->name}}, OnFailure::kGoOn);
    if (!flood)
        return flood.error();
    if (flood->failures.empty() && flood->outputs.size() == 1)
        devices[static_cast<std::size_t>(found - devices.data())].flood = destinations_from(flood->outputs[0]);
    return devices;
}

Outcome<> Daemon::try_each(const std::vector<CommandWords>& commands)
{
    if (commands.empty())
        return Ok{};
    const auto response = ask(commands, OnFailure::kGoOn);
    if (!response)
        return response.error();
    return Ok{};
}

Outcome<> Daemon::apply(const std::vector<CommandWords>& commands)
{
    if (commands.empty())
        return Ok{};
    const auto response = ask(commands, OnFailure::kUndoAll);
    if (!response)
        return response.error();
    if (response->failures.empty())
        return Ok{};
    const Failure& failure = response->failures.front();
    const bool is_known = failure.index < commands.size();
    return CniError{static_cast<int>(Code::kRefused), fmt::format("vxd: {}", failure.error.message),
                    is_known ? fmt::format("vxctl {}", fmt::join(commands[failure.index], " ")) : std::string{}};
}

} // namespace vx::cni
