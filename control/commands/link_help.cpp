// SPDX-License-Identifier: BSD-3-Clause
// `link add ... type TYPE help`, as ip(8) has it: what one type of device takes, from the data that parses it.
#include "control/commands/link.h"

#include <algorithm>

namespace vx
{

namespace
{

const std::string kWhereVxlan = "Where:  VNI := 0-16777215\n"
                                "        ADDR := { IPv4 | IPv6 }, both of one family\n"
                                "        PORT := 1-65535, not given (or 0) 4789\n"
                                "        DEV := a port of the underlay, or its interface: local is its address\n"
                                "        TTL := 0-255, auto and 0 are 64\n"
                                "        HEX := 0-fc, a multiple of 4\n"
                                "        SECONDS := 0 is never, not given 300\n";
const std::string kWhereBridge = "Where:  CENTISECONDS := 1/100 s, as with ip: not given 30000, which is 300 s;\n"
                                 "        0 is to learn nothing and to flood everything\n";

// "What vxd does anyway may be said: ...", in lines.
std::string idle_text(const std::string& options, std::string_view value)
{
    constexpr std::size_t kWidth = 100;
    std::string text = "What vxd does anyway may be said";
    text += value;
    std::size_t line = 0;
    for (std::size_t at = 0; at < options.size();) {
        const std::size_t end = std::min(options.find(", ", at), options.size());
        const std::string option = options.substr(at, end - at) + (end == options.size() ? "" : ",");
        if (text.size() - line + option.size() >= kWidth) {
            line = text.size() + 1;
            text += "\n       ";
        }
        text += ' ' + option;
        at = end + 2;
    }
    return text + '\n';
}

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
                        kWhereBridge + idle_text(idle_bridge_options(), ", as 0:"));
    if (type == "vxlan")
        return help_for(words, type, kVxlanUsage, "a tunnel to other hosts: a member of a bridge, or routed",
                        kWhereVxlan + idle_text(idle_vxlan_options(), ":"));
    const PortKind* kind = find_port_kind(type);
    if (kind == nullptr || words.name() == "link set" ||
        words.name() == "link change") // a port has no options that can be changed
        return std::nullopt;
    return help_for(words, type, fmt::format("{}{}{}", kind->name, kind->options.empty() ? "" : " ", usage_of(*kind)),
                    kind->summary, "");
}

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

// The usage of what comes behind "type KIND"; nothing where no type was named.
std::optional<std::string> usage_behind_type(CommandView words)
{
    for (std::size_t at = 1; at + 1 < words.size(); ++at) {
        if (words[at - 1] != "type" && words[at - 1] != "ty")
            continue;
        // What vxd does anyway is taken too.
        if (words[at] == "bridge")
            return fmt::format("{} {}", kBridgeUsage.substr(kBridgeUsage.find(' ') + 1), idle_bridge_options());
        if (words[at] == "vxlan")
            return fmt::format("{} {}", kVxlanUsage.substr(kVxlanUsage.find(' ') + 1), idle_vxlan_options());
        if (const PortKind* kind = find_port_kind(words[at]))
            return usage_of(*kind);
    }
    return std::nullopt;
}

} // namespace

constinit const CommandMore kMoreOfType{help_of_type, usage_behind_type};

} // namespace vx
