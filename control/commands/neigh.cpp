// SPDX-License-Identifier: BSD-3-Clause
// `neigh`: static neighbours, which are the Model's (PERMANENT), and those that the Resolver asked for.
#include "control/commands/nouns.h"
#include "control/commands/show.h"
#include "control/grammar/arguments.h"
#include "control/grammar/rows.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <vector>

namespace vx
{

namespace
{

struct NeighWords {
    std::optional<IpAddress> address;
    std::optional<Mac> lladdr;
    std::optional<std::string> device;
    StaticNeighbor::State state = StaticNeighbor::State::kPermanent;
};

Result<> read_state(Words& words, StaticNeighbor::State& to)
{
    const auto state = words.text("STATE");
    if (!state)
        return state.error();
    if (*state != "permanent" && *state != "noarp")
        return words.invalid("is not a state that vxd can be told; expected permanent, which is also the default, or "
                             "noarp");
    to = *state == "noarp" ? StaticNeighbor::State::kNoArp : StaticNeighbor::State::kPermanent;
    return Ok{};
}

Result<NeighWords> parse_change(Words& words)
{
    constexpr std::string_view kRefused[] = {"proxy", "router", "extern_learn", "managed", "use", "protocol"};
    NeighWords parsed;
    while (!words.done()) {
        Result<> step = Ok{};
        if (words.take("lladdr")) {
            step = store(parsed.lladdr, words.mac());
            if (step && !parsed.lladdr->is_unicast())
                return words.invalid("cannot be a neighbour's; expected a MAC address that is neither zero nor a group "
                                     "address");
        } else if (words.take("dev")) {
            step = store(parsed.device, words.device_name());
        } else if (words.take("nud")) {
            step = read_state(words, parsed.state);
        } else if (words.take_positional("to", kRefused)) {
            step = store(parsed.address, words.address());
            if (step && !parsed.address->is_unicast())
                return words.invalid("cannot be the address of a neighbour; expected a unicast address");
        } else {
            return rejected(words, kRefused);
        }
        if (!step)
            return std::move(step).error();
    }
    if (auto end = words.finish(); !end)
        return std::move(end).error();
    if (!parsed.address || !parsed.device)
        return words.missing(parsed.address ? "dev" : "ADDR");
    return parsed;
}

// Only static entries count as present: one that was learned meanwhile does not stand in the way of configuration.
Result<Reply> set_neighbor(Transaction& transaction, Words& words, Presence presence)
{
    const auto parsed = parse_change(words);
    if (!parsed)
        return parsed.error();
    if (!parsed->lladdr)
        return words.missing("lladdr");
    const auto link = find_interface(transaction, words, *parsed->device);
    if (!link)
        return link.error();
    const Link& device = **link;
    const IpAddress& address = *parsed->address;
    if (const Link* owner = transaction.model().owner_of(address))
        return error("{}: {} is an address of \"{}\" itself", words.name(), address.to_string(), owner->name);
    if (address.is_v6() && device.port() == nullptr)
        return error("{}: vxd bridges IPv6 between containers but does not route it, so that \"{}\" has no IPv6 "
                     "neighbours",
                     words.name(), device.name);
    const NeighborKey key{device.id, address};
    const auto found = transaction.model().neighbors().find(key);
    const bool is_there = found != transaction.model().neighbors().end();
    if (is_there && presence == Presence::kNew)
        return error("{}: \"{}\" already has the neighbour {}, lladdr {} (File exists)", words.name(), device.name,
                     address.to_string(), found->second.mac.to_string());
    if (!is_there && presence == Presence::kKnown)
        return error("{}: \"{}\" has no static neighbour {}", words.name(), device.name, address.to_string());
    transaction.set_neighbor(key, {*parsed->lladdr, parsed->state});
    return Reply{};
}

Result<Reply> neigh_add(Transaction& transaction, Words& words)
{
    return set_neighbor(transaction, words, Presence::kNew);
}

Result<Reply> neigh_replace(Transaction& transaction, Words& words)
{
    return set_neighbor(transaction, words, Presence::kEither);
}

Result<Reply> neigh_change(Transaction& transaction, Words& words)
{
    return set_neighbor(transaction, words, Presence::kKnown);
}

Result<Reply> neigh_del(Transaction& transaction, Words& words)
{
    const auto parsed = parse_change(words);
    if (!parsed)
        return parsed.error();
    const auto link = find_device(transaction, words, *parsed->device);
    if (!link)
        return link.error();
    const NeighborKey key{(*link)->id, *parsed->address};
    const bool is_static = transaction.model().neighbors().contains(key);
    if (!is_static && !transaction.resolver().all().contains(key))
        return error("{}: \"{}\" has no neighbour {}", words.name(), (*link)->name, parsed->address->to_string());
    if (is_static)
        transaction.remove_neighbor(key);
    else
        transaction.forget_neighbor(key);
    return Reply{};
}

// ip's; of some of them vxd has no neighbour.
constexpr std::string_view kStates[] = {"permanent",  "reachable", "stale", "probe", "failed",
                                        "incomplete", "delay",     "noarp", "none",  "all"};

// Which neighbours are meant: those that everything given holds for.
struct Filter {
    std::optional<IpPrefix> prefix;
    std::optional<LinkId> device;
    std::vector<std::string> states; // as neigh show has them; any of them, "ALL" is each
    std::optional<Family> family;

