// SPDX-License-Identifier: BSD-3-Clause
#include "control/commands/link.h"

#include "control/grammar/arguments.h"

#include <array>

namespace vx
{

namespace
{

Result<bool> take_kind_option(Words& words, LinkSetWords& parsed)
{
    if (auto* bridge = std::get_if<BridgeOptions>(&parsed.kind))
        return take_bridge_option(words, *bridge);
    if (auto* vxlan = std::get_if<VxlanOptions>(&parsed.kind))
        return take_vxlan_option(words, *vxlan);
    return false;
}

Result<> read_kind(Words& words, LinkSetWords& parsed)
{
    constexpr std::array<std::string_view, 2> kKinds = {"bridge", "vxlan"};
    const auto kind = words.choice("TYPE", kKinds);
    if (!kind)
        return kind.error();
    if (*kind == 0)
        parsed.kind = BridgeOptions{};
    else
        parsed.kind = VxlanOptions{};
    return Ok{};
}

Result<> take_word(Words& words, LinkSetWords& parsed)
{
    using Master = LinkSetWords::Master;
    const std::string_view word = words.peek();
    if (word == "master" || word == "nomaster") {
        words.take(word);
        if (parsed.membership != Master::kKeep)
            return words.invalid("is one too many; expected master or nomaster once");
        parsed.membership = word == "master" ? Master::kJoin : Master::kLeave;
        return word == "master" ? store(parsed.master, words.device_name("BRIDGE")) : Result<>{Ok{}};
    }
    if (words.take("type", kLinkOrder))
        return read_kind(words, parsed);
    if (std::holds_alternative<VxlanOptions>(parsed.kind))
        return rejected_vxlan_option(words);
    if (std::holds_alternative<BridgeOptions>(parsed.kind))
        return rejected_bridge_option(words);
    return rejected(words, {"name", "alias", "group", "netns", "txqueuelen", "txqlen", "arp", "multicast",
                            "allmulticast", "promisc", "qlen", "broadcast", "vf", "xdp", "addrgenmode", "protodown"});
}

// Everything that may be refused, before anything changes.
Result<LinkId> check(const Transaction& transaction, const Words& words, const LinkSetWords& parsed, const Link& link)
{
    const bool is_other_kind = (std::holds_alternative<BridgeOptions>(parsed.kind) && link.bridge() == nullptr) ||
                               (std::holds_alternative<VxlanOptions>(parsed.kind) && link.vxlan() == nullptr);
    if (is_other_kind)
        return error("{}: \"{}\" is a {} device, whose type has no such options", words.name(), link.name,
                     link.kind_name());
    if (const auto* options = std::get_if<VxlanOptions>(&parsed.kind)) {
        VxlanOptions checked = *options;
        if (checked.dev && !checked.local)
            checked.local = link.vxlan()->local;
        if (auto resolved = resolve_device(transaction, words, checked); !resolved)
            return std::move(resolved).error();
        VxlanSettings tried = *link.vxlan();
        if (auto fits = change_vxlan(tried, checked, words); !fits)
            return std::move(fits).error();
    }
    if (parsed.membership != LinkSetWords::Master::kJoin)
        return LinkId{};
    const auto bridge = find_bridge(transaction, words, *parsed.master);
    if (!bridge)
        return bridge.error();
    if (auto fits = check_member(transaction, words, link, **bridge); !fits)
        return std::move(fits).error();
    return (*bridge)->id;
}

} // namespace

Result<LinkSetWords> parse_link_set(Words& words)
{
    constexpr std::string_view kIntroducers[] = {"dev"};
    LinkSetWords parsed;
    bool sets_something = false;
    while (!words.done()) {
        const bool has_kind = !std::holds_alternative<std::monostate>(parsed.kind);
        const bool is_named = !parsed.name.empty();
        auto taken = has_kind ? take_kind_option(words, parsed) : take_name(words, parsed.name, kIntroducers);
        sets_something |= is_named == !parsed.name.empty();
        if (taken && !*taken)
            taken = take_address_or_mtu(words, parsed.address, parsed.mtu);
        if (taken && !*taken)
            taken = take_up_or_down(words, parsed.is_up);
        if (!taken)
            return std::move(taken).error();
        if (*taken)
            continue;
        if (auto step = take_word(words, parsed); !step)
            return std::move(step).error();
    }
    if (auto end = words.finish(); !end)
        return std::move(end).error();
    if (parsed.name.empty())
        return words.missing("NAME");
    if (!sets_something)
        return words.unexpected();
    return parsed;
}

Result<Reply> link_set(Transaction& transaction, Words& words)
{
    const auto parsed = parse_link_set(words);
    if (!parsed)
        return parsed.error();
    const auto link = find_device(transaction, words, parsed->name);
    if (!link)
        return link.error();
    return change_link(transaction, words, *parsed, **link);
}

Result<Reply> change_link(Transaction& transaction, const Words& words, LinkSetWords parsed, const Link& link)
{
    const auto master = check(transaction, words, parsed, link);
    if (!master)
        return master.error();

    const LinkId id = link.id;
    const auto because = [&](const Result<>& failed) {
        return error("{}: \"{}\": {}", words.name(), parsed.name, failed.error().message);
    };
    if (parsed.mtu)
        if (auto set = transaction.set_mtu(id, *parsed.mtu); !set)
            return because(set);
    if (parsed.address)
        if (auto set = transaction.set_mac(id, *parsed.address); !set)
            return because(set);
    if (parsed.membership != LinkSetWords::Master::kKeep)
        if (auto set = transaction.set_master(id, *master); !set)
            return because(set);
    Link& changed = transaction.change_link(id);
    if (parsed.is_up)
        changed.is_up = *parsed.is_up;
    if (const auto* bridge = std::get_if<BridgeOptions>(&parsed.kind)) {
        warn_of_ageing_time(transaction, words, *bridge);
        change_bridge(*changed.bridge(), *bridge);
    }
    if (const auto* vxlan = std::get_if<VxlanOptions>(&parsed.kind))
        if (auto set = change_vxlan(*changed.vxlan(), *vxlan, words); !set)
            return std::move(set).error();
    return Reply{};
}

} // namespace vx
