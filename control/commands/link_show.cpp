// SPDX-License-Identifier: BSD-3-Clause
#include "control/commands/link.h"

#include "control/commands/arguments.h"
#include "control/commands/rows.h"
#include "control/commands/show.h"

namespace vx
{

namespace
{

struct LinkShowWords {
    std::optional<std::string> name, master, type;
    bool only_up = false;
};

Result<LinkShowWords> parse(Words& words)
{
    LinkShowWords parsed;
    while (!words.done()) {
        Result<> step = Ok{};
        if (words.take("master"))
            step = store(parsed.master, words.device_name("BRIDGE"));
        else if (words.take("type"))
            step = store(parsed.type, words.text("TYPE"));
        else if (words.take("up"))
            parsed.only_up = true;
        else if (words.take("dev") || !parsed.name)
            step = store(parsed.name, words.device_name("NAME"));
        else
            return words.unexpected();
        if (!step)
            return std::move(step).error();
    }
    if (auto end = words.finish(); !end)
        return std::move(end).error();
    if (parsed.type && *parsed.type != "bridge" && *parsed.type != "vxlan" && find_port_kind(*parsed.type) == nullptr)
        return usage_error("{}: {} is not a type of device that vxd has", words.name(), in_quotes(*parsed.type));
    return parsed;
}

// The line of `ip -d link show` that says what the device is. Here it needs no -d: this is what one wants to know of
// it.
std::string kind_text(const Link& link)
{
    if (const VxlanSettings* vxlan = link.vxlan())
        return fmt::format("    vxlan {}\n", vxlan_text(*vxlan));
    if (const BridgeSettings* bridge = link.bridge())
        return fmt::format("    bridge ageing_time {}\n", bridge->ageing_seconds);
    return fmt::format("    {}{}\n", link.kind_name(), port_options_text(*link.port()));
}

nlohmann::ordered_json kind_json(const Link& link)
{
    nlohmann::ordered_json data;
    if (const VxlanSettings* vxlan = link.vxlan())
        data = vxlan_json(*vxlan);
    else if (const BridgeSettings* bridge = link.bridge())
        data = {{"ageing_time", bridge->ageing_seconds}};
    else
        data = port_options_json(*link.port());
    nlohmann::ordered_json json{{"info_kind", link.kind_name()}};
    if (!link.master.is_none())
        json["info_slave_kind"] = "bridge";
    json["info_data"] = std::move(data);
    return json;
}

std::string text_of(const Transaction& transaction, const Link& link, const CommandOptions& options)
{
    if (options.is_brief)
        return fmt::format("{}{} <{}> \n", brief_text(transaction, link), link.mac.to_string(),
                           fmt::join(flags_of(transaction, link), ","));
    std::string text = link_text(transaction, link) + kind_text(link);
    if (options.has_statistics)
        text += statistics_text(transaction.dataplane().link_totals(link.id));
    return text;
}

nlohmann::ordered_json json_of(const Transaction& transaction, const Link& link, const CommandOptions& options)
{
    if (options.is_brief) {
        auto json = brief_json(transaction, link);
        json["address"] = link.mac.to_string();
        json["flags"] = flags_of(transaction, link);
        return json;
    }
    auto json = link_json(transaction, link);
    json["linkinfo"] = kind_json(link);
    if (options.has_statistics)
        json["stats64"] = statistics_json(transaction.dataplane().link_totals(link.id));
    return json;
}

} // namespace

Result<Reply> link_show(Transaction& transaction, Words& words)
{
    const auto parsed = parse(words);
    if (!parsed)
        return parsed.error();
    LinkId master;
    if (parsed->master) {
        const auto bridge = find_bridge(transaction, words, *parsed->master);
        if (!bridge)
            return bridge.error();
        master = (*bridge)->id;
    }
    if (parsed->name)
        if (const auto link = find_device(transaction, words, *parsed->name); !link)
            return link.error();

    Rows rows{transaction};
    for (const auto& entry : transaction.budget().each(transaction.model().links())) {
        const Link& link = entry.second;
        const bool is_wanted = (!parsed->name || link.name == *parsed->name) &&
                               (master.is_none() || link.master == master) &&
                               (!parsed->type || link.kind_name() == *parsed->type) && (!parsed->only_up || link.is_up);
        if (is_wanted)
            rows.add([&](std::string& text) { text += text_of(transaction, link, words.options()); },
                     [&] { return json_of(transaction, link, words.options()); });
    }
    return rows.reply();
}

} // namespace vx
