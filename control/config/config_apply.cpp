// SPDX-License-Identifier: BSD-3-Clause
// The commands of the wanted configuration have been checked in the rehearsal, in their order. So here it is enough to
// make one Model from the other, in an order in which nothing is in the way of anything.
#include "control/config/config_apply.h"

#include "control/config/config_lines.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <vector>

namespace vx
{

namespace
{

// Whether a link can become the wanted one by being changed.
bool can_stay(const Link& link, const Link& wanted)
{
    if (link.kind.index() != wanted.kind.index())
        return false;
    if (const PortSpec* spec = link.port()) {
        const PortSpec& other = *wanted.port();
        // What an interface had before can be had back only by opening it anew.
        const bool is_given_back =
            find_port_kind(spec->kind)->has_own_mac && ((spec->mac && !other.mac) || (spec->mtu && !other.mtu));
        return spec->kind == other.kind && spec->options == other.options && !is_given_back;
    }
    if (const VxlanSettings* vxlan = link.vxlan())
        return vxlan->vni == wanted.vxlan()->vni && vxlan->local == wanted.vxlan()->local &&
               vxlan->udp_port == wanted.vxlan()->udp_port;
    return true;
}

bool is_same_set(const std::vector<Remote>& a, const std::vector<Remote>& b)
{
    return a.size() == b.size() && std::is_permutation(a.begin(), a.end(), b.begin());
}

class Applier
{
public:
    Applier(Transaction& transaction, const Transaction& wanted)
        : transaction_(transaction), wanted_(wanted), budget_(transaction.budget()), model_(transaction.model()),
          wanted_model_(wanted.model())
    {
    }
    Result<Ok, ApplyFailure> run();

private:
    void remove_links();
    Result<> add_link(const Link& link);
    Result<> change_port(const Link& link, const Link& wanted);
    Result<> change_link(const Link& link, const Link& wanted);
    Result<> change_flood(LinkId id, const VxlanSettings& wanted);
    LinkId counterpart(LinkId wanted) const { return wanted.is_none() ? kNoLink : ours_.at(wanted); }
    void drop_fdb();
    Result<> make_fdb();
    void make_addresses();
    void make_neighbors();
    void make_routes();

