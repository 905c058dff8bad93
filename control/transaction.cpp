// SPDX-License-Identifier: BSD-3-Clause
#include "control/transaction.h"

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
                         std::string mac_seed)
    : model_(model), vteps_(vteps), dataplane_(dataplane), resolver_(resolver), mac_seed_(std::move(mac_seed))
{
}

Transaction::~Transaction()
{
    if (is_done_)
        return;
    for (auto undo = undo_.rbegin(); undo != undo_.rend(); ++undo)
        (*undo)();
    for (const LinkId link : opened_)
        dataplane_.remove_port(link);
    if (before_ != nullptr)
        model_ = std::move(*before_);
    vteps_.collect(); // what was interned for nothing
}

Result<const Link*> Transaction::link(const std::string& name) const
{
    if (const Link* found = model_.find(name))
        return found;
    return error("Cannot find device \"{}\"", name);
}

Model& Transaction::change()
{
    if (before_ == nullptr)
        before_ = std::make_unique<Model>(model_);
    return model_;
}

// ---- FDB -------------------------------------------------------------------------------------------------------

std::optional<Dest> Transaction::fdb_find(FdbKey key) const
{
    const auto changed = fdb_changes_.find(key);
    const Dest dest = changed != fdb_changes_.end() ? changed->second : dataplane_.fdb().find(key);
    return dest.kind() == Dest::Kind::kNone ? std::nullopt : std::optional{dest};
}

std::vector<FdbEntry> Transaction::fdb_entries() const
{
    std::map<FdbKey, FdbEntry> entries;
    dataplane_.fdb().for_each([&](FdbKey key, Dest dest, std::uint32_t seen) { entries[key] = {key, dest, seen}; });
    for (const auto& [key, dest] : fdb_changes_) {
        if (dest.kind() == Dest::Kind::kNone)
            entries.erase(key);
        else
            entries[key] = {key, dest, now_seconds_};
    }
    std::vector<FdbEntry> all;
    all.reserve(entries.size());
    for (const auto& [key, entry] : entries)
        all.push_back(entry);
    return all;
}

void Transaction::fdb_set(FdbKey key, Dest dest)
{
    fdb_changes_[key] = dest;
}

void Transaction::fdb_erase(FdbKey key)
{
    fdb_changes_[key] = Dest{};
}

Dest Transaction::dest_for(LinkId vxlan, const std::vector<Remote>& remotes)
{
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
    if (dest.kind() == Dest::Kind::kVtep)
        remotes.push_back(vteps_.key_of(dest.vtep()).second);
    if (dest.kind() == Dest::Kind::kReplicate)
        for (const VtepId id : vteps_.list_of(dest.replication()).vteps)
            remotes.push_back(vteps_.key_of(id).second);
    return remotes;
}

// ---- links -----------------------------------------------------------------------------------------------------

Result<const Link*> Transaction::add_link(Link link)
{
    link.id = change().take_link_id();
    if (link.id.is_none())
        return error("there are {} devices already, and no more are supported", model_.links.size());
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
        else if (spec.kind == "tap")
            spec.mac = stable_mac(mac_seed_, link.name);
        auto added = open_port(link.id, spec);
        if (!added)
            return std::move(added).error();
        link.mac = added->mac;
        link.mtu = added->mtu;
        if (!added->warning.empty())
            warn(std::move(added->warning));
    }
    const LinkId id = link.id;
    return &(model_.links[id] = std::move(link));
}

// A port that this transaction removed closes at commit, so that a rollback finds it as it was. Until then a new one
// cannot be opened on the same interface or device.
Result<AddedPort> Transaction::open_port(LinkId id, const PortSpec& spec)
{
    const Link* same = nullptr;  // the last removed of the same kind and options
    const Link* other = nullptr; // of the same kind
    for (const LinkId closed : closed_) {
        const auto before = before_->links.find(closed);
        if (before == before_->links.end() || before->second.port()->kind != spec.kind)
            continue;
        const PortSpec& removed = *before->second.port();
        // A MAC or an MTU that was set cannot be unset but by opening anew; pcap reads its file again from the start.
        const bool is_same = removed.options == spec.options && spec.kind != "pcap" && (spec.mac || !removed.mac) &&
                             (spec.mtu || !removed.mtu || spec.kind == "tap");
        (is_same ? same : other) = &before->second;
    }
    // A TAP may be wanted in a new namespace of the old name: where one can be made, it is.
    if (same != nullptr && spec.kind != "tap")
        if (auto taken = take_over_port(same->id, id, spec))
            return taken;
    auto added = dataplane_.add_port(id, spec);
    if (added) {
        opened_.push_back(id);
        return added;
    }
    if (same != nullptr && spec.kind == "tap")
        if (auto taken = take_over_port(same->id, id, spec))
            return taken;
    if (const Link* in_the_way = same != nullptr ? same : other)
        return error(
            "{} (the port of \"{}\" is closed only at the end of this transaction, and its place is taken over "
            "only by one with the same options; delete it in a transaction of its own)",
            added.error().message, in_the_way->name);
    return added;
}

