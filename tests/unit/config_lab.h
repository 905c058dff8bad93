// SPDX-License-Identifier: BSD-3-Clause
// Random configurations, made by random commands of which some are refused, and what two daemons have in common.
#pragma once

#include "tests/unit/daemon_lab.h"

#include <random>
#include <string>

namespace vx::test
{

// The state that commands can make, from the show commands: to be equal where `config show` is. A route that no command
// could add any more is made again as one that is onlink, so that word is left out.
inline std::string shown_state(Daemon& vxd)
{
    std::string state;
    for (const char* command :
         {"link show", "addr show", "route show", "neigh show nud permanent nud noarp", "fdb show"}) {
        auto json = vxd.json(command);
        for (auto& entry : json) {
            for (const char* number : {"ifindex", "link_index", "flags"})
                if (entry.contains(number) && entry[number].is_number())
                    entry.erase(number);
            if (std::string_view{command} == "route show")
                entry.erase("flags");
            if (std::string_view{command} == "fdb show" && entry["state"] == "" &&
                entry["flags"].dump().find("extern_learn") == std::string::npos)
                continue; // it ages
            state += entry.dump() + '\n';
        }
    }
    return state;
}

class RandomCommands
{
public:
    explicit RandomCommands(std::uint32_t seed) : random_(seed) {}

    std::string next()
    {
        switch (below(16)) {
        case 0:
        case 1:
            return fmt::format("link {} {}{} {} type {}", below(3) == 0 ? "replace" : "add", name(), address(),
                               below(2) == 0 ? "" : common(), kind());
        case 2:
            return fmt::format("link del {}", name());
        case 3:
            return fmt::format("link set dev {} {}", name(), below(5) == 0 ? "nomaster" : "master " + name());
        case 4:
            return fmt::format("link set dev {} {}", name(), below(2) == 0 ? address() + " up" : common());
        case 5:
            return fmt::format("link set dev {} type {}", name(),
                               below(3) == 0 ? fmt::format("bridge ageing_time {}", below(400) * 100 + below(2))
                                             : "vxlan" + tuning());
        case 6:
        case 7:
            return fmt::format("addr {} {}/{} dev {}", below(6) == 0 ? "del" : "add", ip(), below(2) == 0 ? 24 : 28,
                               name());
        case 8:
            return fmt::format("addr add 2001:db8::{:x}/64 dev {}", below(6), name());
        case 9:
            return fmt::format("neigh {} {} lladdr {} dev {}{}", below(6) == 0 ? "del" : "replace", ip(), mac(), name(),
                               below(3) == 0 ? " nud noarp" : "");
        case 10:
        case 11:
            return route();
        case 12:
            return fmt::format("fdb {} 00:00:00:00:00:00 dev {} dst {}{}", below(4) == 0 ? "del" : "append", name(),
                               ip(), there());
        case 13:
            return fmt::format("fdb {} {} dev {} master {}", below(6) == 0 ? "del" : "add", mac(), name(),
                               below(3) == 0 ? "extern_learn" : "static");
        case 14:
            return fmt::format("fdb append {} dev {} dst {} {}", mac(), name(), ip(),
                               one_of({"dynamic", "dynamic extern_learn", "extern_learn", "static extern_learn"}));
        default:
            return fmt::format("fdb {} {} dev {} dst {}{}{}", verb(), mac(), name(), ip(), there(),
                               below(3) == 0 ? " static" : "");
        }
    }

private:
    std::uint32_t below(std::uint32_t end) { return static_cast<std::uint32_t>(random_() % end); }
    std::string_view one_of(std::initializer_list<std::string_view> words)
    {
        return words.begin()[below(static_cast<std::uint32_t>(words.size()))];
    }
    std::string name()
    {
        return std::string{one_of({"p1", "p2", "p3", "br0", "br1", "vx1", "vx2", "vx3", "up", "'a\"b#'"})};
    }
    std::string mac() { return fmt::format("02:00:00:00:00:{:02x}", below(8)); }
    std::string address() { return below(3) == 0 ? fmt::format(" address {}", mac()) : ""; }
    std::string ip() { return fmt::format("192.0.{}.{}", below(2), 1 + below(30)); }
    std::string common()
    {
        return std::string{one_of({"mtu 1450", "mtu 9000", "mtu 1500", "down", "up", "mtu 1400 down"})};
    }
    std::string tuning()
    {
        std::string text;
        for (const std::string_view option :
             {"nolearning", "learning", "noudpcsum", "udpcsum", "ttl 7", "ttl auto", "tos 8", "ageing 0", "ageing 17"})
            if (below(5) == 0)
                text += fmt::format(" {}", option);
        return text;
    }
    std::string kind()
    {
        switch (below(5)) {
        case 0:
        case 1:
            return "null";
        case 2:
            return below(2) == 0 ? "bridge" : fmt::format("bridge ageing_time {}", below(400) * 100 + below(2));
        default:
            return fmt::format("vxlan id {} local {}{}{}{}", 1 + below(6), below(8) == 0 ? "2001:db8::1" : ip(),
                               below(3) == 0 ? fmt::format(" remote {}", ip()) : "",
                               below(3) == 0 ? " dstport 8472" : "", tuning());
        }
    }
    std::string there() { return std::string{one_of({"", "", "", " vni 9", " port 8472", " port 4789 vni 3"})}; }
    std::string_view verb() { return one_of({"append", "append", "append", "replace", "add", "del"}); }
    std::string route()
    {
        const std::string prefix = below(4) == 0 ? "default" : fmt::format("192.0.{}.{}/28", below(2), 16 * below(3));
        switch (below(6)) {
        case 0:
            return fmt::format("route del {}", prefix);
        case 1:
            return fmt::format("route replace {} dev {}", prefix, name());
        case 2:
            return fmt::format("route add 2001:db8:{}::/48 {} dev {}", below(3),
                               one_of({"via 2001:db8::9", "via fe80::1", ""}), name());
        case 3:
            return fmt::format("-6 route add default dev {}", name());
        default:
            return fmt::format("route {} {} via {} dev {}{}", one_of({"add", "replace"}), prefix, ip(), name(),
                               below(3) == 0 ? " onlink" : "");
        }
    }

    std::mt19937 random_;
};

// A daemon with what so many random commands made, one transaction each.
inline void randomize(Daemon& vxd, RandomCommands& commands, std::size_t count)
{
    for (std::size_t i = 0; i < count; ++i) {
        Request request;
        request.commands = parse_script(commands.next(), "random").value().commands;
        (void)vxd.controller().run(request);
    }
}

} // namespace vx::test
