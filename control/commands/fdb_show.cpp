// SPDX-License-Identifier: BSD-3-Clause
// fdb show and flush: which entries a device or a bridge has.
#include "control/commands/fdb.h"

#include "control/commands/arguments.h"
#include "control/commands/rows.h"
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

// function(const Row&) for every entry that the filter holds for and whose Dest the predicate does: by device, of each
// the flood list first.
template <typename Predicate, typename Function>
void for_each_row(const Transaction& transaction, const Filter& filter, Predicate predicate, Function function)
{
    const Model& model = transaction.model();
    Budget& budget = transaction.budget();
    constexpr auto kFlags = static_cast<std::uint8_t>(Dest::kStatic | Dest::kPermanent);
    const Dest flood = Dest::flood().with(kFlags);
    const auto is_right = [&](const Mac& mac) { return !filter.mac || mac == *filter.mac; };
    std::vector<FdbEntry> entries = transaction.fdb_entries([&](const FdbEntry& entry) {
        return is_right(entry.key.mac()) && is_wanted(model, filter, entry.dest.link()) && predicate(entry.dest);
    });
    budget.sort(entries, [](const FdbEntry& a, const FdbEntry& b) {
        return std::pair(a.dest.link(), a.key) < std::pair(b.dest.link(), b.key);
    });
    auto entry = entries.begin();
    const auto entries_up_to = [&](LinkId last) {
        for (; entry != entries.end() && entry->dest.link() <= last; ++entry) {
            const Row row{entry->dest.link(), entry->key.mac(), std::nullopt, entry->dest};
            bool has_remotes = false;
            transaction.for_each_remote(entry->dest, [&](const Remote& remote) {
                has_remotes = true;
                function(Row{row.device, row.mac, remote, row.dest});
            });
            if (!has_remotes)
                function(row);
        }
    };
    for (const auto& [id, link] : budget.each(model.links())) {
        const VxlanSettings* vxlan = link.vxlan();
        if (vxlan != nullptr && is_right(Mac{}) && is_wanted(model, filter, id) && predicate(flood))
            for (const Remote& remote : vxlan->flood)
                function(Row{id, Mac{}, remote, flood});
        entries_up_to(id);
    }
}

// The bridge whose table an entry is in where Linux says "master"; none where it says "self".
LinkId master_of(const Link& link)
{
    if (link.vxlan() != nullptr)
        return kNoLink;
    return link.bridge() != nullptr ? link.id : link.master;
}

enum class Naming { kWithDevice, kWithoutDevice };

void append(std::string& text, const Model& model, const Link& link, const Row& row, Naming naming)
{
    text += row.mac.to_string();
    const auto add = [&](std::string_view word, std::string_view value) { ((text += word) += value); };
    if (naming == Naming::kWithDevice)
        add(" dev ", link.name);
    if (const VxlanSettings* vxlan = link.vxlan(); vxlan != nullptr && row.remote) {
        add(" dst ", row.remote->address.to_string());
        if (row.remote->port != vxlan->udp_port)
            add(" port ", std::to_string(row.remote->port));
        if (row.remote->vni != vxlan->vni)
            add(" vni ", std::to_string(row.remote->vni.value()));
    }
    const LinkId master = master_of(link);
    if (master.is_none())
        text += " self";
    else
        add(" master ", name_of(model, master));
    const std::string_view state = state_of(row.dest);
    add(state.empty() ? "" : " ", state);
    text += '\n';
}

nlohmann::ordered_json json_of(const Model& model, const Link& link, const Row& row)
{
    nlohmann::ordered_json json{{"mac", row.mac.to_string()}, {"ifname", link.name}};
    if (const VxlanSettings* vxlan = link.vxlan(); vxlan != nullptr && row.remote) {
        json["dst"] = row.remote->address.to_string();
        if (row.remote->port != vxlan->udp_port)
            json["port"] = row.remote->port;
        if (row.remote->vni != vxlan->vni)
            json["vni"] = row.remote->vni.value();
    }
    json["flags"] = nlohmann::ordered_json::array();
    const LinkId master = master_of(link);
    if (master.is_none())
        json["flags"].push_back("self");
    else
        json["master"] = name_of(model, master);
    json["state"] = state_of(row.dest);
    return json;
}

void show(const Model& model, const Row& row, Naming naming, Rows& rows)
{
    if (const Link* link = model.find(row.device))
        rows.add([&](std::string& text) { append(text, model, *link, row, naming); },
                 [&] { return json_of(model, *link, row); });
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
    Rows rows{transaction};
    for_each_row(
        transaction, filter, [&](Dest dest) { return !state || state_of(dest) == *state; },
        [&](const Row& row) { show(transaction.model(), row, naming, rows); });
    return rows.reply();
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
    Rows rows{transaction};
    for_each_row(
        transaction, filter, [](Dest) { return true; },
        [&](const Row& row) { show(transaction.model(), row, Naming::kWithDevice, rows); });
    if (rows.count() == 0)
        return error("{}: \"{}\" has no entry {} (Fdb entry not found)", words.name(),
                     name_of(transaction.model(), filter.device ? *filter.device : *filter.bridge),
                     filter.mac->to_string());
    return rows.reply();
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
