// SPDX-License-Identifier: BSD-3-Clause
// A container's network namespace, through a netlink socket that lives in it.
#pragma once

#include "dataplane/base/netns.h"
#include "dataplane/net/ip.h"
#include "tools/cni/outcome.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

struct mnl_socket;

namespace vx::cni
{

struct Interface {
    int index = 0;
    std::string mac;
    bool is_up = false;
};

struct RouteEntry {
    IpPrefix destination;
    std::optional<IpAddress> gateway;
    friend bool operator==(const RouteEntry&, const RouteEntry&) = default;
};

class ContainerNet
{
public:
    static Outcome<ContainerNet> open(const std::string& netns_path);

    // Nothing if there is none of that name.
    Outcome<std::optional<Interface>> find(const std::string& ifname);
    // Gives the interface its addresses while it is down, then takes it up, so that the kernel announces them: whoever
    // knew them with another container's MAC forgets it.
    Outcome<> set_addresses(const std::string& ifname, const Interface& interface,
                            const std::vector<IpPrefix>& addresses);
    // False if there is one to that destination already: of several networks, the first has the default route.
    Outcome<bool> add_route(const Interface& interface, const RouteEntry& route);

    Outcome<std::vector<IpPrefix>> addresses(const Interface& interface);
    Outcome<std::vector<RouteEntry>> routes(); // of the main table, by whatever interface

private:
    struct Close {
        void operator()(mnl_socket* socket) const;
    };
    using Socket = std::unique_ptr<mnl_socket, Close>;
    ContainerNet(std::string path, Netns netns, Socket socket)
        : path_(std::move(path)), netns_(std::move(netns)), socket_(std::move(socket))
    {
    }
    template <typename Handle>
    int talk(void* message, Handle handle); // 0, or an errno
    Outcome<> set_up(const Interface& interface, bool is_up);

    std::string path_;
    Netns netns_;
    Socket socket_;
    std::uint32_t sequence_ = 0;
};

} // namespace vx::cni
