// SPDX-License-Identifier: BSD-3-Clause
#include "control/commands/link.h"

#include "control/grammar/arguments.h"

#include <algorithm>
#include <vector>

namespace vx
{

namespace
{

Error unknown_kind(Words& words)
{
    std::vector<std::string_view> names;
    for (const PortKind& kind : port_kinds())
        names.push_back(kind.name);
    return words.invalid(
        fmt::format("is not a type of device that vxd has; expected one of {}, bridge, vxlan", fmt::join(names, ", ")));
}

// "type KIND" and what comes right behind it.
Result<> read_kind(Words& words, LinkAddWords& parsed)
{
    const auto name = words.text("TYPE");
    if (!name)
        return name.error();
    if (*name == "bridge") {
        parsed.kind = BridgeOptions{};
    } else if (*name == "vxlan") {
        parsed.kind = VxlanOptions{};
    } else if (const PortKind* kind = find_port_kind(*name)) {
        PortSpec spec;
        spec.kind = kind->name;
        if (auto read = read_positional_options(words, *kind, spec); !read)
            return read;
        parsed.kind = std::move(spec);
    } else {
        return unknown_kind(words);
    }
    return Ok{};
}

// One option of the kind, and that it is one: false if the next word is something else.
Result<bool> take_kind_option(Words& words, LinkAddWords& parsed)
{
    if (auto* bridge = std::get_if<BridgeOptions>(&parsed.kind))
        return take_bridge_option(words, *bridge);
    if (auto* vxlan = std::get_if<VxlanOptions>(&parsed.kind))
        return take_vxlan_option(words, *vxlan);
    if (auto* spec = std::get_if<PortSpec>(&parsed.kind))
        return take_port_option(words, *find_port_kind(spec->kind), *spec);
    return false;
}

// A word that nothing took. The usage is that of the kind: the command's own says too little about it.
Error rejected_word(Words& words, const LinkAddWords& parsed)
{
    if (std::holds_alternative<VxlanOptions>(parsed.kind))
        return rejected_vxlan_option(words);
    if (std::holds_alternative<BridgeOptions>(parsed.kind))
        return rejected_bridge_option(words);
    if (const auto* spec = std::get_if<PortSpec>(&parsed.kind)) {
        const PortKind& kind = *find_port_kind(spec->kind);
        const std::string_view blank = kind.options.empty() ? "" : " ";
        return rejected_option(words, fmt::format("{}{}{}", kind.name, blank, usage_of(kind)), {});
    }
    return rejected(words, {"link", "txqueuelen", "txqlen", "qlen", "broadcast", "numtxqueues", "numrxqueues", "netns",
                            "index", "alias", "group"});
}

// What no two devices may share.
Result<> check_interface(const Transaction& transaction, const Words& words, const PortSpec& added)
{
    const Model& model = transaction.model();
    const auto taken = [&](const Link& link, std::string_view state) {
        return error("{}: \"{}\" already has that interface ({}{}){} (File exists)", words.name(), link.name,
                     link.kind_name(), port_options_text(*link.port()), state);
    };
    // An interface that was renamed is still its port's, and its old name is free for another.
    if (const auto owner = added.has("dev") ? transaction.port_on(std::string{added.option("dev")}) : std::nullopt)
        if (const Link* link = model.find(*owner))
            return taken(*link, "");
    for (const auto& [id, link] : transaction.budget().each(model.links())) {
        const PortSpec* port = link.port();
        if (port == nullptr || !share_interface(added, *port))
            continue;
        if (!transaction.has_port(id))
            return taken(link, fmt::format(", which is gone; link del {} makes room", link.name));
        if (!added.has("dev"))
            return taken(link, "");
    }
    return Ok{};
}

Result<> check_unique(const Transaction& transaction, const Words& words, const Link& added)
{
    const Model& model = transaction.model();
    if (model.find(added.name) != nullptr)
        return error("{}: there is already a device \"{}\" (File exists)", words.name(), added.name);
    if (const PortSpec* port = added.port())
        return check_interface(transaction, words, *port);
    const VxlanSettings* vxlan = added.vxlan();
    if (vxlan == nullptr)
        return Ok{};
    if (const Link* other = model.find_vxlan(vxlan->udp_port, vxlan->vni))
        return error("{}: \"{}\" already has the VNI {} on UDP port {} (File exists)", words.name(), other->name,
                     vxlan->vni.value(), vxlan->udp_port);
    return Ok{};
}

Result<Link> link_of(LinkAddWords parsed, const Words& words)
{
    Link link;
    link.name = std::move(parsed.name);
    link.mac = parsed.address.value_or(Mac{});
    link.mtu = parsed.mtu;
    link.is_up = parsed.is_up.value_or(true);
    if (auto* spec = std::get_if<PortSpec>(&parsed.kind)) {
        spec->mac = parsed.address;
        spec->mtu = parsed.mtu;
        link.kind = std::move(*spec);
    } else if (const auto* bridge = std::get_if<BridgeOptions>(&parsed.kind)) {
        BridgeSettings settings;
        change_bridge(settings, *bridge);
        link.kind = settings;
    } else if (const auto* vxlan = std::get_if<VxlanOptions>(&parsed.kind)) {
        auto settings = vxlan_settings(*vxlan, words);
        if (!settings)
            return std::move(settings).error();
        link.kind = *std::move(settings);
    }
    return link;
}

} // namespace

Result<LinkAddWords> parse_link_add(Words& words)
{
    constexpr std::string_view kIntroducers[] = {"name", "dev"};
    LinkAddWords parsed;
    while (!words.done()) {
        const bool has_kind = !std::holds_alternative<std::monostate>(parsed.kind);
        auto taken = has_kind ? take_kind_option(words, parsed) : take_name(words, parsed.name, kIntroducers);
        if (taken && !*taken)
            taken = take_address_or_mtu(words, parsed.address, parsed.mtu);
        if (taken && !*taken)
            taken = take_up_or_down(words, parsed.is_up);
        if (!taken)
            return std::move(taken).error();
        if (*taken)
            continue;
        Result<> step = Ok{};
        if (words.take("master"))
            step = store(parsed.master, words.device_name("BRIDGE"));
        else if (words.take("type", kLinkOrder))
            step = read_kind(words, parsed);
        else
            return rejected_word(words, parsed);
        if (!step)
            return std::move(step).error();
    }
    if (auto end = words.finish(); !end)
        return std::move(end).error();
    if (parsed.name.empty())
        return words.missing("NAME");
    if (std::holds_alternative<std::monostate>(parsed.kind))
        return words.missing("type");
    if (auto* spec = std::get_if<PortSpec>(&parsed.kind)) {
        spec->name = parsed.name;
        if (auto complete = check_required_options(words, *find_port_kind(spec->kind), *spec); !complete)
            return std::move(complete).error();
    }
    return parsed;
}

Result<Reply> link_add(Transaction& transaction, Words& words)
{
    auto parsed = parse_link_add(words);
    if (!parsed)
        return std::move(parsed).error();
    return add_link(transaction, words, *std::move(parsed));
}

Result<Reply> add_link(Transaction& transaction, const Words& words, LinkAddWords parsed)
{
    if (auto* vxlan = std::get_if<VxlanOptions>(&parsed.kind)) {
        if (auto resolved = resolve_device(transaction, words, *vxlan); !resolved)
            return std::move(resolved).error();
        warn_of_default_port(transaction, words, *vxlan);
    }
    if (const auto* bridge = std::get_if<BridgeOptions>(&parsed.kind))
        warn_of_ageing_time(transaction, words, *bridge);
    const std::optional<std::string> master_name = parsed.master;
    auto link = link_of(std::move(parsed), words);
    if (!link)
        return std::move(link).error();
    if (auto unique = check_unique(transaction, words, *link); !unique)
        return std::move(unique).error();
    LinkId master;
    if (master_name) {
        const auto bridge = find_bridge(transaction, words, *master_name);
        if (!bridge)
            return bridge.error();
        if (auto fits = check_member(transaction, words, *link, **bridge); !fits)
            return std::move(fits).error();
        master = (*bridge)->id;
    }
    if (const VxlanSettings* vxlan = link->vxlan();
        vxlan != nullptr && transaction.model().owner_of(vxlan->local) == nullptr)
        transaction.warn(fmt::format("{}: no device has the address {} yet; \"{}\" carries nothing until a port has it",
                                     words.name(), vxlan->local.to_string(), link->name),
                         [&model = transaction.model(), local = vxlan->local] {
                             return model.owner_of(local) == nullptr && !model.vxlans_from(local).empty();
                         });
    const auto added = transaction.add_link(*std::move(link));
    if (!added)
        return error("{}: {}", words.name(), added.error().message);
    if (!master.is_none())
        if (auto joined = transaction.set_master((*added)->id, master); !joined)
            return error("{}: {}", words.name(), joined.error().message);
    return Reply{};
}

} // namespace vx
