// SPDX-License-Identifier: BSD-3-Clause
// vxd as the plugin sees it: its devices, and commands that change them.
#pragma once

#include "dataplane/net/ip.h"
#include "tools/cni/conf.h"
#include "tools/cni/outcome.h"
#include "tools/vxctl/client.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vx::cni
{

// What `link show` and `addr show` say of a device, as far as it matters here.
struct Device {
    std::string name;
    std::string kind;   // "tap", "bridge", "vxlan", ...
    std::string master; // the bridge that it is a member of
    std::uint16_t mtu = 0;
    bool is_gone = false; // a port whose interface the kernel has removed
    std::vector<IpPrefix> addresses;
    std::string netns, ifname;      // of a TAP, as it was asked for
    std::uint32_t vni = 0;          // of a VXLAN device
    std::uint16_t udp_port = 0;     // of a VXLAN device
    std::optional<IpAddress> local; // of a VXLAN device
    std::vector<IpAddress> flood;   // where a VXLAN device sends what is for all, if that was asked for
};

using Devices = std::vector<Device>;

const Device* find(const Devices& devices, std::string_view name);

// From the JSON of the two commands.
Devices devices_from(const Json& links, const Json& addresses);
// From that of `fdb get 00:00:00:00:00:00 dev NAME`.
std::vector<IpAddress> destinations_from(const Json& entries);

class Daemon
{
public:
    // Nothing where no vxd listens.
    static Outcome<std::optional<Daemon>> find(const std::string& socket_path);
    static Outcome<Daemon> connect(const std::string& socket_path);

    // `vxlan` as well with what it floods to.
    Outcome<Devices> devices(const VxlanConf* vxlan = nullptr);
    // All of them or none.
    Outcome<> apply(const std::vector<CommandWords>& commands);
    // Each by itself; it is no matter if one is refused, for somebody else was faster.
    Outcome<> try_each(const std::vector<CommandWords>& commands);

private:
    explicit Daemon(Client client) : client_(std::move(client)) {}
    Outcome<Response> ask(const std::vector<CommandWords>& commands, OnFailure on_failure);

    Client client_;
    std::uint64_t request_count_ = 0;
};

// The VXLAN device that the configuration means, if it is there.
const Device* find(const Devices& devices, const VxlanConf& conf);

} // namespace vx::cni
