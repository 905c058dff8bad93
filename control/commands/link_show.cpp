// SPDX-License-Identifier: BSD-3-Clause
#include "control/commands/link.h"

#include "control/commands/show.h"
#include "control/grammar/arguments.h"
#include "control/grammar/rows.h"

namespace vx
{

namespace
{

// The line of `ip -d link show` that says what the device is. Here it needs no -d: this is what one wants to know of
// it.
std::string kind_text(const Link& link)
{
    if (const VxlanSettings* vxlan = link.vxlan())
        return fmt::format("    vxlan {}\n", vxlan_text(*vxlan));
    if (const BridgeSettings* bridge = link.bridge())
        return fmt::format("    bridge ageing_time {}\n", bridge->ageing_time);
    return fmt::format("    {}{}\n", link.kind_name(), port_options_text(*link.port()));
}

nlohmann::ordered_json kind_json(const Link& link)
{
    nlohmann::ordered_json data;
    if (const VxlanSettings* vxlan = link.vxlan())
        data = vxlan_json(*vxlan);
    else if (const BridgeSettings* bridge = link.bridge())
        data = {{"ageing_time", bridge->ageing_time}};
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
                           fmt::join(flags_of(transaction.dataplane(), link), ","));
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
        json["flags"] = flags_of(transaction.dataplane(), link);
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
    constexpr std::string_view kRefused[] = {"group", "vrf"};
    LinkSelector selector;
    while (!words.done()) {
        const auto taken = selector.take_word(transaction, words, kRefused);
        if (!taken)
            return taken.error();
        if (!*taken)
            return rejected(words, kRefused);
    }
    if (auto end = words.finish(); !end)
        return std::move(end).error();

    Rows rows{transaction};
    for (const auto& entry : transaction.budget().each(transaction.model().links())) {
        const Link& link = entry.second;
        if (selector.includes(link))
            rows.add([&](std::string& text) { text += text_of(transaction, link, words.options()); },
                     [&] { return json_of(transaction, link, words.options()); });
    }
    return rows.reply();
}

} // namespace vx
