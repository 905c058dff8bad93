// SPDX-License-Identifier: BSD-3-Clause
// fdb show and get: which entries a device or a bridge has.
#include "control/commands/fdb.h"

#include "control/commands/arguments.h"
#include "control/commands/show.h"

#include <algorithm>
#include <vector>

namespace vx
{

namespace
{

// One line of `bridge fdb show`.
struct Row {
    LinkId device;
    Mac mac;
    std::optional<Remote> remote;
    Dest dest;
};

std::vector<Row> all_rows(const Transaction& transaction, const FdbFilter& filter)
{
    const Model& model = transaction.model();
    constexpr auto kFlags = static_cast<std::uint8_t>(Dest::kStatic | Dest::kPermanent);
    std::vector<Row> rows;
    const auto is_right = [&](const Mac& mac) { return !filter.mac || mac == *filter.mac; };
    for (const auto& [id, link] : model.links())
        if (const VxlanSettings* vxlan = link.vxlan();
            vxlan != nullptr && is_right(Mac{}) && filter.includes(model, id))
            for (const Remote& remote : vxlan->flood)
                rows.push_back({id, Mac{}, remote, Dest::flood().with(kFlags)});
    std::vector<FdbEntry> entries = transaction.fdb_entries(
        [&](const FdbEntry& entry) { return is_right(entry.key.mac()) && filter.includes(model, entry.dest.link()); });
    std::sort(entries.begin(), entries.end(), [](const FdbEntry& a, const FdbEntry& b) { return a.key < b.key; });
    for (const FdbEntry& entry : entries) {
        const LinkId device = entry.dest.link();
        const std::vector<Remote> remotes = transaction.remotes_of(entry.dest);
        if (remotes.empty())
            rows.push_back({device, entry.key.mac(), std::nullopt, entry.dest});
        for (const Remote& remote : remotes)
            rows.push_back({device, entry.key.mac(), remote, entry.dest});
    }
    std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.device < b.device; });
    return rows;
}

// The bridge whose table an entry is in where Linux says "master"; none where it says "self".
LinkId master_of(const Link& link)
{
    if (link.vxlan() != nullptr)
        return kNoLink;
    return link.bridge() != nullptr ? link.id : link.master;
}

enum class Naming { kWithDevice, kWithoutDevice };

void show(const Transaction& transaction, const Row& row, Naming naming, Reply& reply)
{
    const Model& model = transaction.model();
    const Link* link = model.find(row.device);
    if (link == nullptr)
        return;
    const std::string mac = row.mac.to_string();
    nlohmann::ordered_json json{{"mac", mac}, {"ifname", link->name}};
    reply.text += mac;
    if (naming == Naming::kWithDevice)
        reply.text += fmt::format(" dev {}", link->name);
    if (const VxlanSettings* vxlan = link->vxlan(); vxlan != nullptr && row.remote) {
        reply.text += fmt::format(" dst {}", row.remote->address.to_string());
        json["dst"] = row.remote->address.to_string();
        if (row.remote->port != vxlan->udp_port) {
            reply.text += fmt::format(" port {}", row.remote->port);
            json["port"] = row.remote->port;
        }
        if (row.remote->vni != vxlan->vni) {
            reply.text += fmt::format(" vni {}", row.remote->vni.value());
            json["vni"] = row.remote->vni.value();
        }
    }
    json["flags"] = nlohmann::ordered_json::array();
    const LinkId master = master_of(*link);
    if (master.is_none()) {
        reply.text += " self";
        json["flags"].push_back("self");
    }
    if (row.dest.has(Dest::kExternal)) {
        reply.text += " extern_learn";
        json["flags"].push_back("extern_learn");
    }
    if (!master.is_none()) {
        reply.text += fmt::format(" master {}", name_of(model, master));
        json["master"] = name_of(model, master);
    }
    const std::string_view state = state_of(row.dest);
    reply.text += fmt::format("{}{}\n", state.empty() ? "" : " ", state);
    json["state"] = state;
    reply.json.push_back(std::move(json));
}

constexpr std::string_view kUnsupported[] = {"vlan", "vni", "src_vni"}; // of show and get

// The word behind "state": what state_of() says of such entries, or nothing for all of them.
Result<> read_state(Words& words, std::optional<std::string_view>& to)
{
    constexpr std::string_view kStates[] = {"permanent", "static", "temp", "dynamic", "reachable", "all"};
    const auto state = words.choice("STATE", kStates);
    if (!state)
        return state.error();
    const std::string_view name = kStates[*state];
    if (name == "permanent")
        to = name;
    else if (name == "static" || name == "temp")
        to = "static";
    else if (name != "all")
        to = "";
    return Ok{};
}

} // namespace

Result<Reply> fdb_show(Transaction& transaction, Words& words)
{
    FdbFilter filter;
    std::optional<std::string_view> state;
    while (!words.done()) {
        const auto taken = filter.take_word(transaction, words);
        if (!taken)
            return taken.error();
        if (*taken)
            continue;
        if (words.take("dynamic")) {
            state = "";
        } else if (words.take("state")) {
            if (auto read = read_state(words, state); !read)
                return std::move(read).error();
        } else {
            return rejected(words, kUnsupported);
        }
    }
    if (auto end = words.finish(); !end)
        return std::move(end).error();
    if (filter.port && filter.device)
        return usage_error("{}: dev and brport are one device too many; expected one of them", words.name());
    // As with bridge(8), a device that was asked for is not repeated.
    const Naming naming = filter.device || filter.port ? Naming::kWithoutDevice : Naming::kWithDevice;
    Reply reply;
    reply.json = nlohmann::ordered_json::array();
    for (const Row& row : all_rows(transaction, filter))
        if (!state || state_of(row.dest) == *state)
            show(transaction, row, naming, reply);
    return reply;
}

Result<Reply> fdb_get(Transaction& transaction, Words& words)
{
    FdbFilter filter;
    while (!words.done()) {
        const auto taken = filter.take_word(transaction, words);
        if (!taken)
            return taken.error();
        if (*taken || words.take("self") || words.take("master") || words.take("dynamic"))
            continue; // which of Linux's two tables: here they are one
        if (!words.take_positional("to", kUnsupported))
            return rejected(words, kUnsupported);
        if (auto read = store(filter.mac, words.mac()); !read)
            return std::move(read).error();
    }
    if (auto end = words.finish(); !end)
        return std::move(end).error();
    if (!filter.mac || (!filter.device && !filter.port && !filter.bridge))
        return words.missing(filter.mac ? "dev" : "LLADDR");
    Reply reply;
    reply.json = nlohmann::ordered_json::array();
    for (const Row& row : all_rows(transaction, filter))
        show(transaction, row, Naming::kWithDevice, reply);
    if (reply.text.empty())
        return error("{}: \"{}\" has no entry {} (Fdb entry not found)", words.name(),
                     name_of(transaction.model(), filter.device ? *filter.device
                                                  : filter.port ? *filter.port
                                                                : *filter.bridge),
                     filter.mac->to_string());
    return reply;
}

} // namespace vx
