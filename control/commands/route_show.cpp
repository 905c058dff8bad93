// SPDX-License-Identifier: BSD-3-Clause
#include "control/commands/route.h"

#include "control/commands/show.h"
#include "control/grammar/arguments.h"
#include "control/grammar/rows.h"

#include <map>
#include <vector>

namespace vx
{

namespace
{

struct RouteRow {
    IpPrefix prefix;
    Route route;
    std::optional<IpAddress> source; // of a route that an address makes
};

// In `ip route`'s order: by destination. A subnet that several addresses share comes once for each.
std::multimap<IpPrefix, RouteRow> all_routes(const Transaction& transaction)
{
    const Model& model = transaction.model();
    Budget& budget = transaction.budget();
    std::multimap<IpPrefix, RouteRow> rows;
    for (const auto& [prefix, route] : budget.each(model.routes()))
        rows.emplace(prefix, RouteRow{prefix, route, std::nullopt});
    for (const AddressKey& key : budget.each(model.addresses())) {
        const Link* link = model.find(key.first);
        const IpPrefix network = key.second.network();
        const bool is_host = network.length() == network.address().bit_count();
        if (link != nullptr && link->is_up && !is_host)
            rows.emplace(network, RouteRow{network, Route{std::nullopt, key.first, false}, key.second.address()});
    }
    return rows;
}

std::vector<std::string_view> flags_of(const Transaction& transaction, const Route& route)
{
    std::vector<std::string_view> flags;
    const Link* link = transaction.model().find(route.link);
    if (link == nullptr || !link->is_up)
        flags.insert(flags.end(), {"dead", "linkdown"});
    else if (!has_carrier(transaction, *link))
        flags.push_back("linkdown");
    if (route.onlink)
        flags.push_back("onlink");
    return flags;
}

bool is_v4(const RouteRow& row)
{
    return row.prefix.address().is_v4();
}

// As with ip(8), a device that was asked for is not repeated in text.
std::string text_of(const Transaction& transaction, const RouteRow& row, bool names_device)
{
    std::string text = destination_text(row.prefix);
    if (row.route.via)
        text += fmt::format(" via {}", row.route.via->to_string());
    if (names_device)
        text += fmt::format(" dev {}", name_of(transaction.model(), row.route.link));
    if (row.source)
        text += " proto kernel";
    if (is_v4(row) && !row.route.via)
        text += " scope link";
    if (is_v4(row) && row.source)
        text += fmt::format(" src {}", row.source->to_string());
    for (const std::string_view flag : flags_of(transaction, row.route))
        text += fmt::format(" {}", flag);
    return text + "\n";
}

nlohmann::ordered_json json_of(const Transaction& transaction, const RouteRow& row)
{
    nlohmann::ordered_json json{{"dst", destination_text(row.prefix)}};
    if (row.route.via)
        json["gateway"] = row.route.via->to_string();
    json["dev"] = name_of(transaction.model(), row.route.link);
    if (row.source)
        json["protocol"] = "kernel";
    if (is_v4(row) && !row.route.via)
        json["scope"] = "link";
    if (is_v4(row) && row.source)
        json["prefsrc"] = row.source->to_string();
    json["flags"] = flags_of(transaction, row.route);
    return json;
}

constexpr std::string_view kNotOfRouteShow[] = {"via",   "proto",  "protocol", "scope", "type",  "src", "metric",
                                                "cache", "cloned", "root",     "match", "exact", "vrf", "nhid"};

// Which routes are meant: those that everything given holds for.
struct Selector {
    std::optional<LinkId> device;
    std::optional<IpPrefix> prefix;
    bool only_default = false;
    std::optional<Family> family;

