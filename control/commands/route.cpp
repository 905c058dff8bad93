// SPDX-License-Identifier: BSD-3-Clause
// `route`: adding and removing. Routes of addresses ("proto kernel") are not in the Model and cannot be changed here.
#include "control/commands/route.h"

#include "control/commands/nouns.h"
#include "control/commands/show.h"
#include "control/grammar/arguments.h"

namespace vx
{

namespace
{

Result<Route> route_of(const Transaction& transaction, const Words& words, const RouteWords& parsed)
{
    const Model& model = transaction.model();
    Route route;
    route.via = parsed.via;
    route.onlink = parsed.onlink;
    const Link* device = nullptr;
    if (parsed.device) {
        const auto found = find_interface(transaction, words, *parsed.device);
        if (!found)
            return found.error();
        device = *found;
    }
    if (parsed.via) {
        if (const Link* owner = model.owner_of(*parsed.via))
            return error("{}: the gateway {} is an address of \"{}\" itself", words.name(), parsed.via->to_string(),
                         owner->name);
        const bool needs_subnet = !parsed.onlink && !(device != nullptr && parsed.via->is_link_local());
        const AddressKey* subnet =
            model.subnet_of(*parsed.via, device == nullptr ? std::nullopt : std::optional{device->id});
        if (needs_subnet && subnet == nullptr && device != nullptr)
            return error("{}: the gateway {} is in no subnet of \"{}\" (Nexthop has invalid gateway); add onlink if it "
                         "is there nevertheless",
                         words.name(), parsed.via->to_string(), device->name);
        if (needs_subnet && subnet == nullptr)
            return error("{}: the gateway {} is in no subnet of any device (Nexthop has invalid gateway); name the "
                         "device with dev DEV onlink if it is there nevertheless",
                         words.name(), parsed.via->to_string());
        if (device == nullptr)
            device = model.find(subnet->first);
    }
    if (parsed.prefix.address().is_v6() && device->port() == nullptr)
        return error("{}: {} cannot leave by \"{}\": vxd bridges IPv6 between containers but does not route it; "
                     "IPv6 routes are for ports of the underlay",
                     words.name(), parsed.prefix.to_string(), device->name);
    route.link = device->id;
    return route;
}

constexpr std::string_view kScopes[] = {"link", "global"};

Result<Reply> set_route(Transaction& transaction, Words& words, Presence presence)
{
    const auto parsed = parse_route(words);
    if (!parsed)
        return parsed.error();
    if (!parsed->via && !parsed->device)
        return usage_error("{}: neither \"via\" nor \"dev\" says where {} is; usage: {}", words.name(),
                           destination_text(parsed->prefix), words.usage());
    if (parsed->is_scope_link && parsed->via)
        return usage_error("{}: \"scope link\" is of routes without a gateway, and there is \"via\"", words.name());
    if (parsed->onlink && !parsed->via)
        return usage_error("{}: \"onlink\" is about a gateway, and there is no \"via\"", words.name());
    if (parsed->onlink && !parsed->device)
        return usage_error("{}: \"onlink\" needs \"dev\" (Nexthop device required for onlink)", words.name());
    const auto route = route_of(transaction, words, *parsed);
    if (!route)
        return route.error();
    if (transaction.model().is_subnet(parsed->prefix))
        return error("{}: there is already a route to {}, which an address of a device makes (File exists)",
                     words.name(), parsed->prefix.to_string());
    const bool is_there = transaction.model().routes().contains(parsed->prefix);
    if (is_there && presence == Presence::kNew)
        return error("{}: there is already a route to {} (File exists)", words.name(),
                     destination_text(parsed->prefix));
    if (!is_there && presence == Presence::kKnown)
        return error("{}: there is no route to {} (No such file or directory)", words.name(),
                     destination_text(parsed->prefix));
    transaction.set_route(parsed->prefix, *route);
    return Reply{};
}

} // namespace

Result<std::optional<IpPrefix>> read_destination(Words& words)
{
    if (words.take_again("default") || words.take_again("any") || words.take_again("all"))
        return std::optional<IpPrefix>{};
    const auto prefix = words.prefix("PREFIX");
    if (!prefix)
        return prefix.error();
    if (prefix->has_host_bits())
        return words.invalid(fmt::format("has bits behind its length; expected {}", prefix->network().to_string()));
    if (prefix->address().is_multicast())
        return words.invalid("is multicast, which vxd does not route; expected a unicast PREFIX");
    return std::optional{*prefix};
}

Result<bool> take_table(Words& words)
{
    if (!words.take("table"))
        return false;
    const auto table = words.text("TABLE");
    if (!table)
        return table.error();
    if (*table != "main" && *table != "254")
        return words.invalid("is a table that vxd does not have; expected main");
    return true;
}

Result<RouteWords> parse_route(Words& words)
{
    constexpr std::string_view kRefused[] = {
        "metric",    "proto",     "protocol", "src",         "mtu",      "nexthop",   "type",
        "tos",       "dsfield",   "weight",   "vrf",         "nhid",     "encap",     "pref",
        "advmss",    "realm",     "realms",   "preference",  "priority", "unicast",   "local",
        "broadcast", "multicast", "throw",    "unreachable", "prohibit", "blackhole", "nat"};
    RouteWords parsed;
    std::optional<std::optional<IpPrefix>> destination; // nothing inside: "default"
    while (!words.done()) {
        Result<> step = Ok{};
        if (words.take("via")) {
            step = store(parsed.via, words.address());
            if (step && !parsed.via->is_unicast())
                return words.invalid("cannot be a gateway; expected a unicast address");
        } else if (words.take("dev")) {
            step = store(parsed.device, words.device_name());
        } else if (words.take("onlink")) {
            parsed.onlink = true;
        } else if (words.take("scope")) { // follows from whether there is a gateway; route show says it
            const auto scope = words.choice("SCOPE", kScopes);
            if (!scope)
                return scope.error();
            parsed.is_scope_link = kScopes[*scope] == "link";
        } else {
            const auto taken = take_table(words);
            if (!taken)
                return taken.error();
            if (!*taken && !words.take_positional("to", kRefused))
                return rejected(words, kRefused);
            if (!*taken)
                step = store(destination, read_destination(words));
        }
        if (!step)
            return std::move(step).error();
    }
    if (auto end = words.finish(); !end)
        return std::move(end).error();
    if (!destination)
        return words.missing("PREFIX");
    const Family via_family = parsed.via ? parsed.via->family() : words.options().family.value_or(Family::kIpv4);
    parsed.prefix = destination->value_or(IpPrefix::default_route(via_family));
    if (parsed.via && via_family != parsed.prefix.address().family())
        return usage_error("{}: the gateway {} is not of the family of {}", words.name(), parsed.via->to_string(),
                           parsed.prefix.to_string());
    return parsed;
}

Result<Reply> route_add(Transaction& transaction, Words& words)
{
    return set_route(transaction, words, Presence::kNew);
}

Result<Reply> route_replace(Transaction& transaction, Words& words)
{
    return set_route(transaction, words, Presence::kEither);
}

Result<Reply> route_change(Transaction& transaction, Words& words)
{
    return set_route(transaction, words, Presence::kKnown);
}

Result<Reply> route_del(Transaction& transaction, Words& words)
{
    const auto parsed = parse_route(words);
    if (!parsed)
        return parsed.error();
    std::optional<LinkId> device;
    if (parsed->device) {
        const auto link = find_device(transaction, words, *parsed->device);
        if (!link)
            return link.error();
        device = (*link)->id;
    }
    const Model& model = transaction.model();
    const auto found = model.routes().find(parsed->prefix);
    const bool is_same = found != model.routes().end() && (!device || found->second.link == *device) &&
                         (!parsed->via || found->second.via == parsed->via) &&
                         (!parsed->onlink || found->second.onlink);
    if (!is_same && model.is_subnet(parsed->prefix))
        return error("{}: the route to {} is that of an address of a device; delete the address", words.name(),
                     parsed->prefix.to_string());
    if (!is_same)
        return error("{}: there is no such route to {}", words.name(), destination_text(parsed->prefix));
    transaction.remove_route(parsed->prefix);
    return Reply{};
}

namespace
{

constexpr std::string_view kUsage = "{ PREFIX | default } [ via ADDR ] [ dev DEV ] [ onlink ] [ table main ]";

constexpr Command kRouteTable[] = {
    {"route", "add", kUsage, "add a route; without dev it leaves by the device whose subnet has the gateway",
     route_add},
    {"route", "append", kUsage, "the same: vxd has one route to each destination", route_add},
    {"route", "change", kUsage, "change a route that is there", route_change},
    {"route", "replace", kUsage, "add a route or change it", route_replace},
    {"route", "del", kUsage, "remove a route", route_del},
    {"route", "flush", "[ PREFIX | default ] [ dev DEV ] [ table main ]",
     "remove all such routes; those of addresses (proto kernel) stay", route_flush},
    {"route", "get", "ADDR", "tell where vxd sends what is for ADDR", route_get, Effect::kShows},
    {"route", "show", "[ PREFIX | default ] [ dev DEV ] [ table main ]",
     "list routes, those of addresses (proto kernel) too", route_show, Effect::kShows},
};

} // namespace

constinit const std::span<const Command> kRouteCommands{kRouteTable};

} // namespace vx
