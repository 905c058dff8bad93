// SPDX-License-Identifier: BSD-3-Clause
#include "control/config/config_lines.h"

#include "control/grammar/link_keywords.h"

#include <algorithm>
#include <array>
#include <set>
#include <unordered_map>

namespace vx
{

namespace
{

void append(CommandWords& words, std::initializer_list<std::string_view> more)
{
    words.insert(words.end(), more.begin(), more.end());
}

std::string_view device_name(const Model& model, LinkId id)
{
    return model.find(id)->name;
}

// ---- links -----------------------------------------------------------------------------------------------------

void append_port(CommandWords& words, const Link& link)
{
    const PortSpec& spec = *link.port();
    append(words, {"type", spec.kind});
    for (const PortOption& option : find_port_kind(spec.kind)->options) {
        if (!spec.has(option.name))
            continue;
        if (!option.name.empty())
            append(words, {option.name});
        if (option.type != PortOption::Type::kFlag)
            append(words, {spec.option(option.name)});
    }
}

void append_vxlan(CommandWords& words, const VxlanSettings& vxlan)
{
    append(words, {"type", "vxlan", "id", std::to_string(vxlan.vni.value()), "local", vxlan.local.to_string()});
    if (vxlan.remote)
        append(words, {"remote", vxlan.remote->to_string()});
    append(words, {"dstport", std::to_string(vxlan.udp_port)});
    if (!vxlan.learning)
        append(words, {"nolearning"});
    if (!vxlan.udp_checksum)
        append(words, {"noudpcsum"});
    if (vxlan.ttl != 0)
        append(words, {"ttl", std::to_string(vxlan.ttl)});
    if (vxlan.tos != 0)
        append(words, {"tos", fmt::format("{:#x}", vxlan.tos)});
    if (vxlan.ageing_seconds != kDefaultAgeing)
        append(words, {"ageing", std::to_string(vxlan.ageing_seconds)});
}

bool is_keyword(std::string_view name)
{
    return std::find(std::begin(kLinkKeywords), std::end(kLinkKeywords), name) != std::end(kLinkKeywords);
}

Result<> add_links(const Model& model, CommandList& to, Budget& budget)
{
    for (const auto& [id, link] : budget.each(model.links())) {
        const CommandWords words = link_words(link);
        for (const std::string& word : words)
            if (word.find('\n') != word.npos)
                return error("config show: an option of \"{}\" has a line break in it, which no line of commands can "
                             "say",
                             link.name);
        to.add(words);
    }
    for (const auto& [id, link] : budget.each(model.links()))
        if (!link.master.is_none())
            to.add(
                CommandWords{"link", "set", "dev", link.name, "master", std::string{device_name(model, link.master)}});
    return Ok{};
}

// ---- FDB -------------------------------------------------------------------------------------------------------

CommandWords fdb_words(std::string_view verb, const Mac& mac, const Link& vxlan, const Remote& remote)
{
    const VxlanSettings& settings = *vxlan.vxlan();
    CommandWords words{"fdb", std::string{verb}, mac.to_string(), "dev", vxlan.name, "dst", remote.address.to_string()};
    if (remote.port != settings.udp_port)
        append(words, {"port", std::to_string(remote.port)});
    if (remote.vni != settings.vni)
        append(words, {"vni", std::to_string(remote.vni.value())});
    return words;
}

// `remote` makes the first entry of the list. Where it is no more, it goes again.
void add_flood(const Link& link, CommandList& to)
{
    const VxlanSettings& vxlan = *link.vxlan();
    std::span<const Remote> rest = vxlan.flood;
    if (vxlan.remote) {
        const Remote first{*vxlan.remote, vxlan.udp_port, vxlan.vni};
        if (!rest.empty() && rest.front() == first)
            rest = rest.subspan(1);
        else
            to.add(fdb_words("del", Mac{}, link, first));
    }
    for (const Remote& remote : rest)
        to.add(fdb_words("append", Mac{}, link, remote));
}

void add_fdb(const Transaction& transaction, CommandList& to)
{
    const Model& model = transaction.model();
    Budget& budget = transaction.budget();
    for (const auto& [id, link] : budget.each(model.links()))
        if (link.vxlan() != nullptr)
            add_flood(link, to);
    const std::vector<FixedEntry> entries = fixed_entries(transaction);
    for (const FixedEntry& entry : budget.each(entries)) {
        const Link& link = *model.find(entry.link);
        const bool is_external = entry.dest.has(Dest::kExternal);
        if (entry.dest.kind() == Dest::Kind::kPort) {
            to.add(CommandWords{"fdb", "add", entry.mac.to_string(), "dev", link.name, "master",
                                is_external ? "extern_learn" : "static"});
            continue;
        }
        for (const Remote& remote : transaction.remotes_of(entry.dest)) {
            CommandWords words = fdb_words("append", entry.mac, link, remote);
            if (!entry.dest.has(Dest::kPermanent))
                append(words, {entry.dest.has(Dest::kStatic) ? "static" : "dynamic"});
            if (is_external)
                append(words, {"extern_learn"});
            to.add(words);
        }
    }
}

// ---- neighbours, addresses, routes -----------------------------------------------------------------------------

bool is_early(const Model& model, const IpPrefix& prefix, const Route& route)
{
    if (model.is_subnet(prefix))
        return true;
    if (!route.via)
        return false;
    const bool needs_subnet = !route.onlink && !route.via->is_link_local();
    return model.owner_of(*route.via) != nullptr || (needs_subnet && !model.is_on_link(route.link, *route.via));
}

CommandWords route_words(const Model& model, const IpPrefix& prefix, const Route& route, bool is_onlink)
{
    const bool is_default = prefix == IpPrefix::default_route(Family::kIpv4);
    CommandWords words{"route", "add", is_default ? "default" : prefix.to_string()};
    if (route.via)
        append(words, {"via", route.via->to_string()});
    append(words, {"dev", device_name(model, route.link)});
    if (route.via && is_onlink)
        append(words, {"onlink"});
    return words;
}

// What a command is about, so that a difference shows next to each other what belongs together.
std::size_t section_of(std::string_view line)
{
    constexpr std::array<std::string_view, 6> kSections = {"link add", "link set", "fdb", "neigh", "addr", "route"};
    const auto* const found = std::find_if(kSections.begin(), kSections.end(),
                                           [line](std::string_view section) { return line.starts_with(section); });
    return static_cast<std::size_t>(found - kSections.begin());
}

// Commands as lines, one text.
class Lines
{
public:
    Lines(const CommandList& commands, Budget& budget)
    {
        ends_.reserve(commands.size());
        for (auto words = commands.begin(); words != commands.end(); ++words) {
            budget.step();
            text_ += config_line(*words);
            ends_.push_back(text_.size());
        }
    }
    std::string_view operator[](std::size_t index) const
    {
        const std::size_t first = index == 0 ? 0 : ends_[index - 1];
        return std::string_view(text_).substr(first, ends_[index] - first);
    }

private:
    std::string text_;
    std::vector<std::size_t> ends_;
};

} // namespace

CommandWords link_words(const Link& link)
{
    CommandWords words{"link", "add"};
    if (is_keyword(link.name))
        append(words, {"name"});
    append(words, {link.name});
    const std::optional<Mac> mac = link.port() != nullptr ? configured_mac(link) : link.mac;
    const std::optional<std::uint16_t> mtu = link.port() != nullptr ? configured_mtu(link) : link.mtu;
    if (mac)
        append(words, {"address", mac->to_string()});
    if (mtu)
        append(words, {"mtu", std::to_string(*mtu)});
    if (link.port() != nullptr) {
        append_port(words, link);
    } else if (const BridgeSettings* bridge = link.bridge()) {
        append(words, {"type", "bridge"});
        if (bridge->ageing_time != kDefaultAgeingTime)
            append(words, {"ageing_time", std::to_string(bridge->ageing_time)});
    } else {
        append_vxlan(words, *link.vxlan());
    }
    return words;
}

std::optional<Mac> configured_mac(const Link& port)
{
    return find_port_kind(port.port()->kind)->has_own_mac ? port.port()->mac : std::optional{port.mac};
}

std::optional<std::uint16_t> configured_mtu(const Link& port)
{
    const PortSpec& spec = *port.port();
    if (!spec.mtu || (*spec.mtu == kDefaultMtu && !find_port_kind(spec.kind)->has_own_mac))
        return std::nullopt;
    return port.mtu ? port.mtu : spec.mtu; // somebody else may have changed it since
}

std::vector<FixedEntry> fixed_entries(const Transaction& transaction)
{
    const Model& model = transaction.model();
    Budget& budget = transaction.budget();
    std::set<FdbKey> own; // what a transaction's end makes of these is a bridge's own, whatever was there
    for (const auto& [id, link] : budget.each(model.links()))
        if (link.port() == nullptr && model.interface_of(link) != nullptr)
            own.emplace(model.domain_of(link), link.mac);
    std::vector<FixedEntry> entries;
    transaction.for_each_fdb([&](const FdbEntry& entry) {
        if (entry.dest.is_configured() && entry.dest.kind() != Dest::Kind::kLocal && !own.contains(entry.key))
            entries.push_back({entry.dest.link(), entry.key.mac(), entry.dest});
    });
    budget.sort(entries, [](const FixedEntry& a, const FixedEntry& b) {
        return std::pair(a.link, a.mac.to_u64()) < std::pair(b.link, b.mac.to_u64());
    });
    return entries;
}

Result<CommandList> config_commands(const Transaction& transaction)
{
    const Model& model = transaction.model();
    Budget& budget = transaction.budget();
    CommandList commands;
    if (auto added = add_links(model, commands, budget); !added)
        return std::move(added).error();
    add_fdb(transaction, commands);
    for (const auto& [key, neighbor] : budget.each(model.neighbors())) {
        CommandWords words{"neigh",
                           "add",
                           key.second.to_string(),
                           "lladdr",
                           neighbor.mac.to_string(),
                           "dev",
                           std::string{device_name(model, key.first)}};
        if (neighbor.state == StaticNeighbor::State::kNoArp)
            append(words, {"nud", "noarp"});
        commands.add(words);
    }
    for (const auto& [prefix, route] : budget.each(model.routes()))
        if (is_early(model, prefix, route))
            commands.add(route_words(model, prefix, route, true));
    for (const AddressKey& key : budget.each(model.addresses()))
        commands.add(
            CommandWords{"addr", "add", key.second.to_string(), "dev", std::string{device_name(model, key.first)}});
    for (const auto& [prefix, route] : budget.each(model.routes()))
        if (!is_early(model, prefix, route))
            commands.add(route_words(model, prefix, route, route.onlink));
    for (const auto& [id, link] : budget.each(model.links()))
        if (!link.is_up) // before that it has subnets for its routes
            commands.add(CommandWords{"link", "set", "dev", link.name, "down"});
    return commands;
}

std::string config_line(CommandView words)
{
    constexpr std::string_view kSpecial = " \t\r\v\f\"'\\";
    std::string line;
    for (const std::string_view word : words) {
        line += line.empty() ? "" : " ";
        if (!word.empty() && word.front() != '#' && word.find_first_of(kSpecial) == word.npos) {
            line += word;
            continue;
        }
        line += '"';
        for (const char c : word) {
            if (c == '"' || c == '\\')
                line += '\\';
            line += c;
        }
        line += '"';
    }
    return line;
}

ConfigDiff diff(const CommandList& from, const CommandList& to, Budget& budget)
{
    const Lines before{from, budget};
    const Lines after{to, budget};
    std::unordered_map<std::string_view, std::ptrdiff_t> surplus; // of `to`: a line may be there more than once
    surplus.reserve(to.size());
    for (std::size_t i = 0; i < to.size(); ++i, budget.step())
        ++surplus[after[i]];
    for (std::size_t i = 0; i < from.size(); ++i, budget.step())
        --surplus[before[i]];
    ConfigDiff result;
    std::array<std::vector<std::string>, 7> sections;
    const auto collect = [&](const CommandList& commands, const Lines& lines, char sign, CommandList& differing) {
        const std::ptrdiff_t step = sign == '+' ? 1 : -1;
        auto words = commands.begin();
        for (std::size_t i = 0; i < commands.size(); ++i, ++words, budget.step()) {
            std::ptrdiff_t& left = surplus.find(lines[i])->second;
            if (left * step <= 0)
                continue;
            left -= step;
            sections[section_of(lines[i])].push_back(fmt::format("{}{}", sign, lines[i]));
            differing.add(*words);
        }
    };
    collect(from, before, '-', result.removed);
    collect(to, after, '+', result.added);
    for (std::vector<std::string>& lines : sections)
        result.lines.insert(result.lines.end(), std::make_move_iterator(lines.begin()),
                            std::make_move_iterator(lines.end()));
    return result;
}

} // namespace vx
