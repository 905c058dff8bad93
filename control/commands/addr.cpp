// SPDX-License-Identifier: BSD-3-Clause
// `addr`: addresses of ports, bridges and VXLAN devices.
#include "control/commands/arguments.h"
#include "control/commands/commands.h"
#include "control/commands/rows.h"
#include "control/commands/show.h"

#include <algorithm>
#include <span>
#include <vector>

namespace vx
{

namespace
{

constexpr std::uint32_t kForever = 0xffffffff; // INFINITY_LIFE_TIME, as `ip -j addr` prints it

struct AddrWords {
    std::optional<IpPrefix> prefix;
    std::optional<std::string> device;
    std::optional<IpAddress> broadcast;
};

constexpr std::string_view kUnsupported[] = {"peer",   "remote",        "anycast",       "label",    "scope",
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
        else if (words.take_positional("local", kUnsupported))
            step = read_prefix(words, parsed.prefix);
        else
            return rejected(words, kUnsupported);
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
        if (!model.is_vxlan_local(prefix.address()) || model.owner_of(prefix.address()) != nullptr)
            continue;
        std::vector<std::string_view> devices;
        for (const auto& [id, link] : transaction.budget().each(model.links()))
            if (const VxlanSettings* vxlan = link.vxlan(); vxlan != nullptr && vxlan->local == prefix.address())
                devices.push_back(link.name);
        transaction.warn(fmt::format("{}: no device has the address {} any more, the local of {}: nothing is carried "
                                     "until a port has it",
                                     words.name(), prefix.address().to_string(), fmt::join(devices, ", ")),
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

// Which addresses show and flush are about: those that everything given holds for.
struct Selector {
    LinkSelector links;
    std::optional<IpPrefix> prefix;
    std::optional<Family> family;

    bool is_of_addresses() const { return family || prefix; } // and not of links
    std::vector<IpPrefix> addresses_of(const Transaction& transaction, LinkId link) const
    {
        std::vector<IpPrefix> found;
        const AddressRange addresses = transaction.model().addresses_of(link);
        for (const AddressKey& key : transaction.budget().each(addresses))
            if ((!family || key.second.address().family() == *family) &&
                (!prefix || prefix->contains(key.second.address())))
                found.push_back(key.second);
        return found;
    }
};

Result<Selector> parse_selector(const Transaction& transaction, Words& words)
{
    constexpr std::string_view kRefused[] = {"scope",     "label",   "dynamic",   "permanent",  "temporary",
                                             "secondary", "primary", "tentative", "deprecated", "dadfailed",
                                             "home",      "vrf",     "nodad",     "mngtmpaddr", "noprefixroute",
                                             "autojoin",  "group"};
    Selector selector;
    selector.family = words.options().family;
    while (!words.done()) {
        if (words.take("to")) {
            if (auto read = store(selector.prefix, words.prefix()); !read)
                return std::move(read).error();
            continue;
        }
        const auto taken = selector.links.take_word(transaction, words, kRefused);
        if (!taken)
            return taken.error();
        if (!*taken)
            return rejected(words, kRefused);
    }
    if (auto end = words.finish(); !end)
        return std::move(end).error();
    return selector;
}

Result<Reply> addr_flush(Transaction& transaction, Words& words)
{
    if (words.done()) // as ip: nobody means all of them
        return usage_error("{}: no word says which addresses; usage: {}", words.name(), words.usage());
    const auto selector = parse_selector(transaction, words);
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

std::string_view scope_of(const IpAddress& address)
{
    return address.is_v6() && address.is_link_local() ? "link" : "global";
}

std::string address_text(const IpPrefix& prefix, const Link& link)
{
    const IpAddress& address = prefix.address();
    return fmt::format("    {} {} scope {}{}\n       valid_lft forever preferred_lft forever\n",
                       family_name(address.family()), prefix.to_string(), scope_of(address),
                       address.is_v4() ? fmt::format(" {}", link.name) : std::string{});
}

nlohmann::ordered_json address_json(const IpPrefix& prefix, const Link& link)
{
    const IpAddress& address = prefix.address();
    nlohmann::ordered_json json{{"family", family_name(address.family())},
                                {"local", address.to_string()},
                                {"prefixlen", prefix.length()},
                                {"scope", scope_of(address)}};
    if (address.is_v4())
        json["label"] = link.name;
    json["valid_life_time"] = kForever;
    json["preferred_life_time"] = kForever;
    return json;
}

// As `ip addr show`: with -4, -6 or a prefix it is not about link addresses, with -o each address has the device before
// it.
std::string device_text(const Transaction& transaction, const Link& link, const std::vector<IpPrefix>& prefixes,
                        const CommandOptions& options, const Selector& selector)
{
    std::string text;
    if (options.is_brief) {
        text = brief_text(transaction, link);
        for (const IpPrefix& prefix : prefixes)
            text += prefix.to_string() + ' ';
        return text + '\n';
    }
    if (!options.is_oneline) {
        text = link_text(transaction, link);
        if (selector.is_of_addresses())
            text.resize(text.find('\n') + 1);
    }
    for (const IpPrefix& prefix : prefixes) {
        if (options.is_oneline)
            text += fmt::format("{}: {}", link.id.value, link.name);
        text += address_text(prefix, link);
    }
    if (options.has_statistics && !options.is_oneline)
        text += statistics_text(transaction.dataplane().link_totals(link.id));
    return text;
}

nlohmann::ordered_json device_json(const Transaction& transaction, const Link& link,
                                   const std::vector<IpPrefix>& prefixes, const CommandOptions& options,
                                   const Selector& selector)
{
    auto json = options.is_brief ? brief_json(transaction, link) : link_json(transaction, link);
    if (selector.is_of_addresses())
        for (const char* about_link : {"link_type", "address", "broadcast"})
            json.erase(about_link);
    json["addr_info"] = nlohmann::ordered_json::array();
    for (const IpPrefix& prefix : prefixes) {
        if (options.is_brief)
            json["addr_info"].push_back({{"local", prefix.address().to_string()}, {"prefixlen", prefix.length()}});
        else
            json["addr_info"].push_back(address_json(prefix, link));
    }
    if (options.has_statistics && !options.is_brief)
        json["stats64"] = statistics_json(transaction.dataplane().link_totals(link.id));
    return json;
}

Result<Reply> addr_show(Transaction& transaction, Words& words)
{
    const auto selector = parse_selector(transaction, words);
    if (!selector)
        return selector.error();
    Rows rows{transaction};
    const Model& model = transaction.model();
    for (const auto& entry : transaction.budget().each(model.links())) {
        const Link& link = entry.second;
        if (!selector->links.includes(link))
            continue;
        const std::vector<IpPrefix> prefixes = selector->addresses_of(transaction, link.id);
        if (prefixes.empty() && selector->is_of_addresses())
            continue;
        rows.add(
            [&](std::string& text) { text += device_text(transaction, link, prefixes, words.options(), *selector); },
            [&] { return device_json(transaction, link, prefixes, words.options(), *selector); });
    }
    return rows.reply();
}

constexpr std::string_view kSelectorUsage =
    "[ DEV | dev DEV ] [ to PREFIX ] [ master BRIDGE | nomaster ] [ type TYPE ] [ up ]";

constexpr Command kCommands[] = {
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

constinit const std::span<const Command> kAddrCommands{kCommands};

} // namespace vx
