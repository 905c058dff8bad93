// SPDX-License-Identifier: BSD-3-Clause
// `link`: its table, and what adding and setting share.
#include "control/commands/link.h"

#include "control/commands/nouns.h"
#include "control/grammar/arguments.h"

namespace vx
{

namespace
{

// Every kind with its options, from the data that parses them.
std::string help_of_add()
{
    std::string help = "add a device; TYPE :=";
    const auto line = [&](const auto&... words) { help += fmt::format("\n               {}{}{}", words...); };
    for (const PortKind& kind : port_kinds())
        line(kind.name, kind.options.empty() ? "" : " ", usage_of(kind));
    line(kBridgeUsage, "", "");
    line(kVxlanUsage, "", "");
    return help + "\n           \"link add type TYPE help\" says more.\n           address, mtu and master may also "
                  "follow TYPE. "
                  "Not given, dstport is 4789, learning, "
                  "udpcsum and\n           ttl auto (64) are as in the kernel, ageing 300 (seconds), ageing_time 30000 "
                  "(1/100 s)";
}

const std::string kHelpOfAdd = help_of_add();

constexpr std::string_view kAddUsage = "NAME [ address MAC ] [ mtu MTU ] [ master BRIDGE ] [ up | down ] type TYPE";
constexpr std::string_view kSetUsage =
    "NAME [ up | down ] [ address MAC ] [ mtu MTU ] [ master BRIDGE | nomaster ] "
    "[ type bridge [ ageing_time CENTISECONDS ] | type vxlan [ [no]learning ] [ [no]udpcsum ] [ ttl TTL|auto ] "
    "[ tos HEX ] [ ageing SECONDS ] ]";

const Command kLinkTable[] = {
    {"link", "add", kAddUsage, kHelpOfAdd, link_add, Effect::kChanges, &kMoreOfType},
    {"link", "set", kSetUsage, "change a device", link_set, Effect::kChanges, &kMoreOfType},
    {"link", "change", kSetUsage, "the same", link_set, Effect::kChanges, &kMoreOfType},
    {"link", "replace", kAddUsage, "add a device, or change the one that is there: what is not said stays",
     link_replace, Effect::kChanges, &kMoreOfType},
    {"link", "del", "NAME [ type TYPE ]", "remove a device and all that refers to it", link_del},
    {"link", "show", "[ NAME | dev NAME ] [ master BRIDGE | nomaster ] [ type TYPE ] [ up ]",
     "list devices and their settings", link_show, Effect::kShows},
};

} // namespace

const std::span<const Command> kLinkCommands{kLinkTable};

Result<bool> take_address_or_mtu(Words& words, std::optional<Mac>& address, std::optional<std::uint16_t>& mtu)
{
    if (words.take("address", kLinkOrder)) {
        if (auto read = store(address, words.mac("MAC")); !read)
            return std::move(read).error();
        if (!address->is_unicast())
            return words.invalid("cannot be the address of a device; expected a MAC address that is neither zero nor "
                                 "a group address");
        return true;
    }
    if (words.take("mtu")) {
        if (auto read = store(mtu, words.number("MTU", kMinMtu, kMaxMtu)); !read)
            return std::move(read).error();
        return true;
    }
    return false;
}

Result<bool> take_up_or_down(Words& words, std::optional<bool>& is_up)
{
    const std::string_view word = words.peek();
    if (word != "up" && word != "down")
        return false;
    words.take(word);
    if (is_up)
        return words.invalid("is one too many; expected up or down once");
    is_up = word == "up";
    return true;
}

Result<bool> take_name(Words& words, std::string& name, std::span<const std::string_view> introducers)
{
    const std::string_view word = words.peek();
    if (words.done() || !name.empty())
        return false;
    if (is_among(introducers, word))
        words.take(word);
    else if (is_among(kLinkKeywords, word))
        return false;
    const auto read = words.device_name("NAME");
    if (!read)
        return read.error();
    name = *read;
    return true;
}

Result<> check_member(const Transaction& transaction, const Words& words, const Link& link, const Link& master)
{
    const Model& model = transaction.model();
    if (link.bridge() != nullptr)
        return error("{}: \"{}\" is a bridge, which cannot be a member of another; expected a port or a VXLAN device",
                     words.name(), link.name);
    for (const AddressKey& key : model.addresses_of(link.id))
        return error("{}: \"{}\" has the address {}, and a member of a bridge has none; delete it first (addr del "
                     "{} dev {}), or give it to \"{}\"",
                     words.name(), link.name, key.second.to_string(), key.second.to_string(), link.name, master.name);
    for (const auto& [prefix, route] : transaction.budget().each(model.routes()))
        if (route.link == link.id)
            return error(
                "{}: the route to {} leaves by \"{}\", and a member of a bridge is not routed; delete it first",
                words.name(), prefix.to_string(), link.name);
    if (const auto found = model.neighbors().lower_bound({link.id, IpAddress{}});
        found != model.neighbors().end() && found->first.first == link.id)
        return error("{}: \"{}\" has the neighbour {}, and a member of a bridge has none; delete it first",
                     words.name(), link.name, found->first.second.to_string());
    return Ok{};
}

Result<Reply> link_del(Transaction& transaction, Words& words)
{
    words.take("dev");
    const auto name = words.device_name("NAME");
    if (!name)
        return name.error();
    const auto link = find_device(transaction, words, *name);
    if (!link)
        return link.error();
    if (words.take("type")) {
        const auto type = words.text("TYPE");
        if (!type)
            return type.error();
        if (*type != (*link)->kind_name())
            return words.invalid(fmt::format("is not the type of \"{}\"; expected {}", *name, (*link)->kind_name()));
    }
    if (auto end = words.finish(); !end)
        return std::move(end).error();
    transaction.remove_link((*link)->id);
    return Reply{};
}

} // namespace vx
