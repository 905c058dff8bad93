// SPDX-License-Identifier: BSD-3-Clause
// `neigh`: static neighbours, which are the Model's (PERMANENT), and those that the Resolver asked for.
#include "control/commands/arguments.h"
#include "control/commands/commands.h"
#include "control/commands/show.h"

#include <map>

namespace vx
{

namespace
{

struct NeighWords {
    std::optional<IpAddress> address;
    std::optional<Mac> lladdr;
    std::optional<std::string> device;
};

Result<> read_state(Words& words)
{
    const auto state = words.text("STATE");
    if (!state)
        return state.error();
    if (*state != "permanent")
        return words.invalid("is not a state that vxd can be told; expected permanent, which is also the default");
    return Ok{};
}

Result<NeighWords> parse_change(Words& words)
{
    NeighWords parsed;
    words.take("to");
    if (auto read = store(parsed.address, words.address()); !read)
        return std::move(read).error();
    if (parsed.address->is_multicast() || parsed.address->is_unspecified() || parsed.address->is_loopback() ||
        parsed.address->is_limited_broadcast())
        return words.invalid("cannot be the address of a neighbour; expected a unicast address");
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
            step = read_state(words);
        } else {
            return rejected(words, {"proxy", "router", "extern_learn", "managed", "use", "protocol"});
        }
        if (!step)
            return std::move(step).error();
    }
    if (auto end = words.finish(); !end)
        return std::move(end).error();
    if (!parsed.device)
        return words.missing("dev");
    return parsed;
}

enum class Presence { kNew, kKnown, kEither };

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
                     address.to_string(), found->second.to_string());
    if (!is_there && presence == Presence::kKnown)
        return error("{}: \"{}\" has no static neighbour {}", words.name(), device.name, address.to_string());
    transaction.set_neighbor(key, *parsed->lladdr);
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

Result<std::optional<LinkId>> read_device_filter(const Transaction& transaction, Words& words)
{
    std::optional<LinkId> id;
    while (!words.done()) {
        if (!words.take("dev"))
            return words.unexpected();
        const auto name = words.device_name();
        if (!name)
            return name.error();
        const auto link = find_device(transaction, words, *name);
        if (!link)
            return link.error();
        id = (*link)->id;
    }
    if (auto end = words.finish(); !end)
        return std::move(end).error();
    return id;
}

bool is_wanted(const CommandOptions& options, const IpAddress& address)
{
    return !options.family || address.family() == *options.family;
}

Result<Reply> neigh_flush(Transaction& transaction, Words& words)
{
    const auto device = read_device_filter(transaction, words);
    if (!device)
        return device.error();
    for (const auto& [key, neighbor] : transaction.resolver().all())
        if ((!*device || key.first == **device) && is_wanted(words.options(), key.second))
            transaction.forget_neighbor(key);
    return Reply{};
}

struct Row {
    std::optional<Mac> mac;
    std::string_view state;
};

Result<Reply> neigh_show(Transaction& transaction, Words& words)
{
    const auto device = read_device_filter(transaction, words);
    if (!device)
        return device.error();
    std::map<NeighborKey, Row> rows;
    for (const auto& [key, mac] : transaction.model().neighbors())
        rows.emplace(key, Row{mac, "PERMANENT"});
    for (const auto& [key, neighbor] : transaction.resolver().all()) // emplace(): what is static goes first
        rows.emplace(key, Row{neighbor.mac, to_string(neighbor.state)});
    Reply reply;
    reply.json = nlohmann::ordered_json::array();
    for (const auto& [key, row] : rows) {
        if ((*device && key.first != **device) || !is_wanted(words.options(), key.second))
            continue;
        const std::string name = name_of(transaction.model(), key.first);
        nlohmann::ordered_json json{{"dst", key.second.to_string()}, {"dev", name}};
        reply.text += key.second.to_string();
        if (!*device) // as with ip(8), a device that was asked for is not repeated
            reply.text += fmt::format(" dev {}", name);
        if (row.mac) {
            reply.text += fmt::format(" lladdr {}", row.mac->to_string());
            json["lladdr"] = row.mac->to_string();
        }
        reply.text += fmt::format(" {}\n", row.state);
        json["state"] = {row.state};
        reply.json.push_back(std::move(json));
    }
    return reply;
}

constexpr Command kCommands[] = {
    {"neigh", "add", "ADDR lladdr LLADDR dev DEV [ nud permanent ]", "add a static neighbour", neigh_add},
    {"neigh", "replace", "ADDR lladdr LLADDR dev DEV [ nud permanent ]", "add a static neighbour or change it",
     neigh_replace},
    {"neigh", "change", "ADDR lladdr LLADDR dev DEV [ nud permanent ]", "change a static neighbour", neigh_change},
    {"neigh", "del", "ADDR dev DEV", "remove a static neighbour, or forget one that was resolved", neigh_del},
    {"neigh", "flush", "[ dev DEV ]", "forget the neighbours that were resolved; static ones stay", neigh_flush},
    {"neigh", "show", "[ dev DEV ]", "list neighbours", neigh_show},
};

} // namespace

constinit const std::span<const Command> kNeighCommands{kCommands};

} // namespace vx