Result<AddedPort> Transaction::take_over_port(LinkId from, LinkId to, const PortSpec& spec)
{
    auto taken = dataplane_.hand_over_port(from, to);
    if (!taken)
        return taken;
    const AddedPort before = *taken;
    const std::optional<std::uint16_t> mtu = spec.kind == "tap" ? spec.mtu.value_or(kDefaultMtu) : spec.mtu;
    const auto undo = [this, from, to, before] {
        (void)dataplane_.set_mtu(to, before.mtu);
        (void)dataplane_.set_mac(to, before.mac);
        (void)dataplane_.hand_over_port(to, from);
    };
    Result<> set = Ok{};
    if (mtu && *mtu != before.mtu)
        set = dataplane_.set_mtu(to, *mtu);
    if (set && spec.mac && *spec.mac != before.mac)
        set = dataplane_.set_mac(to, *spec.mac);
    if (!set) {
        undo();
        return std::move(set).error();
    }
    undo_.emplace_back(undo);
    taken->mtu = mtu.value_or(before.mtu);
    taken->mac = spec.mac.value_or(before.mac);
    return taken;
}

void Transaction::remove_link(LinkId id)
{
    Model& model = change();
    const Link removed = *model.find(id);
    if (removed.bridge() != nullptr)
        for (auto& [member_id, member] : model.links)
            if (member.master == id)
                (void)set_master(member_id, kNoLink); // leaving a bridge cannot conflict: its own domain is empty
    for (const FdbEntry& entry : fdb_entries())
        if (entry.dest.link() == id || (!removed.own_bridge.is_none() && entry.key.bridge() == removed.own_bridge))
            fdb_erase(entry.key);
    std::erase_if(model.addresses, [&](const auto& entry) { return entry.first.first == id; });
    std::erase_if(model.routes, [&](const auto& entry) { return entry.second.link == id; });
    std::erase_if(model.neighbors, [&](const auto& entry) { return entry.first.first == id; });
    if (removed.port() != nullptr)
        closed_.push_back(id);
    model.links.erase(id);
}

Result<> Transaction::set_master(LinkId id, LinkId master)
{
    Model& model = change();
    Link& link = *model.find(id);
    const BridgeId before = model.domain_of(link);
    link.master = master;
    const BridgeId after = model.domain_of(link);
    if (before == after)
        return Ok{};
    for (const FdbEntry& entry : fdb_entries()) {
        if (entry.dest.link() != id || entry.key.bridge() != before || entry.dest.kind() == Dest::Kind::kLocal)
            continue;
        fdb_erase(entry.key);
        if (link.vxlan() == nullptr || entry.dest.has(Dest::kLearned))
            continue;
        const FdbKey moved{after, entry.key.mac()};
        if (const auto taken = fdb_find(moved); taken && taken->is_fixed() && taken->kind() != Dest::Kind::kLocal)
            return error("FDB entry {} of \"{}\" is in bridge \"{}\" already, on \"{}\"", moved.mac().to_string(),
                         link.name, model.find(master)->name, model.find(taken->link())->name);
        fdb_set(moved, entry.dest);
    }
    return Ok{};
}

Result<> Transaction::set_mac(LinkId id, const Mac& mac)
{
    Link& link = *change().find(id);
    if (PortSpec* spec = link.port(); spec != nullptr) {
        spec->mac = mac;
        if (auto set = dataplane_.set_mac(id, mac); !set)
            return std::move(set).error();
        undo_.emplace_back([this, id, old = link.mac] { (void)dataplane_.set_mac(id, old); });
    }
    link.mac = mac;
    return Ok{};
}

Result<> Transaction::set_mtu(LinkId id, std::uint16_t mtu)
{
    Link& link = *change().find(id);
    if (PortSpec* spec = link.port(); spec != nullptr) {
        spec->mtu = mtu;
        if (auto set = dataplane_.set_mtu(id, mtu); !set)
            return std::move(set).error();
        undo_.emplace_back([this, id, old = model_.mtu_of(link)] { (void)dataplane_.set_mtu(id, old); });
    }
    link.mtu = mtu;
    return Ok{};
}

} // namespace vx
