// SPDX-License-Identifier: BSD-3-Clause
// fdb show and get: which entries a device or a bridge has.
#include "control/commands/fdb.h"

#include "control/commands/show.h"
#include "control/grammar/arguments.h"
#include "control/grammar/rows.h"

#include <algorithm>
#include <vector>

namespace vx
{

namespace
{

// One line of `bridge fdb show`.
struct FdbRow {
    LinkId device;
    Mac mac;
    std::optional<Remote> remote;
    Dest dest;
};

// function(const FdbRow&) for every entry that the filter holds for and whose Dest the predicate does: by device, of
// each the flood list first.
template <typename Predicate, typename Function>
void for_each_row(const Transaction& transaction, const FdbFilter& filter, Predicate predicate, Function function)
{
    const Model& model = transaction.model();
    Budget& budget = transaction.budget();
    constexpr auto kFlags = static_cast<std::uint8_t>(Dest::kStatic | Dest::kPermanent);
    const Dest flood = Dest::flood().with(kFlags);
    const auto is_right = [&](const Mac& mac) { return !filter.mac || mac == *filter.mac; };
    std::vector<FdbEntry> entries = transaction.fdb_entries([&](const FdbEntry& entry) {
        return is_right(entry.key.mac()) && filter.includes(model, entry.dest.link()) && predicate(entry.dest);
    });
    budget.sort(entries, [](const FdbEntry& a, const FdbEntry& b) {
        return std::pair(a.dest.link(), a.key) < std::pair(b.dest.link(), b.key);
    });
    auto entry = entries.begin();
    const auto entries_up_to = [&](LinkId last) {
        for (; entry != entries.end() && entry->dest.link() <= last; ++entry) {
            const FdbRow row{entry->dest.link(), entry->key.mac(), std::nullopt, entry->dest};
            bool has_remotes = false;
            transaction.for_each_remote(entry->dest, [&](const Remote& remote) {
                has_remotes = true;
                function(FdbRow{row.device, row.mac, remote, row.dest});
            });
            if (!has_remotes)
                function(row);
        }
    };
    for (const auto& [id, link] : budget.each(model.links())) {
        const VxlanSettings* vxlan = link.vxlan();
        if (vxlan != nullptr && is_right(Mac{}) && filter.includes(model, id) && predicate(flood))
            for (const Remote& remote : vxlan->flood)
                function(FdbRow{id, Mac{}, remote, flood});
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

void append(std::string& text, const Model& model, const Link& link, const FdbRow& row, Naming naming)
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
    if (row.dest.has(Dest::kExternal))
        text += " extern_learn";
    if (!master.is_none())
        add(" master ", name_of(model, master));
    const std::string_view state = state_of(row.dest);
    add(state.empty() ? "" : " ", state);
    text += '\n';
}

nlohmann::ordered_json json_of(const Model& model, const Link& link, const FdbRow& row)
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
    if (row.dest.has(Dest::kExternal))
        json["flags"].push_back("extern_learn");
    if (!master.is_none())
        json["master"] = name_of(model, master);
    json["state"] = state_of(row.dest);
    return json;
}

void show(const Model& model, const FdbRow& row, Naming naming, Rows& rows)
{
    if (const Link* link = model.find(row.device))
        rows.add([&](std::string& text) { append(text, model, *link, row, naming); },
                 [&] { return json_of(model, *link, row); });
}

constexpr std::string_view kNotOfFdbShow[] = {"vlan", "vni", "src_vni"}; // of show and get

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
            return rejected(words, kNotOfFdbShow);
        }
    }
    if (auto end = words.finish(); !end)
        return std::move(end).error();
    if (filter.port && filter.device)
        return usage_error("{}: dev and brport are one device too many; expected one of them", words.name());
    // As with bridge(8), a device that was asked for is not repeated.
    const Naming naming = filter.device || filter.port ? Naming::kWithoutDevice : Naming::kWithDevice;
    Rows rows{transaction};
    for_each_row(
        transaction, filter, [&](Dest dest) { return !state || state_of(dest) == *state; },
        [&](const FdbRow& row) { show(transaction.model(), row, naming, rows); });
    return rows.reply();
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
        if (!words.take_positional("to", kNotOfFdbShow))
            return rejected(words, kNotOfFdbShow);
        if (auto read = store(filter.mac, words.mac()); !read)
            return std::move(read).error();
    }
    if (auto end = words.finish(); !end)
        return std::move(end).error();
    if (!filter.mac || (!filter.device && !filter.port && !filter.bridge))
        return words.missing(filter.mac ? "dev" : "LLADDR");
    Rows rows{transaction};
    for_each_row(
        transaction, filter, [](Dest) { return true; },
        [&](const FdbRow& row) { show(transaction.model(), row, Naming::kWithDevice, rows); });
    if (rows.count() == 0)
        return error("{}: \"{}\" has no entry {} (Fdb entry not found)", words.name(),
                     name_of(transaction.model(), filter.device ? *filter.device
                                                  : filter.port ? *filter.port
                                                                : *filter.bridge),
                     filter.mac->to_string());
    return rows.reply();
}

} // namespace vx