    bool is_all() const { return !device && !prefix && !only_default; }
    bool includes(const IpPrefix& destination, LinkId link) const
    {
        return (!device || link == *device) && (!prefix || destination == *prefix) &&
               (!only_default || destination.length() == 0) && (!family || destination.address().family() == *family);
    }
};

Result<Selector> parse_selector(const Transaction& transaction, Words& words)
{
    Selector selector;
    selector.family = words.options().family;
    std::optional<std::string> device;
    while (!words.done()) {
        const auto table = take_table(words);
        if (!table)
            return table.error();
        if (*table)
            continue;
        if (words.take("dev") || words.take("oif")) {
            if (auto step = store(device, words.device_name()); !step)
                return std::move(step).error();
        } else if (!words.take_positional("to", kNotOfRouteShow)) {
            return rejected(words, kNotOfRouteShow);
        } else {
            const auto destination = read_destination(words);
            if (!destination)
                return destination.error();
            selector.prefix = *destination;
            selector.only_default = !selector.prefix;
        }
    }
    if (auto end = words.finish(); !end)
        return std::move(end).error();
    if (device) {
        const auto link = find_device(transaction, words, *device);
        if (!link)
            return link.error();
        selector.device = (*link)->id;
    }
    return selector;
}

} // namespace

Result<Reply> route_show(Transaction& transaction, Words& words)
{
    const auto selector = parse_selector(transaction, words);
    if (!selector)
        return selector.error();
    const auto routes = all_routes(transaction);
    Rows rows{transaction};
    for (const auto& route : routes) {
        const RouteRow& row = route.second;
        if (selector->includes(row.prefix, row.route.link))
            rows.add([&](std::string& text) { text += text_of(transaction, row, !selector->device); },
                     [&] { return json_of(transaction, row); });
    }
    return rows.reply();
}

Result<Reply> route_flush(Transaction& transaction, Words& words)
{
    auto selector = parse_selector(transaction, words);
    if (!selector)
        return selector.error();
    if (!selector->family && !selector->prefix)
        selector->family = Family::kIpv4; // as ip without -6
    if (selector->is_all())               // as ip: nobody means all of them
        return usage_error("{}: neither a destination nor \"dev\" says which routes; usage: {}", words.name(),
                           words.usage());
    std::vector<IpPrefix> gone;
    for (const auto& [destination, route] : transaction.budget().each(transaction.model().routes()))
        if (selector->includes(destination, route.link))
            gone.push_back(destination);
    for (const IpPrefix& destination : gone)
        transaction.remove_route(destination);
    return Reply{};
}

// As `ip route get` has it, less what vxd does not have (a user, a cache); our own addresses are on their devices, for
// there is no "lo".
Result<Reply> route_get(Transaction& transaction, Words& words)
{
    constexpr std::string_view kRefused[] = {"from", "iif",     "oif",   "mark",  "tos",      "dsfield", "vrf",
                                             "uid",  "ipproto", "sport", "dport", "fibmatch", "notify",  "dev"};
    std::optional<IpAddress> address;
    while (!words.done()) {
        if (!words.take_positional("to", kRefused))
            return rejected(words, kRefused);
        if (auto read = store(address, words.address()); !read)
            return std::move(read).error();
    }
    if (auto end = words.finish(); !end)
        return std::move(end).error();
    if (!address)
        return words.missing("ADDR");
    const Model& model = transaction.model();
    std::string_view type;
    Model::Path path{model.owner_of(*address), *address};
    if (path.link != nullptr) {
        type = "local";
    } else if (const auto found = model.path_to(*address); found && address->is_unicast()) {
        path = *found;
        type = model.broadcasters(*address).empty() ? "" : "broadcast";
    } else {
        return error("{}: there is no route to {} (Network is unreachable)", words.name(), address->to_string());
    }
    const std::string destination = address->to_string();
    nlohmann::ordered_json json = nlohmann::ordered_json::object();
    Reply reply;
    if (!type.empty()) {
        reply.text = fmt::format("{} ", type);
        json["type"] = type;
    }
    reply.text += destination;
    json["dst"] = destination;
    if (path.next_hop != *address) {
        reply.text += fmt::format(" via {}", path.next_hop.to_string());
        json["gateway"] = path.next_hop.to_string();
    }
    reply.text += fmt::format(" dev {}", path.link->name);
    json["dev"] = path.link->name;
    const auto source = type == "local" ? std::optional{*address} : model.source_for(path.link->id, path.next_hop);
    if (source) {
        reply.text += fmt::format(" src {}", source->to_string());
        json["prefsrc"] = source->to_string();
    }
    reply.text += '\n';
    json["flags"] = nlohmann::ordered_json::array();
    reply.json = nlohmann::ordered_json::array({json});
    return reply;
}

} // namespace vx
