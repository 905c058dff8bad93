// SPDX-License-Identifier: BSD-3-Clause
// fdb show and flush: which entries a device or a bridge has.
#include "control/commands/fdb.h"

#include "control/commands/arguments.h"
#include "control/commands/show.h"

#include <algorithm>
#include <vector>

namespace vx
{

namespace
{

struct Filter {
    std::optional<LinkId> device, bridge;
    std::optional<Mac> mac;
};

// "dev DEV", "brport DEV" (the same) or "br BRIDGE", if it is the next word.
Result<bool> take_filter(const Transaction& transaction, Words& words, Filter& filter)
{
    if (words.take("dev") || words.take("brport")) {
        if (filter.device)
            return words.invalid("is one device too many; expected dev or brport once");
        const auto link = read_device(transaction, words);
        if (!link)
            return link.error();
        filter.device = (*link)->id;
        return true;
    }
    if (words.take("br")) {
        const auto name = words.device_name("BRIDGE");
        if (!name)
            return name.error();
        const auto link = find_bridge(transaction, words, *name);
        if (!link)
            return link.error();
        filter.bridge = (*link)->id;
        return true;
    }
    return false;
}

bool is_in(const Model& model, LinkId bridge, LinkId device)
{
    const Link* link = model.find(device);
    return device == bridge || (link != nullptr && link->master == bridge);
}

bool is_wanted(const Model& model, const Filter& filter, LinkId device)
{
    return (!filter.device || *filter.device == device) && (!filter.bridge || is_in(model, *filter.bridge, device));
}

// One line of `bridge fdb show`.
struct Row {
    LinkId device;
    Mac mac;
    std::optional<Remote> remote;
    Dest dest;
};

std::vector<Row> all_rows(const Transaction& transaction, const Filter& filter)
{
    const Model& model = transaction.model();
    constexpr auto kFlags = static_cast<std::uint8_t>(Dest::kStatic | Dest::kPermanent);
    std::vector<Row> rows;
    const auto is_right = [&](const Mac& mac) { return !filter.mac || mac == *filter.mac; };
    for (const auto& [id, link] : model.links())
        if (const VxlanSettings* vxlan = link.vxlan();
            vxlan != nullptr && is_right(Mac{}) && is_wanted(model, filter, id))
            for (const Remote& remote : vxlan->flood)
                rows.push_back({id, Mac{}, remote, Dest::flood().with(kFlags)});
    std::vector<FdbEntry> entries = transaction.fdb_entries([&](const FdbEntry& entry) {
        return is_right(entry.key.mac()) && is_wanted(model, filter, entry.dest.link());
    });
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
    } else {
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

// Which states `flush` takes: of those named without "no" one, of those named with it none.
struct FlushedStates {
    std::optional<bool> permanent, static_, dynamic;

    bool take_word(Words& words)
    {
        const auto take = [&](std::string_view word, std::optional<bool>& to) {
            const std::optional<bool> given = words.take_switch(word);
            if (given)
                to = given;
            return given.has_value();
        };
        return take("permanent", permanent) || take("static", static_) || take("dynamic", dynamic);
    }

    bool includes(std::string_view state) const
    {
        const bool is_selective = permanent.value_or(false) || static_.value_or(false) || dynamic.value_or(false);
        const std::optional<bool>& given = state == "permanent" ? permanent : state == "static" ? static_ : dynamic;
        return given.value_or(!is_selective);
    }
};

// Which destinations `flush` takes, of VXLAN devices' entries; the others of an entry stay.
struct FlushedRemotes {
    std::optional<IpAddress> dst;
    std::optional<std::uint16_t> port;
    std::optional<Vni> vni;

    Result<bool> take_word(Words& words)
    {
        Result<> read = Ok{};
        if (words.take("dst"))
            read = store(dst, words.address());
        else if (words.take("port"))
            read = store(port, words.number("PORT", 1, 65535));
        else if (words.take("vni"))
            read = store(vni, words.vni());
        else
            return false;
        if (!read)
            return std::move(read).error();
        return true;
    }

    bool is_all() const { return !dst && !port && !vni; }
    bool includes(const Remote& remote) const
    {
        return (!dst || remote.address == *dst) && (!port || remote.port == *port) && (!vni || remote.vni == *vni);
    }
};

void flush_floods(Transaction& transaction, const Filter& filter, const FlushedRemotes& remotes)
{
    const Model& model = transaction.model();
    const auto flush = [&](LinkId id) {
        const VxlanSettings* vxlan = model.find(id)->vxlan();
        const auto is_flushed = [&](const Remote& remote) { return remotes.includes(remote); };
        if (vxlan != nullptr && is_wanted(model, filter, id) &&
            std::any_of(vxlan->flood.begin(), vxlan->flood.end(), is_flushed))
            std::erase_if(transaction.change_link(id).vxlan()->flood, is_flushed);
    };
    if (filter.device)
        return flush(*filter.device);
    for (const LinkId id : model.members(*filter.bridge))
        flush(id);
}

} // namespace

Result<Reply> fdb_show(Transaction& transaction, Words& words)
{
    Filter filter;
    std::optional<std::string_view> state;
    while (!words.done()) {
        const auto taken = take_filter(transaction, words, filter);
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
    // As with bridge(8), a device that was asked for is not repeated.
    const Naming naming = filter.device ? Naming::kWithoutDevice : Naming::kWithDevice;
    Reply reply;
    reply.json = nlohmann::ordered_json::array();
    for (const Row& row : all_rows(transaction, filter))
        if (!state || state_of(row.dest) == *state)
            show(transaction, row, naming, reply);
    return reply;
}

Result<Reply> fdb_get(Transaction& transaction, Words& words)
{
    Filter filter;
    while (!words.done()) {
        const auto taken = take_filter(transaction, words, filter);
        if (!taken)
            return taken.error();
        if (*taken || words.take("self") || words.take("master") || words.take("dynamic"))
            continue; // which of Linux's two tables: here they are one
        if (filter.mac || is_among(kUnsupported, words.peek()))
            return rejected(words, kUnsupported);
        words.take("to");
        if (auto read = store(filter.mac, words.mac()); !read)
            return std::move(read).error();
    }
    if (auto end = words.finish(); !end)
        return std::move(end).error();
    if (!filter.mac || (!filter.device && !filter.bridge))
        return words.missing(filter.mac ? "dev" : "LLADDR");
    Reply reply;
    reply.json = nlohmann::ordered_json::array();
    for (const Row& row : all_rows(transaction, filter))
        show(transaction, row, Naming::kWithDevice, reply);
    if (reply.text.empty())
        return error("{}: \"{}\" has no entry {} (Fdb entry not found)", words.name(),
                     name_of(transaction.model(), filter.device ? *filter.device : *filter.bridge),
                     filter.mac->to_string());
    return reply;
}

Result<Reply> fdb_flush(Transaction& transaction, Words& words)
{
    Filter filter;
    FlushedStates states;
    FlushedRemotes remotes;
    while (!words.done()) {
        auto taken = take_filter(transaction, words, filter);
        if (taken && !*taken)
            taken = remotes.take_word(words);
        if (!taken)
            return taken.error();
        if (!*taken && !states.take_word(words))
            return rejected(words, {"vlan", "self", "master", "extern_learn", "noextern_learn", "sticky", "nosticky",
                                    "offloaded", "nooffloaded", "src_vni", "nhid"});
    }
    if (auto end = words.finish(); !end)
        return std::move(end).error();
    if (!filter.device && !filter.bridge)
        return words.missing("dev");

    const Model& model = transaction.model();
    // The table of a bridge is that of its ports; its VXLAN devices' is flushed by their name, or with `br`.
    const bool is_of_bridge = filter.device && model.find(*filter.device)->bridge() != nullptr && !filter.bridge;
    const auto is_flushed = [&](const FdbEntry& entry) {
        const LinkId device = entry.dest.link();
        const Dest::Kind kind = entry.dest.kind();
        const bool is_there = is_of_bridge ? kind == Dest::Kind::kPort && is_in(model, *filter.device, device)
                                           : kind != Dest::Kind::kLocal && is_wanted(model, filter, device);
        const bool has_remotes = kind == Dest::Kind::kVtep || kind == Dest::Kind::kReplicate;
        return is_there && states.includes(state_of(entry.dest)) && (has_remotes || remotes.is_all());
    };
    const bool is_of_one = filter.device && !is_of_bridge;
    for (const FdbEntry& entry :
         is_of_one ? transaction.fdb_entries_of(*filter.device) : transaction.fdb_entries(is_flushed)) {
        if (is_of_one && !is_flushed(entry))
            continue;
        std::vector<Remote> rest;
        if (!remotes.is_all()) {
            rest = transaction.remotes_of(entry.dest);
            if (std::erase_if(rest, [&](const Remote& remote) { return remotes.includes(remote); }) == 0)
                continue;
        }
        if (rest.empty())
            transaction.fdb_erase(entry.key);
        else
            transaction.fdb_set(entry.key, transaction.dest_for(entry.dest.link(), rest).with(entry.dest.flags()));
    }
    if (!is_of_bridge && states.includes("permanent"))
        flush_floods(transaction, filter, remotes);
    return Reply{};
}

} // namespace vx
