// SPDX-License-Identifier: BSD-3-Clause
// The network configuration that a runtime sends on stdin, checked.
#pragma once

#include "dataplane/net/ip.h"
#include "dataplane/net/mac.h"
#include "dataplane/net/vni.h"
#include "tools/cni/outcome.h"

#include <nlohmann/json.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vx::cni
{

using Json = nlohmann::ordered_json;

// What the plugin speaks, oldest first.
inline constexpr std::array<std::string_view, 4> kVersions = {"0.3.0", "0.3.1", "0.4.0", "1.0.0"};
inline constexpr std::string_view kNewestVersion = kVersions.back();

struct VxlanConf {
    Vni vni;
    std::optional<IpAddress> local; // this or
    std::string device;             // this: the underlay's port, whose address becomes it
    std::vector<IpAddress> remotes; // all hosts' may be named; that of this one is left out
    std::uint16_t udp_port = 4789;
    bool learning = true;
};

struct NetConf {
    std::string version;
    std::string name;
    std::string socket_path;
    std::string bridge;
    std::optional<VxlanConf> vxlan;
    std::optional<std::uint16_t> mtu;
    std::optional<Mac> mac; // runtimeConfig.mac
    bool is_gateway = false;
    bool is_default_gateway = false; // and so is_gateway
    std::string ipam;                // the IPAM plugin's name; empty: the container gets no address
    Json dns;                        // null, or an object
    Json previous;                   // prevResult: null, or an object

    // Results before 1.0.0 say of each address whether it is IPv4 or IPv6.
    bool names_ip_version() const { return version.starts_with("0."); }
};

// Of any version; an error says what the plugin speaks. The error's own version is then the newest.
Outcome<NetConf> parse_conf(std::string_view text);

// Only "cniVersion", for the answer to a configuration that is otherwise wrong; the newest where there is none that
// the plugin speaks.
std::string version_of(std::string_view text);

} // namespace vx::cni
