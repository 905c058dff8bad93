// SPDX-License-Identifier: BSD-3-Clause
#include "control/transaction/transaction.h"

#include <algorithm>

namespace vx
{

namespace
{

// A MAC that stays the same over restarts, so that peers that keep it need not learn a new one, and differs between
// machines and between daemons on one: FNV-1a of both and the device's name, locally administered.
Mac stable_mac(const std::string& seed, const std::string& name)
{
    std::uint64_t hash = 0xcbf29ce484222325ULL;
    for (const char byte : fmt::format("{}/{}", seed, name))
        hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3ULL;
    hash ^= hash >> 32; // the lower bits of FNV are the better ones
    auto bytes = Mac::from_u64(hash & 0xffffffffffffULL).bytes();
    bytes[0] = static_cast<std::uint8_t>((bytes[0] & 0xfe) | 0x02);
    return Mac{bytes};
}

} // namespace

Transaction::Transaction(Model& model, VtepRegistry& vteps, Dataplane& dataplane, Resolver& resolver,
                         std::string mac_seed, Mode mode)
    : model_(model), vteps_(vteps), dataplane_(dataplane), resolver_(resolver), mac_seed_(std::move(mac_seed)),
      mode_(mode)
{
}

Transaction::~Transaction()
{
    if (is_done_)
        return;
    const MemoryReserve::Use use(std::nothrow);
    for (auto undo = undo_.rbegin(); undo != undo_.rend(); ++undo)
        (*undo)();
    for (const LinkId link : opened_)
        dataplane_.remove_port(link);
    before_.take_back(model_);
    vteps_.collect(); // what was interned for nothing
}

Result<const Link*> Transaction::link(const std::string& name) const
{
    if (const Link* found = model_.find(name))
        return found;
    return error("Cannot find device \"{}\"", name);
}

// ---- the Model: whatever is touched is noted first, as it was ----------------------------------------------------

void Transaction::note_link(LinkId id)
{
    const auto [at, is_new] = before_.links.try_emplace(id);
    if (!is_new)
        return;
    if (const Link* link = model_.find(id))
        at->second = *link;
}

Link& Transaction::change_link(LinkId id)
{
    const MemoryReserve::Use use;
    note_link(id);
    return *model_.edit(id);
}

void Transaction::add_address(const AddressKey& key)
{
    const MemoryReserve::Use use;
    before_.addresses.try_emplace(key, model_.addresses().contains(key));
    model_.add_address(key);
}

void Transaction::remove_address(const AddressKey& key)
{
    const MemoryReserve::Use use;
    before_.addresses.try_emplace(key, model_.addresses().contains(key));
    model_.remove_address(key);
}

// What a map of the Model had for a key.
template <typename Key, typename Value>
static void note(std::map<Key, std::optional<Value>>& before, const std::map<Key, Value>& now, const Key& key)
{
    const auto found = now.find(key);
    before.try_emplace(key, found == now.end() ? std::nullopt : std::optional{found->second});
}

void Transaction::set_route(const IpPrefix& prefix, const Route& route)
{
    const MemoryReserve::Use use;
    note(before_.routes, model_.routes(), prefix);
    model_.set_route(prefix, route);
}

void Transaction::remove_route(const IpPrefix& prefix)
{
    const MemoryReserve::Use use;
    note(before_.routes, model_.routes(), prefix);
    model_.remove_route(prefix);
}

void Transaction::set_neighbor(const NeighborKey& key, const StaticNeighbor& neighbor)
{
    const MemoryReserve::Use use;
    note(before_.neighbors, model_.neighbors(), key);
    model_.set_neighbor(key, neighbor);
}

void Transaction::remove_neighbor(const NeighborKey& key)
{
    const MemoryReserve::Use use;
    note(before_.neighbors, model_.neighbors(), key);
    model_.remove_neighbor(key);
}

std::vector<std::string> Transaction::take_warnings()
{
    std::vector<std::string> texts;
    for (Warning& warning : warnings_)
        if (!warning.holds || warning.holds())
            texts.push_back(std::move(warning.text));
    warnings_.clear();
    return texts;
}

// ---- FDB -------------------------------------------------------------------------------------------------------

std::optional<Dest> Transaction::fdb_find(FdbKey key) const
{
    const Dest* changed = fdb_changes_.find(key);
    if (changed == nullptr && mode_ == Mode::kRehearsal)
        return std::nullopt;
    const Dest dest = changed != nullptr ? *changed : dataplane_.fdb().find(key);
    return dest.kind() == Dest::Kind::kNone ? std::nullopt : std::optional{dest};
}

std::vector<FdbEntry> Transaction::fdb_entries_of(LinkId link) const
{
    const auto is_its = [link](Dest dest) { return dest.link() == link && dest.kind() != Dest::Kind::kLocal; };
    std::vector<FdbEntry> entries;
    const Budget::AtMost answers(*budget_, Budget::Pause::kAnswers);
    if (mode_ == Mode::kReal && dataplane_.fdb().count_of(link) != 0)
        dataplane_.fdb().for_each([&](FdbKey key, Dest dest, std::uint32_t seen) {
            budget_->step();
            if (is_its(dest) && fdb_changes_.find(key) == nullptr)
                entries.push_back({key, dest, seen});
        });
    for (const auto& [key, dest] : budget_->each(fdb_changes_))
        if (dest.kind() != Dest::Kind::kNone && is_its(dest))
            entries.push_back({key, dest, now_seconds_});
    return entries;
}

void Transaction::fdb_set(FdbKey key, Dest dest)
{
    fdb_changes_.set(key, dest);
}

void Transaction::fdb_erase(FdbKey key)
{
    fdb_changes_.set(key, Dest{});
}

std::optional<VtepId> Transaction::intern(LinkId vxlan, const Remote& remote)
{
    const MemoryReserve::Use use;
    if (!vteps_.has_room_for({vxlan, remote}))
        return std::nullopt;
    return vteps_.intern({vxlan, remote});
}

Dest Transaction::dest_for(LinkId vxlan, const std::vector<Remote>& remotes)
{
    const MemoryReserve::Use use;
    if (remotes.size() == 1)
        return Dest::vtep(vxlan, vteps_.intern({vxlan, remotes.front()}));
    std::vector<VtepId> ids;
    for (const Remote& remote : remotes)
        ids.push_back(vteps_.intern({vxlan, remote}));
    return Dest::replicate(vxlan, vteps_.intern(vxlan, ids));
}

std::vector<Remote> Transaction::remotes_of(Dest dest) const
{
    std::vector<Remote> remotes;
    for_each_remote(dest, [&](const Remote& remote) { remotes.push_back(remote); });
    return remotes;
}

// ---- links -----------------------------------------------------------------------------------------------------

Result<const Link*> Transaction::add_link(Link link)
{
    const MemoryReserve::Use use;
    if (!before_.last_ids)
        before_.last_ids = model_.last_ids();
    link.id = model_.take_link_id();
    if (link.id.is_none())
        return error("there are {} devices already, and no more are supported", model_.links().size());
    if (link.port() == nullptr) {
        link.own_bridge = model_.take_bridge_id();
        if (link.own_bridge.is_none())
            return error("there are as many bridges and VXLAN devices already as are supported");
        if (link.mac.is_zero())
            link.mac = stable_mac(mac_seed_, link.name);
    } else {
        PortSpec spec = *link.port();
        spec.name = link.name;
        spec.mtu = link.mtu;
        if (!link.mac.is_zero())
            spec.mac = link.mac;
        else if (const PortKind* kind = find_port_kind(spec.kind); kind != nullptr && !kind->has_own_mac)
            spec.mac = stable_mac(mac_seed_, link.name);
        auto added = mode_ == Mode::kRehearsal ? pretend_port(spec) : open_port(link.id, spec);
        if (!added)
            return std::move(added).error();
        if (added->mac.is_zero()) { // a device without an address of its own
            added->mac = stable_mac(mac_seed_, link.name);
            if (auto set = dataplane_.set_mac(link.id, added->mac); !set)
                return std::move(set).error();
        }
        link.mac = added->mac;
        link.mtu = added->mtu;
        if (!added->warning.empty())
            warn(std::move(added->warning));
    }
    const LinkId id = link.id;
    note_link(id);
    model_.put(std::move(link));
    return model_.find(id);
}

// In place of a port that a rehearsal does not open. Which MAC and MTU an interface has is not asked.
AddedPort Transaction::pretend_port(const PortSpec& spec) const
{
    return {spec.mac.value_or(stable_mac(mac_seed_, spec.name)), spec.mtu.value_or(kDefaultMtu), {}};
}

std::optional<LinkId> Transaction::port_on(const std::string& interface) const
{
    if (mode_ == Mode::kReal)
        return dataplane_.port_on(interface);
    for (const auto& [id, link] : budget_->each(model_.links()))
        if (const PortSpec* spec = link.port(); spec != nullptr && spec->has("dev") && spec->option("dev") == interface)
            return id;
    return std::nullopt;
}

void Transaction::remove_link(LinkId id)
{
    const MemoryReserve::Use use;
    const Link removed = *model_.find(id);
    for (const LinkId member : std::set<LinkId>{model_.members(id)})
        (void)set_master(member, kNoLink); // leaving a bridge cannot conflict: its own domain is empty
    // Its domain has no others: members took theirs with them, and own MACs follow the Model at commit.
    for (const FdbEntry& entry : fdb_entries_of(id))
        fdb_erase(entry.key);
    const auto addresses = model_.addresses_of(id);
    for (const AddressKey& key : std::vector<AddressKey>(addresses.begin(), addresses.end()))
        remove_address(key);
    std::vector<IpPrefix> routes;
    if (model_.has_route(id))
        for (const auto& [prefix, route] : budget_->each(model_.routes()))
            if (route.link == id)
                routes.push_back(prefix);
    for (const IpPrefix& prefix : routes)
        remove_route(prefix);
    std::vector<NeighborKey> neighbors;
    for (auto at = model_.neighbors().lower_bound(NeighborKey{id, IpAddress{}});
         at != model_.neighbors().end() && at->first.first == id; ++at)
        neighbors.push_back(at->first);
    for (const NeighborKey& key : neighbors)
        remove_neighbor(key);
    if (removed.port() != nullptr)
        closed_.push_back(id);
    note_link(id);
    model_.erase(id);
}

Result<> Transaction::set_master(LinkId id, LinkId master)
{
    const MemoryReserve::Use use;
    note_link(id);
    Link link = *model_.find(id);
    const BridgeId before = model_.domain_of(link);
    link.master = master;
    const BridgeId after = model_.domain_of(link);
    model_.put(link);
    if (before == after)
        return Ok{};
    for (const FdbEntry& entry : fdb_entries_of(id)) {
        if (entry.key.bridge() != before)
            continue;
        fdb_erase(entry.key);
        if (link.vxlan() == nullptr || entry.dest.has(Dest::kLearned))
            continue;
        const FdbKey moved{after, entry.key.mac()};
        const auto taken = fdb_find(moved);
        if (taken && taken->kind() == Dest::Kind::kLocal)
            continue; // the bridge's own MAC, or a member's
        if (taken && taken->is_fixed())
            return error("FDB entry {} of \"{}\" is in bridge \"{}\" already, on \"{}\"", moved.mac().to_string(),
                         link.name, model_.find(master)->name, model_.find(taken->link())->name);
        fdb_set(moved, entry.dest);
    }
    return Ok{};
}

Result<> Transaction::set_mac(LinkId id, const Mac& mac)
{
    const MemoryReserve::Use use;
    Link& link = change_link(id);
    if (PortSpec* spec = link.port(); spec != nullptr) {
        spec->mac = mac;
        if (auto set = mode_ == Mode::kRehearsal ? Ok{} : dataplane_.set_mac(id, mac); !set)
            return std::move(set).error();
        if (mode_ == Mode::kReal)
            undo_.emplace_back([this, id, old = link.mac] { (void)dataplane_.set_mac(id, old); });
    }
    link.mac = mac;
    return Ok{};
}

Result<> Transaction::set_mtu(LinkId id, std::uint16_t mtu)
{
    const MemoryReserve::Use use;
    Link& link = change_link(id);
    if (PortSpec* spec = link.port(); spec != nullptr) {
        spec->mtu = mtu;
        if (auto set = mode_ == Mode::kRehearsal ? Ok{} : dataplane_.set_mtu(id, mtu); !set)
            return std::move(set).error();
        if (mode_ == Mode::kReal)
            undo_.emplace_back([this, id, old = model_.mtu_of(link)] { (void)dataplane_.set_mtu(id, old); });
    }
    link.mtu = mtu;
    return Ok{};
}

} // namespace vx
