// SPDX-License-Identifier: BSD-3-Clause
#include "control/commands/addr.h"

#include "control/commands/show.h"
#include "control/grammar/rows.h"

namespace vx
{

std::vector<IpPrefix> AddrSelector::addresses_of(const Transaction& transaction, LinkId link) const
{
    std::vector<IpPrefix> found;
    const AddressRange addresses = transaction.model().addresses_of(link);
    for (const AddressKey& key : transaction.budget().each(addresses))
        if ((!family || key.second.address().family() == *family) &&
            (!prefix || prefix->contains(key.second.address())))
            found.push_back(key.second);
    return found;
}

Result<AddrSelector> parse_addr_selector(const Transaction& transaction, Words& words)
{
    constexpr std::string_view kRefused[] = {"scope",     "label",   "dynamic",   "permanent",  "temporary",
                                             "secondary", "primary", "tentative", "deprecated", "dadfailed",
                                             "home",      "vrf",     "nodad",     "mngtmpaddr", "noprefixroute",
                                             "autojoin",  "group"};
    AddrSelector selector;
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

namespace
{

constexpr std::uint32_t kForever = 0xffffffff; // INFINITY_LIFE_TIME, as `ip -j addr` prints it

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
                        const CommandOptions& options, const AddrSelector& selector)
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
                                   const AddrSelector& selector)
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

} // namespace

Result<Reply> addr_show(Transaction& transaction, Words& words)
{
    const auto selector = parse_addr_selector(transaction, words);
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

} // namespace vx
