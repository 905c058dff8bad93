// SPDX-License-Identifier: BSD-3-Clause
// `link add ... type TYPE help`, as ip(8) has it: what one type of device takes, from the data that parses it.
#include "control/commands/link.h"

namespace vx
{

namespace
{

constexpr std::string_view kWhereVxlan =
    "Where:  VNI := 0-16777215\n"
    "        ADDR := { IPv4 | IPv6 }, both of one family\n"
    "        PORT := 1-65535, not given 4789\n"
    "        DEV := a port of the underlay, or its interface: local is its address\n"
    "        TTL := 0-255, auto and 0 are 64\n"
    "        HEX := 0-fc, a multiple of 4\n"
    "        SECONDS := 0 is never, not given 300\n"
    "What vxd does anyway may be said: srcport 49152 65535, df set, noproxy, "
    "norsc, nol2miss, nol3miss,\n"
    "        noudp6zerocsumtx, [no]udp6zerocsumrx, noremcsumtx, noremcsumrx, "
    "noexternal, novnifilter\n";
constexpr std::string_view kWhereBridge = "Where:  SECONDS := 0 is never, not given 300\n";

Reply help_for(const Words& words, std::string_view type, std::string_view usage, std::string_view summary,
               std::string_view where)
{
    Reply reply;
    reply.text =
        fmt::format("Usage: vxctl {} NAME ... type {}\n           {}\n{}", words.name(), usage, summary, where);
    reply.json = nlohmann::ordered_json::array({{{"object", "link"},
                                                 {"command", words.name().substr(words.name().find(' ') + 1)},
                                                 {"type", type},
                                                 {"usage", usage},
                                                 {"help", summary}}});
    return reply;
}

std::optional<Reply> help_for(const Words& words, std::string_view type)
{
    if (type == "bridge")
        return help_for(words, type, kBridgeUsage, "a bridge between its members, by the MACs that it learns",
                        kWhereBridge);
    if (type == "vxlan")
        return help_for(words, type, kVxlanUsage, "a tunnel to other hosts: a member of a bridge, or routed",
                        kWhereVxlan);
    const PortKind* kind = find_port_kind(type);
    if (kind == nullptr || words.name() == "link set") // a port has no options that can be changed
        return std::nullopt;
    return help_for(words, type, fmt::format("{}{}{}", kind->name, kind->options.empty() ? "" : " ", usage_of(*kind)),
                    kind->summary, "");
}

} // namespace

std::optional<Reply> help_of_type(Words words)
{
    const auto next = [&] {
        const std::string_view word = words.peek();
        words.take_again(word);
        return word;
    };
    while (!words.done()) {
        const bool is_type = words.meaning(kLinkOrder) == "type";
        next();
        if (!is_type)
            continue;
        const Words behind = words;
        const std::string_view type = next();
        if (next() == "help" && words.done())
            return help_for(words, type);
        words = behind; // "type" may be a device's name
    }
    return std::nullopt;
}

} // namespace vx
