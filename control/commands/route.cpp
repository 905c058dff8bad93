// SPDX-License-Identifier: BSD-3-Clause
// `route`: adding and removing. Routes of addresses ("proto kernel") are not in the Model and cannot be changed here.
#include "control/commands/route.h"

#include "control/commands/arguments.h"
#include "control/commands/commands.h"
#include "control/commands/show.h"

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
            subnet_of(model, *parsed.via, device == nullptr ? std::nullopt : std::optional{device->id});
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

enum class IfThere { kFail, kReplace };

Result<Reply> change_route(Transaction& transaction, Words& words, IfThere if_there)
{
    const auto parsed = parse_route(words);
    if (!parsed)
        return parsed.error();
    if (!parsed->via && !parsed->device)
        return usage_error("{}: neither \"via\" nor \"dev\" says where {} is; usage: {}", words.name(),
                           destination_text(parsed->prefix), words.usage());
    if (parsed->onlink && !parsed->via)
        return usage_error("{}: \"onlink\" is about a gateway, and there is no \"via\"", words.name());
    if (parsed->onlink && !parsed->device)
        return usage_error("{}: \"onlink\" needs \"dev\" (Nexthop device required for onlink)", words.name());
    const auto route = route_of(transaction, words, *parsed);
    if (!route)
        return route.error();
    if (is_connected(transaction.model(), parsed->prefix))
        return error("{}: there is already a route to {}, which an address of a device makes (File exists)",
                     words.name(), parsed->prefix.to_string());
    if (if_there == IfThere::kFail && transaction.model().routes().contains(parsed->prefix))
        return error("{}: there is already a route to {} (File exists)", words.name(),
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

Result<RouteWords> parse_route(Words& words)
{
    RouteWords parsed;
    words.take("to");
    const auto destination = read_destination(words);
    if (!destination)
        return destination.error();
    while (!words.done()) {
        Result<> step = Ok{};
        if (words.take("via")) {
            step = store(parsed.via, words.address());
            if (step && (parsed.via->is_multicast() || parsed.via->is_unspecified() || parsed.via->is_loopback() ||
                         parsed.via->is_limited_broadcast()))
                return words.invalid("cannot be a gateway; expected a unicast address");
        } else if (words.take("dev")) {
            step = store(parsed.device, words.device_name());
        } else if (words.take("onlink")) {
            parsed.onlink = true;
        } else {
            return rejected(words, {"metric",  "proto", "protocol", "scope",   "src",        "table",   "mtu",
                                    "nexthop", "type",  "tos",      "dsfield", "weight",     "vrf",     "nhid",
                                    "encap",   "pref",  "advmss",   "realm",   "preference", "priority"});
        }
        if (!step)
            return std::move(step).error();
    }
    if (auto end = words.finish(); !end)
        return std::move(end).error();
    const Family via_family = parsed.via ? parsed.via->family() : words.options().family.value_or(Family::kIpv4);
    parsed.prefix = destination->value_or(IpPrefix::default_route(via_family));
    if (parsed.via && via_family != parsed.prefix.address().family())
        return usage_error("{}: the gateway {} is not of the family of {}", words.name(), parsed.via->to_string(),
                           parsed.prefix.to_string());
    return parsed;
}

const AddressKey* subnet_of(const Model& model, const IpAddress& via, std::optional<LinkId> device)
{
    const AddressKey* best = nullptr;
    for (const AddressKey& key : model.addresses()) {
        const Link* link = model.find(key.first);
        const bool is_possible = (!device || key.first == *device) && link != nullptr && link->is_up;
        if (is_possible && key.second.contains(via) && (best == nullptr || key.second.length() > best->second.length()))
            best = &key;
    }
    return best;
}

bool is_connected(const Model& model, const IpPrefix& prefix)
{
    for (const AddressKey& key : model.addresses())
        if (key.second.network() == prefix)
            return true;
    return false;
}

Result<Reply> route_add(Transaction& transaction, Words& words)
{
    return change_route(transaction, words, IfThere::kFail);
}

Result<Reply> route_replace(Transaction& transaction, Words& words)
{
    return change_route(transaction, words, IfThere::kReplace);
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
    if (!is_same && is_connected(model, parsed->prefix))
        return error("{}: the route to {} is that of an address of a device; delete the address", words.name(),
                     parsed->prefix.to_string());
    if (!is_same)
        return error("{}: there is no such route to {}", words.name(), destination_text(parsed->prefix));
    transaction.remove_route(parsed->prefix);
    return Reply{};
}

namespace
{

constexpr Command kCommands[] = {
    {"route", "add", "{ PREFIX | default } [ via ADDR ] [ dev DEV ] [ onlink ]",
     "add a route; without dev it leaves by the device whose subnet has the gateway", route_add},
    {"route", "replace", "{ PREFIX | default } [ via ADDR ] [ dev DEV ] [ onlink ]", "add a route or change it",
     route_replace},
    {"route", "del", "{ PREFIX | default } [ via ADDR ] [ dev DEV ] [ onlink ]", "remove a route", route_del},
    {"route", "show", "[ PREFIX | default ] [ dev DEV ]", "list routes, those of addresses (proto kernel) too",
     route_show},
};

} // namespace

constinit const std::span<const Command> kRouteCommands{kCommands};

} // namespace vx
