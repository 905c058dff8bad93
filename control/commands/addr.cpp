// SPDX-License-Identifier: BSD-3-Clause
// `addr`: addresses of ports, bridges and VXLAN devices.
#include "control/commands/addr.h"

#include "control/commands/nouns.h"
#include "control/commands/show.h"
#include "control/grammar/arguments.h"

#include <algorithm>
#include <span>
#include <vector>

namespace vx
{

namespace
{

struct AddrWords {
    std::optional<IpPrefix> prefix;
    std::optional<std::string> device;
    std::optional<IpAddress> broadcast;
};

constexpr std::string_view kNotOfAddr[] = {"peer",   "remote",        "anycast",       "label",    "scope",
                                           "metric", "valid_lft",     "preferred_lft", "nodad",    "optimistic",
                                           "home",   "noprefixroute", "mngtmpaddr",    "autojoin", "proto"};

Result<> read_prefix(Words& words, std::optional<IpPrefix>& to)
{
    if (auto read = store(to, words.prefix()); !read)
        return read;
    if (!to->address().is_unicast())
        return words.invalid("cannot be the address of a device; expected a unicast address");
    return Ok{};
}

// vxd takes the last address of a subnet as its broadcast address, always: "+" asks for that, and "-" is as with Linux,
// which does so too without one.
Result<> read_broadcast(Words& words, std::optional<IpAddress>& to)
{
    if (words.take_again("+") || words.take_again("-"))
        return Ok{};
    return store(to, words.address());
}

Result<AddrWords> parse_change(Words& words)
{
    AddrWords parsed;
    while (!words.done()) {
        Result<> step = Ok{};
        if (words.take("dev"))
            step = store(parsed.device, words.device_name());
        else if (words.take("broadcast") || words.take("brd"))
            step = read_broadcast(words, parsed.broadcast);
        else if (words.take_positional("local", kNotOfAddr))
            step = read_prefix(words, parsed.prefix);
        else
            return rejected(words, kNotOfAddr);
        if (!step)
            return std::move(step).error();
    }
    if (auto end = words.finish(); !end)
        return std::move(end).error();
    if (!parsed.prefix)
        return words.missing("PREFIX");
    if (!parsed.device)
        return words.missing("dev");
    if (parsed.broadcast && parsed.prefix->broadcast() != parsed.broadcast) {
        const auto ours = parsed.prefix->broadcast();
        return usage_error(
            "{}: {} cannot be the broadcast address of {}; expected {}, which it is without \"broadcast\"",
            words.name(), parsed.broadcast->to_string(), parsed.prefix->to_string(), ours ? ours->to_string() : "none");
    }
    return parsed;
}

template <typename Predicate> // of const VxlanSettings&
std::vector<const Link*> vxlan_devices(const Transaction& transaction, Predicate is_meant)
{
    std::vector<const Link*> devices;
    for (const auto& [id, link] : transaction.budget().each(transaction.model().links()))
        if (const VxlanSettings* vxlan = link.vxlan(); vxlan != nullptr && is_meant(*vxlan))
            devices.push_back(&link);
    return devices;
}

std::string names_of(const std::vector<const Link*>& devices)
{
    std::string names;
    for (const Link* device : devices)
        names += (names.empty() ? "" : ", ") + device->name;
    return names;
}

bool floods_to(const VxlanSettings& vxlan, const IpAddress& address)
{
    return std::ranges::find(vxlan.flood, address, &Remote::address) != vxlan.flood.end();
}

// What `fdb append` says if the address is ours before. Hardly ever is it that of a far VTEP too; only then are lists
// looked through, as they are when it is compiled. Those whose `local` it is had the warning already.
void warn_of_floods_to_us(Transaction& transaction, const Words& words, const IpAddress& address)
{
    if (!transaction.vteps().remotes().contains(address))
        return;
    const Model& model = transaction.model();
    const auto devices = vxlan_devices(transaction, [&](const VxlanSettings& vxlan) {
        transaction.budget().step(vxlan.flood.size());
        return vxlan.local != address && floods_to(vxlan, address);
    });
    if (devices.empty())
        return;
    std::vector<LinkId> ids;
    for (const Link* device : devices)
        ids.push_back(device->id);
    const auto holds = [&model, address, ids = std::move(ids)] {
        return model.owner_of(address) != nullptr && std::ranges::any_of(ids, [&](LinkId id) {
                   const Link* link = model.find(id);
                   return link != nullptr && link->vxlan() != nullptr && floods_to(*link->vxlan(), address);
               });
    };
    transaction.warn(fmt::format("{}: {} is a dst of 00:00:00:00:00:00 on {}: nothing is flooded there while it is our "
                                 "own address",
                                 words.name(), address.to_string(), names_of(devices)),
                     holds);
}

enum class IfThere { kFail, kLeave };

Result<Reply> assign(Transaction& transaction, Words& words, IfThere if_there)
{
    const auto parsed = parse_change(words);
    if (!parsed)
        return parsed.error();
    const auto link = find_interface(transaction, words, *parsed->device);
    if (!link)
        return link.error();
    const Link& device = **link;
    const AddressKey key{device.id, *parsed->prefix};
    const IpAddress& address = parsed->prefix->address();
    if (transaction.model().addresses().contains(key)) {
        if (if_there == IfThere::kLeave)
            return Reply{};
        return error("{}: \"{}\" already has the address {} (File exists)", words.name(), device.name,
                     parsed->prefix->to_string());
    }
    const Link* owner = transaction.model().owner_of(address);
    if (owner != nullptr && owner->id != device.id)
        return error("{}: \"{}\" already has the address {} (File exists)", words.name(), owner->name,
                     address.to_string());
    if (address.is_v6() && device.port() == nullptr)
        transaction.warn(fmt::format("{}: vxd bridges IPv6 between containers but does not route it: {} answers, and "
                                     "is no gateway",
                                     words.name(), address.to_string()));
    if (transaction.kernel_has(device.id, address))
        transaction.warn(fmt::format("{}: {}", words.name(), shared_address_text(device, *parsed->prefix)),
                         [&transaction, id = device.id, address] { return transaction.kernel_has(id, address); });
    warn_of_floods_to_us(transaction, words, address);
    transaction.add_address(key);
    return Reply{};
}

Result<Reply> addr_add(Transaction& transaction, Words& words)
{
    return assign(transaction, words, IfThere::kFail);
}

Result<Reply> addr_replace(Transaction& transaction, Words& words)
{
    return assign(transaction, words, IfThere::kLeave);
}

// With its last IPv4 address a device loses its IPv4 routes, as on Linux; before that, none.
void drop_routes_without_address(Transaction& transaction, LinkId link, std::span<const IpPrefix> gone)
{
    const Model& model = transaction.model();
    const auto is_v4 = [](const IpPrefix& prefix) { return prefix.address().is_v4(); };
    if (!model.has_route(link) || std::ranges::none_of(gone, is_v4) ||
        std::ranges::any_of(model.addresses_of(link), [&](const AddressKey& key) { return is_v4(key.second); }))
        return;
    std::vector<IpPrefix> dropped;
    for (const auto& [prefix, route] : transaction.budget().each(model.routes()))
        if (route.link == link && is_v4(prefix))
            dropped.push_back(prefix);
    for (const IpPrefix& prefix : dropped)
        transaction.remove_route(prefix);
}

std::string list_of_addresses(const Model& model, LinkId link)
{
    std::string list;
    for (const AddressKey& key : model.addresses_of(link))
        list += (list.empty() ? "" : ", ") + key.second.to_string();
    return list.empty() ? "none" : list;
}

// VXLAN devices whose `local` nobody has any more. Not a refusal: the address may come back in the next command.
void warn_of_lost_sources(Transaction& transaction, const Words& words, std::span<const IpPrefix> gone)
{
    const Model& model = transaction.model();
    for (const IpPrefix& prefix : gone) {
        if (model.vxlans_from(prefix.address()).empty() || model.owner_of(prefix.address()) != nullptr)
            continue;
        const auto devices =
            vxlan_devices(transaction, [&](const VxlanSettings& vxlan) { return vxlan.local == prefix.address(); });
        transaction.warn(fmt::format("{}: no device has the address {} any more, the local of {}: nothing is carried "
                                     "until a port has it",
                                     words.name(), prefix.address().to_string(), names_of(devices)),
                         [&model, address = prefix.address()] { return model.owner_of(address) == nullptr; });
    }
}

Result<Reply> addr_del(Transaction& transaction, Words& words)
{
    const auto parsed = parse_change(words);
    if (!parsed)
        return parsed.error();
    const auto link = find_device(transaction, words, *parsed->device);
    if (!link)
        return link.error();
    const AddressKey key{(*link)->id, *parsed->prefix};
    if (!transaction.model().addresses().contains(key))
        return error("{}: \"{}\" does not have the address {}; it has {}", words.name(), (*link)->name,
                     parsed->prefix->to_string(), list_of_addresses(transaction.model(), (*link)->id));
    transaction.remove_address(key);
    drop_routes_without_address(transaction, key.first, {&key.second, 1});
    warn_of_lost_sources(transaction, words, {&key.second, 1});
    return Reply{};
}

Result<Reply> addr_flush(Transaction& transaction, Words& words)
{
    if (words.done()) // as ip: nobody means all of them
        return usage_error("{}: no word says which addresses; usage: {}", words.name(), words.usage());
    const auto selector = parse_addr_selector(transaction, words);
    if (!selector)
        return selector.error();
    for (const auto& [id, link] : transaction.budget().each(transaction.model().links())) {
        if (!selector->links.includes(link))
            continue;
        const std::vector<IpPrefix> gone = selector->addresses_of(transaction, id);
        for (const IpPrefix& prefix : gone)
            transaction.remove_address({id, prefix});
        drop_routes_without_address(transaction, id, gone);
        warn_of_lost_sources(transaction, words, gone);
    }
    return Reply{};
}

constexpr std::string_view kSelectorUsage =
    "[ DEV | dev DEV ] [ to PREFIX ] [ master BRIDGE | nomaster ] [ type TYPE ] [ up ]";

constexpr Command kAddrTable[] = {
    {"addr", "add", "PREFIX [ broadcast ADDR|+|- ] dev DEV",
     "give a device an address; a bare address is a /32 or /128", addr_add},
    {"addr", "replace", "PREFIX [ broadcast ADDR|+|- ] dev DEV", "the same, and no error if it is there", addr_replace},
    {"addr", "change", "PREFIX [ broadcast ADDR|+|- ] dev DEV", "the same as replace", addr_replace},
    {"addr", "del", "PREFIX dev DEV", "take an address back; with a device's last IPv4 address go its IPv4 routes",
     addr_del},
    {"addr", "flush", kSelectorUsage, "take back all such addresses; one word at least says which", addr_flush},
    {"addr", "show", kSelectorUsage, "list addresses", addr_show, Effect::kShows},
};

} // namespace

constinit const std::span<const Command> kAddrCommands{kAddrTable};

} // namespace vx
