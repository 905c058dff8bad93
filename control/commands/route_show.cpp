// SPDX-License-Identifier: BSD-3-Clause
#include "control/commands/route.h"

#include "control/commands/arguments.h"
#include "control/commands/show.h"

#include <map>
#include <vector>

namespace vx
{

namespace
{

struct Row {
    IpPrefix prefix;
    Route route;
    std::optional<IpAddress> source; // of a route that an address makes
};

// In `ip route`'s order: by destination. A subnet that several addresses share comes once for each.
std::multimap<IpPrefix, Row> all_routes(const Model& model)
{
    std::multimap<IpPrefix, Row> rows;
    for (const auto& [prefix, route] : model.routes())
        rows.emplace(prefix, Row{prefix, route, std::nullopt});
    for (const AddressKey& key : model.addresses()) {
        const Link* link = model.find(key.first);
        const IpPrefix network = key.second.network();
        const bool is_host = network.length() == network.address().bit_count();
        if (link != nullptr && link->is_up && !is_host)
            rows.emplace(network, Row{network, Route{std::nullopt, key.first, false}, key.second.address()});
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

bool is_v4(const Row& row)
{
    return row.prefix.address().is_v4();
}

// As with ip(8), a device that was asked for is not repeated in text.
std::string text_of(const Transaction& transaction, const Row& row, bool names_device)
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

nlohmann::ordered_json json_of(const Transaction& transaction, const Row& row)
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

} // namespace

Result<Reply> route_show(Transaction& transaction, Words& words)
{
    std::optional<std::string> device;
    bool only_default = false;
    std::optional<IpPrefix> prefix;
    while (!words.done()) {
        Result<> step = Ok{};
        if (words.take("dev")) {
            step = store(device, words.device_name());
        } else if (!prefix && !only_default) {
            words.take("to");
            const auto destination = read_destination(words);
            if (!destination)
                return destination.error();
            prefix = *destination;
            only_default = !prefix;
        } else {
            return words.unexpected();
        }
        if (!step)
            return std::move(step).error();
    }
    if (auto end = words.finish(); !end)
        return std::move(end).error();
    LinkId only;
    if (device) {
        const auto link = find_device(transaction, words, *device);
        if (!link)
            return link.error();
        only = (*link)->id;
    }
    Reply reply;
    reply.json = nlohmann::ordered_json::array();
    for (const auto& [destination, row] : all_routes(transaction.model())) {
        const bool is_wanted = (!device || row.route.link == only) && (!prefix || destination == *prefix) &&
                               (!only_default || destination.length() == 0) &&
                               (!words.options().family || destination.address().family() == *words.options().family);
        if (!is_wanted)
            continue;
        reply.text += text_of(transaction, row, !device);
        reply.json.push_back(json_of(transaction, row));
    }
    return reply;
}

} // namespace vx
