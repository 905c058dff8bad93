// SPDX-License-Identifier: BSD-3-Clause
#include "tools/cni/plan.h"

#include "tools/cni/names.h"

#include <algorithm>

namespace vx::cni
{

namespace
{

CommandWords add_vxlan(const NetConf& conf)
{
    const VxlanConf& vxlan = *conf.vxlan;
    CommandWords words = {"link",   "add",       vxlan_name(vxlan.vni),
                          "master", conf.bridge, "type",
                          "vxlan",  "id",        fmt::format("{}", vxlan.vni.value())};
    if (vxlan.local)
        words.insert(words.end(), {"local", vxlan.local->to_string()});
    else
        words.insert(words.end(), {"dev", vxlan.device});
    words.insert(words.end(), {"dstport", fmt::format("{}", vxlan.udp_port)});
    words.emplace_back(vxlan.learning ? "learning" : "nolearning");
    return words;
}

// Whether the VXLAN device of that VNI is the one that is meant; it is nobody's to change.
Outcome<> check_vxlan(const NetConf& conf, const Device& device)
{
    if (device.master != conf.bridge)
        return fail(Code::kInvalidConfig, "\"vni\": {} is vxd's \"{}\" already, which is {}; expected it in \"{}\"",
                    device.vni, device.name,
                    device.master.empty() ? "in no bridge" : fmt::format("in the bridge \"{}\"", device.master),
                    conf.bridge);
    if (conf.vxlan->local && device.local != conf.vxlan->local)
        return fail(Code::kInvalidConfig, "\"local\": \"{}\" has the VNI {}, and sends from {}, not from {}",
                    device.name, device.vni, device.local ? device.local->to_string() : "nowhere",
                    conf.vxlan->local->to_string());
    return Ok{};
}

void append_missing_remotes(std::vector<CommandWords>& commands, const VxlanConf& conf, const Device& device)
{
    for (const IpAddress& remote : conf.remotes) {
        const bool is_there = std::find(device.flood.begin(), device.flood.end(), remote) != device.flood.end();
        if (!is_there && remote != device.local)
            commands.push_back({"fdb", "append", "00:00:00:00:00:00", "dev", device.name, "dst", remote.to_string()});
    }
}

} // namespace

Outcome<std::vector<CommandWords>> missing_network(const NetConf& conf, const Devices& devices)
{
    std::vector<CommandWords> commands;
    const Device* const bridge = find(devices, conf.bridge);
    if (bridge == nullptr)
        commands.push_back({"link", "add", conf.bridge, "type", "bridge"});
    else if (bridge->kind != "bridge")
        return fail(Code::kInvalidConfig, "\"bridge\": \"{}\" is a {} device in vxd; expected a bridge", conf.bridge,
                    bridge->kind);
    if (!conf.vxlan)
        return commands;
    const Device* const vxlan = find(devices, *conf.vxlan);
    if (vxlan == nullptr) {
        commands.push_back(add_vxlan(conf));
        return commands; // its flooding is next, when vxd has said what its own address is
    }
    if (auto fits = check_vxlan(conf, *vxlan); !fits)
        return std::move(fits).error();
    append_missing_remotes(commands, *conf.vxlan, *vxlan);
    return commands;
}

std::vector<CommandWords> stale_ports(const Devices& devices, const Attachment& wanted)
{
    std::vector<CommandWords> commands;
    for (const Device& device : devices) {
        if (device.kind != "tap" || !is_port_name(device.name))
            continue;
        const bool is_same = device.netns == wanted.netns && device.ifname == wanted.ifname;
        if (device.is_gone || is_same || device.name == wanted.port)
            commands.push_back({"link", "del", device.name});
    }
    return commands;
}

std::optional<std::uint16_t> container_mtu(const NetConf& conf, const Devices& devices)
{
    if (conf.mtu)
        return conf.mtu;
    std::optional<std::uint16_t> in_bridge;
    std::optional<std::uint16_t> alone;
    for (const Device& device : devices) {
        if (device.kind != "vxlan" || (!device.master.empty() && device.master != conf.bridge))
            continue;
        std::optional<std::uint16_t>& smallest = device.master.empty() ? alone : in_bridge;
        smallest = std::min(smallest.value_or(device.mtu), device.mtu);
    }
    return in_bridge ? in_bridge : alone;
}

} // namespace vx::cni