    bool has_state(std::string_view state) const { return std::ranges::find(states, state) != states.end(); }
    // Where none is given, all are meant but `exempt`, as with ip.
    bool includes(const NeighborKey& key, std::string_view state, std::span<const std::string_view> exempt) const
    {
        const bool is_state = states.empty() ? !is_among(exempt, state) : has_state(state) || has_state("ALL");
        return is_state && (!device || key.first == *device) && (!prefix || prefix->contains(key.second)) &&
               (!family || key.second.family() == *family);
    }
};

constexpr std::string_view kNotShown[] = {"NOARP"};
constexpr std::string_view kNotFlushed[] = {"NOARP", "PERMANENT"};

Result<> read_shown_state(Words& words, std::vector<std::string>& to)
{
    const auto state = words.choice("STATE", kStates);
    if (!state)
        return state.error();
    std::string& upper = to.emplace_back();
    for (const char letter : kStates[*state])
        upper += static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
    return Ok{};
}

constexpr std::string_view kNotOfNeigh[] = {"proxy",    "router", "vrf",      "master",
                                            "nomaster", "unused", "protocol", "extern_learn"};

// "[ [ to ] PREFIX ] [ dev DEV ] [ nud STATE ]..."; "all", "any" and "default" are a PREFIX too, and mean every
// address.
Result<Filter> read_filter(const Transaction& transaction, Words& words)
{
    Filter filter;
    filter.family = words.options().family;
    while (!words.done()) {
        Result<> step = Ok{};
        if (words.take("dev")) {
            const auto link = read_device(transaction, words);
            if (!link)
                return link.error();
            filter.device = (*link)->id;
        } else if (words.take_again("nud")) {
            step = read_shown_state(words, filter.states);
        } else if (words.take_positional("to", kNotOfNeigh)) {
            if (!words.take("all") && !words.take("any") && !words.take("default"))
                step = store(filter.prefix, words.prefix());
        } else {
            return rejected(words, kNotOfNeigh);
        }
        if (!step)
            return std::move(step).error();
    }
    if (auto end = words.finish(); !end)
        return std::move(end).error();
    return filter;
}

struct NeighRow {
    std::optional<Mac> mac;
    std::string_view state;
};

std::map<NeighborKey, NeighRow> all_rows(const Transaction& transaction)
{
    std::map<NeighborKey, NeighRow> rows;
    for (const auto& [key, neighbor] : transaction.budget().each(transaction.model().neighbors()))
        rows.emplace(key, NeighRow{neighbor.mac, neighbor.state_name()});
    // emplace(): what is static goes first
    const Budget::AtMost no_pause(transaction.budget(), Budget::Pause::kNone);
    for (const auto& [key, neighbor] : transaction.budget().each(transaction.resolver().all()))
        rows.emplace(key, NeighRow{neighbor.mac, to_string(neighbor.state)});
    return rows;
}

Result<Reply> neigh_flush(Transaction& transaction, Words& words)
{
    if (words.done()) // as ip: nobody means all of them
        return usage_error(
            "{}: neither an address nor \"dev\" nor a state says which neighbours, and \"all\" would mean "
            "every one; usage: {}",
            words.name(), words.usage());
    const auto filter = read_filter(transaction, words);
    if (!filter)
        return filter.error();
    for (const auto& [key, row] : all_rows(transaction)) {
        if (!filter->includes(key, row.state, kNotFlushed))
            continue;
        if (row.state == "NOARP" && !filter->has_state(row.state)) // as ip, whose "all" leaves them too
            continue;
        if (transaction.model().neighbors().contains(key))
            transaction.remove_neighbor(key);
        else
            transaction.forget_neighbor(key);
    }
    return Reply{};
}

enum class Naming { kWithDevice, kWithoutDevice };

void append(Rows& rows, const Model& model, const NeighborKey& key, const NeighRow& row, Naming naming)
{
    const std::string name = name_of(model, key.first);
    const auto append_text = [&](std::string& text) {
        text += key.second.to_string();
        if (naming == Naming::kWithDevice)
            text += fmt::format(" dev {}", name);
        if (row.mac)
            text += fmt::format(" lladdr {}", row.mac->to_string());
        text += fmt::format(" {}\n", row.state);
    };
    rows.add(append_text, [&] {
        nlohmann::ordered_json json{{"dst", key.second.to_string()}, {"dev", name}};
        if (row.mac)
            json["lladdr"] = row.mac->to_string();
        json["state"] = {row.state};
        return json;
    });
}

Result<Reply> neigh_show(Transaction& transaction, Words& words)
{
    const auto filter = read_filter(transaction, words);
    if (!filter)
        return filter.error();
    // As with ip(8), a device that was asked for is not repeated.
    const Naming naming = filter->device ? Naming::kWithoutDevice : Naming::kWithDevice;
    const auto rows = all_rows(transaction);
    Rows shown{transaction};
    for (const auto& [key, row] : rows)
        if (filter->includes(key, row.state, kNotShown))
            append(shown, transaction.model(), key, row, naming);
    return shown.reply();
}

Result<Reply> neigh_get(Transaction& transaction, Words& words)
{
    std::optional<IpAddress> address;
    std::optional<std::string> device;
    while (!words.done()) {
        Result<> step = Ok{};
        if (words.take("dev"))
            step = store(device, words.device_name());
        else if (words.take_positional("to", kNotOfNeigh))
            step = store(address, words.address());
        else
            return rejected(words, kNotOfNeigh);
        if (!step)
            return std::move(step).error();
    }
    if (auto end = words.finish(); !end)
        return std::move(end).error();
    if (!address || !device)
        return words.missing(address ? "dev" : "ADDR");
    const auto link = find_device(transaction, words, *device);
    if (!link)
        return link.error();
    const NeighborKey key{(*link)->id, *address};
    const auto rows = all_rows(transaction);
    const auto found = rows.find(key);
    if (found == rows.end())
        return error("{}: \"{}\" has no neighbour {}", words.name(), *device, address->to_string());
    Rows shown{transaction};
    append(shown, transaction.model(), key, found->second, Naming::kWithDevice);
    return shown.reply();
}

constexpr Command kNeighTable[] = {
    {"neigh", "add", "ADDR lladdr LLADDR dev DEV [ nud permanent|noarp ]", "add a static neighbour", neigh_add},
    {"neigh", "replace", "ADDR lladdr LLADDR dev DEV [ nud permanent|noarp ]", "add a static neighbour or change it",
     neigh_replace},
    {"neigh", "change", "ADDR lladdr LLADDR dev DEV [ nud permanent|noarp ]", "change a static neighbour",
     neigh_change},
    {"neigh", "del", "ADDR dev DEV", "remove a static neighbour, or forget one that was resolved", neigh_del},
    {"neigh", "flush", "[ PREFIX | all ] [ dev DEV ] [ nud STATE ]...",
     "forget the neighbours that were resolved; static ones (permanent, noarp) only if their state is named; all is "
     "each but noarp",
     neigh_flush},
    {"neigh", "get", "ADDR dev DEV", "show one neighbour", neigh_get, Effect::kShows},
    {"neigh", "show", "[ PREFIX ] [ dev DEV ] [ nud STATE ]...",
     "list neighbours; as with ip, those that are noarp only with that state or all", neigh_show, Effect::kShows},
};

} // namespace

constinit const std::span<const Command> kNeighCommands{kNeighTable};

} // namespace vx