    Transaction& transaction_;
    const Transaction& wanted_;
    Budget& budget_;
    const Model& model_;
    const Model& wanted_model_;
    std::map<LinkId, LinkId> ours_;   // by the rehearsal's
    std::vector<FixedEntry> missing_; // FDB entries that are not there, or not like that; links are the rehearsal's
};

// Members of bridges that go, leave them by that.
void Applier::remove_links()
{
    std::vector<LinkId> gone;
    for (const auto& [id, link] : budget_.each(model_.links())) {
        const Link* wanted = wanted_model_.find(link.name);
        if (wanted != nullptr && can_stay(link, *wanted))
            ours_[wanted->id] = id;
        else
            gone.push_back(id);
    }
    for (const LinkId id : gone)
        transaction_.remove_link(id);
}

Result<> Applier::add_link(const Link& wanted)
{
    Link link;
    link.name = wanted.name;
    link.is_up = wanted.is_up;
    link.kind = wanted.kind;
    link.mac = wanted.mac;
    link.mtu = wanted.mtu;
    if (const PortSpec* spec = wanted.port()) {
        link.mac = spec->mac.value_or(Mac{});
        link.mtu = spec->mtu;
    }
    if (VxlanSettings* vxlan = link.vxlan())
        vxlan->flood.clear();
    const auto added = transaction_.add_link(std::move(link));
    if (!added)
        return added.error();
    ours_[wanted.id] = (*added)->id;
    return wanted.vxlan() == nullptr ? Ok{} : change_flood((*added)->id, *wanted.vxlan());
}

Result<> Applier::change_port(const Link& link, const Link& wanted)
{
    if (!transaction_.has_port(link.id)) {
        const auto reopened = transaction_.reopen_port(link.id, wanted);
        transaction_.warn(reopened
                              ? fmt::format("\"{}\" was gone and is opened again", link.name)
                              : fmt::format("\"{}\" is gone and stays so: {}", link.name, reopened.error().message));
        return Ok{};
    }
    if (const auto mac = configured_mac(wanted); mac && *mac != link.mac)
        if (auto set = transaction_.set_mac(link.id, *mac); !set)
            return set;
    auto mtu = configured_mtu(wanted);
    if (!mtu && configured_mtu(link)) // else it would not have stayed
        mtu = kDefaultMtu;
    if (mtu && *mtu != link.mtu)
        return transaction_.set_mtu(link.id, *mtu);
    return Ok{};
}

Result<> Applier::change_flood(LinkId id, const VxlanSettings& wanted)
{
    const auto& flood = model_.find(id)->vxlan()->flood;
    if (is_same_set(flood, wanted.flood))
        return Ok{};
    for (const Remote& remote : wanted.flood)
        if (!transaction_.intern(id, remote))
            return error("there are {} far VTEPs already, and no more are supported", VtepRegistry::kMax);
    transaction_.change_link(id).vxlan()->flood = wanted.flood;
    return Ok{};
}

Result<> Applier::change_link(const Link& link, const Link& wanted)
{
    const LinkId id = link.id;
    if (link.port() != nullptr)
        if (auto changed = change_port(link, wanted); !changed)
            return changed;
    if (link.is_up != wanted.is_up)
        transaction_.change_link(id).is_up = wanted.is_up;
    if (link.port() != nullptr)
        return Ok{};
    if (link.mac != wanted.mac)
        if (auto set = transaction_.set_mac(id, wanted.mac); !set)
            return set;
    if (link.mtu != wanted.mtu)
        transaction_.change_link(id).mtu = wanted.mtu;
    if (const BridgeSettings* bridge = wanted.bridge()) {
        if (link.bridge()->ageing_time != bridge->ageing_time)
            transaction_.change_link(id).bridge()->ageing_time = bridge->ageing_time;
        return Ok{};
    }
    const VxlanSettings& now = *link.vxlan();
    const VxlanSettings& then = *wanted.vxlan();
    if (!now.has_same_header(then) || now.learning != then.learning || now.ageing_seconds != then.ageing_seconds ||
        now.remote != then.remote) {
        VxlanSettings settings = then;
        settings.flood = now.flood;
        *transaction_.change_link(id).vxlan() = std::move(settings);
    }
    return change_flood(id, then);
}

// What is not wanted goes, and also what is wanted of a link that changes its bridge: it is made anew afterwards.
void Applier::drop_fdb()
{
    std::map<LinkId, LinkId> wanted_ids; // by ours
    for (const auto& [wanted, ours] : ours_)
        wanted_ids[ours] = wanted;
    const auto place = [](LinkId link, const Mac& mac) { return (std::uint64_t{link.value} << 48) | mac.to_u64(); };
    std::unordered_map<std::uint64_t, Dest> wanted;
    const std::vector<FixedEntry> wanted_entries = fixed_entries(wanted_);
    const std::vector<FixedEntry> entries = fixed_entries(transaction_);
    wanted.reserve(wanted_entries.size());
    for (const FixedEntry& entry : budget_.each(wanted_entries))
        wanted.emplace(place(entry.link, entry.mac), entry.dest);
    for (const FixedEntry& entry : budget_.each(entries)) {
        const Link& link = *model_.find(entry.link);
        const auto id = wanted_ids.find(entry.link);
        const auto found = id == wanted_ids.end() ? wanted.end() : wanted.find(place(id->second, entry.mac));
        const bool is_kept = found != wanted.end() && found->second.flags() == entry.dest.flags() &&
                             link.master == counterpart(wanted_model_.find(id->second)->master) &&
                             is_same_set(transaction_.remotes_of(entry.dest), wanted_.remotes_of(found->second));
        if (is_kept)
            wanted.erase(found);
        else
            transaction_.fdb_erase({model_.domain_of(link), entry.mac});
    }
    for (const auto& [at, dest] : budget_.each(wanted))
        missing_.push_back({dest.link(), Mac::from_u64(at & 0xffffffffffffULL), dest});
}

Result<> Applier::make_fdb()
{
    for (const FixedEntry& entry : budget_.each(missing_)) {
        const Link& link = *model_.find(counterpart(entry.link));
        const FdbKey key{model_.domain_of(link), entry.mac};
        if (entry.dest.kind() == Dest::Kind::kPort) {
            transaction_.fdb_set(key, Dest::port(link.id).with(entry.dest.flags()));
            continue;
        }
        const std::vector<Remote> remotes = wanted_.remotes_of(entry.dest);
        for (const Remote& remote : remotes)
            if (!transaction_.intern(link.id, remote))
                return error("there are {} far VTEPs already, and no more are supported", VtepRegistry::kMax);
        transaction_.fdb_set(key, transaction_.dest_for(link.id, remotes).with(entry.dest.flags()));
    }
    return Ok{};
}

void Applier::make_addresses()
{
    std::set<AddressKey> wanted;
    for (const auto& [link, prefix] : budget_.each(wanted_model_.addresses()))
        wanted.emplace(counterpart(link), prefix);
    std::vector<AddressKey> gone;
    std::set_difference(model_.addresses().begin(), model_.addresses().end(), wanted.begin(), wanted.end(),
                        std::back_inserter(gone));
    for (const AddressKey& key : gone)
        transaction_.remove_address(key);
    for (const AddressKey& key : wanted)
        if (!model_.addresses().contains(key))
            transaction_.add_address(key);
}

void Applier::make_neighbors()
{
    std::map<NeighborKey, StaticNeighbor> wanted;
    for (const auto& [key, neighbor] : budget_.each(wanted_model_.neighbors()))
        wanted.emplace(NeighborKey{counterpart(key.first), key.second}, neighbor);
    std::vector<NeighborKey> gone;
    for (const auto& [key, neighbor] : budget_.each(model_.neighbors()))
        if (!wanted.contains(key))
            gone.push_back(key);
    for (const NeighborKey& key : gone)
        transaction_.remove_neighbor(key);
    for (const auto& [key, neighbor] : wanted)
        if (const auto found = model_.neighbors().find(key);
            found == model_.neighbors().end() || found->second != neighbor)
            transaction_.set_neighbor(key, neighbor);
}

void Applier::make_routes()
{
    std::vector<IpPrefix> gone;
    for (const auto& [prefix, route] : budget_.each(model_.routes()))
        if (!wanted_model_.routes().contains(prefix))
            gone.push_back(prefix);
    for (const IpPrefix& prefix : gone)
        transaction_.remove_route(prefix);
    for (const auto& [prefix, route] : budget_.each(wanted_model_.routes())) {
        Route ours = route;
        ours.link = counterpart(route.link);
        const auto found = model_.routes().find(prefix);
        if (found == model_.routes().end() || found->second.via != ours.via || found->second.link != ours.link ||
            found->second.onlink != ours.onlink)
            transaction_.set_route(prefix, ours);
    }
}

Result<Ok, ApplyFailure> Applier::run()
{
    const auto failed = [](Result<>&& result, const std::string& link) {
        return ApplyFailure{std::move(result).error(), link};
    };
    remove_links();
    for (const auto& [id, wanted] : budget_.each(wanted_model_.links())) {
        const bool is_there = ours_.contains(id);
        if (auto made = is_there ? change_link(*model_.find(ours_.at(id)), wanted) : add_link(wanted); !made)
            return failed(std::move(made), wanted.name);
    }
    drop_fdb();
    for (const auto& [id, wanted] : budget_.each(wanted_model_.links())) {
        const LinkId ours = ours_.at(id);
        const LinkId master = counterpart(wanted.master);
        if (model_.find(ours)->master == master)
            continue;
        if (auto set = transaction_.set_master(ours, master); !set)
            return failed(std::move(set), wanted.name);
    }
    if (auto made = make_fdb(); !made)
        return failed(std::move(made), "");
    make_addresses();
    make_neighbors();
    make_routes();
    return Ok{};
}

} // namespace

Result<Ok, ApplyFailure> apply_config(Transaction& transaction, const Transaction& wanted)
{
    return Applier{transaction, wanted}.run();
}

} // namespace vx
