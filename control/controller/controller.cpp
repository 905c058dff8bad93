// SPDX-License-Identifier: BSD-3-Clause
#include "control/controller/controller.h"

#include "control/base/log.h"
#include "control/base/memory_reserve.h"

#include <algorithm>
#include <limits>
#include <random>

namespace vx
{

Controller::Controller(Dataplane& dataplane, Options options)
    : dataplane_(dataplane), options_(std::move(options)),
      resolver_({
          .solicit = [this](LinkId link, const IpAddress& address,
                            std::optional<Mac> known) { host_stack_.solicit(link, address, known); },
          .changed =
              [this](const NeighborKey& key, std::optional<Mac> mac) {
                  tell_neighbor(key, mac, "REACHABLE");
                  const Link* link = model_.find(key.first);
                  if (link == nullptr || !model_.is_underlay(*link))
                      return update_neighbor(key);
                  compiler_.note(key);
              },
          .release = [this](const HeldFrame& held) { send(held.in, held.frame); },
          .dropped =
              [this](const HeldFrame& held) {
                  dataplane_.count_drop(held.in, DropReason::neighbor_unresolved, held.frame, held.tag);
              },
      }),
      groups_([this](LinkId link, MldVersion version,
                     std::span<const GroupRecord> records) { host_stack_.report(link, version, records); },
              std::random_device{}()),
      host_stack_(
          model_, resolver_, groups_, [this](LinkId link, const std::vector<std::byte>& frame) { send(link, frame); },
          [this](LinkId link, const IpAddress& address) { return dataplane_.kernel_has(link, address); }),
      adjacencies_(dataplane_.neighbors(), dataplane_.fdb()),
      compiler_(model_, vteps_, adjacencies_, [this](const NeighborKey& key) { return known_mac(key); }),
      captures_(dataplane_, model_), monitors_([this] { dataplane_.notify(); }),
      learned_(std::size_t{std::numeric_limits<std::uint16_t>::max()} + 1)
{
    dataplane_.set_now(now_seconds());
}

Controller::~Controller()
{
    const MemoryReserve::Use use(std::nothrow);
    captures_.stop();
    monitors_.stop();
    dataplane_.publish(std::make_unique<ForwardingConfig>());
    for (const auto& [id, link] : model_.links())
        if (link.port() != nullptr)
            dataplane_.remove_port(id);
}

std::uint32_t Controller::now_seconds() const
{
    return static_cast<std::uint32_t>(options_.clock_ms() / 1000);
}

void Controller::send(LinkId link, Bytes frame)
{
    using Injected = Dataplane::Injected;
    if (const Injected outcome = dataplane_.inject(link, frame); outcome != Injected::kSent)
        dataplane_.count_drop(link, outcome == Injected::kNoBuffer ? DropReason::no_mbuf : DropReason::punt_full,
                              frame);
}

// ---- transactions ----------------------------------------------------------------------------------------------

std::unique_ptr<Transaction> Controller::begin()
{
    auto transaction = std::make_unique<Transaction>(model_, vteps_, dataplane_, resolver_, options_.mac_seed);
    transaction->set_now_seconds(now_seconds());
    return transaction;
}

// Long lists of changes touch one place in memory after the other: several are asked for at a time.
template <typename Function>
void Controller::for_each_fdb_change(const Transaction& transaction, Function function)
{
    constexpr std::ptrdiff_t kAhead = 16;
    constexpr std::ptrdiff_t kChangesPerLook = 1024;
    const FdbChanges& changes = transaction.fdb_changes_;
    for (auto change = changes.begin(); change != changes.end(); ++change) {
        if ((change - changes.begin()) % kChangesPerLook == kChangesPerLook - 1)
            answer();
        if (changes.end() - change > kAhead)
            dataplane_.fdb().prefetch(change[kAhead].first);
        function(change->first, change->second);
    }
}

// Those whose place in the data plane's table may be another after the Model changed; some of them more than once.
template <typename Function>
void Controller::for_each_touched_neighbor(const Transaction& transaction, Function function) const
{
    std::ranges::for_each(transaction.forgotten_, function);
    for (const auto& [key, mac] : transaction.before_.neighbors)
        function(key);
    for (const auto& [id, old] : transaction.before_.links) {
        const Link* link = model_.find(id);
        if (old && link != nullptr && model_.is_underlay(*old) == model_.is_underlay(*link))
            continue;
        const auto call_for = [&, link_id = id](const auto& map) {
            for (auto at = map.lower_bound(NeighborKey{link_id, IpAddress{}});
                 at != map.end() && at->first.first == link_id; ++at)
                function(at->first);
        };
        call_for(routed_neighbors_);
        call_for(model_.neighbors());
        call_for(resolver_.all());
    }
}

// What a commit may allocate: tables that grow, if it adds to them, maps and lists of what changes, and what is
// compiled anew; beside the base, of which a quarter is for this, so that for a small change there is always enough.
std::size_t Controller::memory_for(const Transaction& transaction) const
{
    constexpr std::size_t kOfEntry = 256;
    constexpr std::size_t kOfSlot = 64; // in the next size of a table, for each entry that it has
    const ModelDiff& before = transaction.before_;
    std::size_t entries = transaction.fdb_changes_.size();
    bool adds_entry = std::ranges::any_of(transaction.fdb_changes_,
                                          [](const auto& change) { return change.second.kind() != Dest::Kind::kNone; });
    for (const auto& [id, old] : before.links) {
        const Link* link = model_.find(id);
        entries += 1 + model_.members(id).size(); // own MACs
        adds_entry |= link != nullptr && (!old || old->mac != link->mac || old->master != link->master);
    }
    bool adds_neighbor = false;
    for_each_touched_neighbor(transaction, [&](const NeighborKey& key) {
        ++entries;
        adds_neighbor |= !routed_neighbors_.contains(key) && known_mac(key);
    });
    const std::size_t bytes = kOfEntry * entries + (adds_entry ? kOfSlot * dataplane_.fdb().size() : 0) +
                              (adds_neighbor ? kOfSlot * dataplane_.neighbors().size() : 0) +
                              compiler_.memory_for(before, vteps_.changes());
    return MemoryReserve::kBase + bytes - std::min(bytes, MemoryReserve::kBase / 4);
}

void Controller::commit(Transaction& transaction)
{
    const MemoryReserve::Use use(memory_for(transaction));
    take_effect(transaction);
}

// The order keeps every worker from meeting a number that its snapshot lacks: FDB deletes, publish, synchronize, FDB
// inserts, and only then is freed what nothing names any more. An entry that gets another link while links change is
// deleted and inserted, for its old link may be one that goes.
void Controller::take_effect(Transaction& transaction) noexcept
{
    const ModelDiff& before = transaction.before_;
    committed_ = &before;
    const bool is_model_changed = !before.empty();
    if (is_model_changed) {
        count_flood_references(before);
        update_own_macs(transaction);
        for (const auto& [id, old] : before.links) {
            if (old && model_.find(id) == nullptr)
                resolver_.forget_link(id);
            if (!old)
                dataplane_.reset_totals(id);
        }
        compiler_.note(before);
        captures_.note(before);
    }
    for (const NeighborKey& key : transaction.forgotten_)
        resolver_.forget(key);
    for_each_fdb_change(transaction, [&](FdbKey key, Dest dest) {
        if (dest.kind() == Dest::Kind::kNone || (is_model_changed && dataplane_.fdb().find(key).link() != dest.link()))
            (void)set_fdb(key, Dest{});
    });
    needs_publish_ |= vteps_.changes().has_new || is_model_changed;
    publish_if_needed();
    bool is_erased = false;
    dataplane_.fdb().reserve(transaction.fdb_changes_.size());
    std::size_t refused = 0; // of what is configured
    for_each_fdb_change(transaction, [&](FdbKey key, Dest dest) {
        if (dest.kind() == Dest::Kind::kNone)
            is_erased = true;
        else if (set_fdb(key, dest))
            return;
        else if (dest.has(Dest::kLearned))
            dataplane_.count_learn_refused();
        else if (refused++ == 0)
            log_warning("the FDB has no room for {} of bridging domain {}", key.mac().to_string(), key.bridge().value);
    });
    if (refused > 1)
        log_warning("the FDB has no room for {} more entries", refused - 1);
    publish_if_needed();
    if (!transaction.fdb_changes_.empty() && (is_erased || !is_model_changed))
        dataplane_.synchronize();
    if (is_model_changed || !transaction.forgotten_.empty())
        update_neighbors(transaction);
    for (const LinkId link : transaction.closed_)
        dataplane_.remove_port(link);
    vteps_.collect();
    needs_publish_ |= !vteps_.changes().vteps.empty(); // at the next tick: nobody needs the next hops of those any more
    if (is_model_changed) {
        follow_groups(before);
        announce_addresses(before);
        tell_changes(before);
    }
    committed_ = nullptr;
    transaction.is_done_ = true;
}

void Controller::announce_addresses(const ModelDiff& before)
{
    const auto has_audience = [this](const Link& link) {
        if (link.vxlan() != nullptr)
            return !link.vxlan()->flood.empty();
        return link.port() != nullptr || !model_.members(link.id).empty();
    };
    const auto announce = [&](const AddressKey& key) {
        if (has_audience(*model_.find(key.first)))
            host_stack_.announce(key.first, key.second.address());
    };
    for (const auto& [key, was_there] : before.addresses)
        if (!was_there && model_.addresses().contains(key))
            announce(key);
    for (const auto& [id, old] : before.links) {
        const Link* link = model_.find(id);
        if (link == nullptr || !old || old->mac == link->mac)
            continue;
        for (const AddressKey& key : model_.addresses_of(id))
            if (const auto touched = before.addresses.find(key); touched == before.addresses.end() || touched->second)
                announce(key);
    }
}

void Controller::publish()
{
    needs_publish_ = needs_refresh_ = false;
    dataplane_.publish(compiler_.update(vteps_.take_changes()));
    dataplane_.fdb().release_retired();
    dataplane_.neighbors().release_retired();
    const Compiler::NextHops next_hops = compiler_.take_next_hops();
    resolver_.change_next_hops(next_hops.wanted, next_hops.unwanted, options_.clock_ms());
}

void Controller::publish_if_needed()
{
    if (needs_publish_)
        publish();
    if (needs_refresh_) {
        needs_refresh_ = false;
        dataplane_.refresh_tables();
    }
}

// Flood lists refer to their VTEPs for as long as the VXLAN device has them.
void Controller::count_flood_references(const ModelDiff& before)
{
    for (const auto& [id, old] : before.links) {
        const Link* link = model_.find(id);
        const auto flood_of = [](const Link* of) {
            return of != nullptr && of->vxlan() != nullptr ? std::span{of->vxlan()->flood} : std::span<const Remote>{};
        };
        auto gone = flood_of(old ? &*old : nullptr);
        auto come = flood_of(link);
        // Lists are long, and change in one place.
        while (!gone.empty() && !come.empty() && gone.front() == come.front()) {
            gone = gone.subspan(1);
            come = come.subspan(1);
        }
        while (!gone.empty() && !come.empty() && gone.back() == come.back()) {
            gone = gone.first(gone.size() - 1);
            come = come.first(come.size() - 1);
        }
        for (const Remote& remote : come)
            vteps_.acquire(vteps_.intern({id, remote}));
        for (const Remote& remote : gone)
            vteps_.release(vteps_.intern({id, remote}));
    }
}

// The MACs of bridges and VXLAN devices are permanent entries of their domain, so that they never age out or move.
void Controller::update_own_macs(Transaction& transaction)
{
    for (const auto& [id, old] : transaction.before_.links) {
        place_own_mac(id, transaction);
        for (const LinkId member : model_.members(id))
            place_own_mac(member, transaction);
    }
}

void Controller::place_own_mac(LinkId id, Transaction& transaction)
{
    const Link* link = model_.find(id);
    const Link* interface = link == nullptr || link->port() != nullptr ? nullptr : model_.interface_of(*link);
    std::optional<OwnMac> wanted;
    if (interface != nullptr)
        wanted = OwnMac{FdbKey{model_.domain_of(*link), link->mac},
                        Dest::local(interface->id).with(Dest::kStatic | Dest::kPermanent)};
    const auto old = own_macs_.find(id);
    if (old != own_macs_.end() && (!wanted || old->second.key != wanted->key || old->second.dest != wanted->dest)) {
        const auto count = own_mac_counts_.find(old->second.key);
        if (--count->second == 0) {
            own_mac_counts_.erase(count);
            if (transaction.fdb_find(old->second.key) == old->second.dest)
                transaction.fdb_erase(old->second.key);
        }
        own_macs_.erase(old);
    }
    if (wanted && own_macs_.try_emplace(id, *wanted).second) {
        ++own_mac_counts_[wanted->key];
        transaction.fdb_set(wanted->key, wanted->dest);
    }
}

// Brings one entry of the data plane's neighbour table in line with what is configured or was resolved. It has those
// of bridges and routed VXLAN devices, which workers look up; underlay ports' are in the encapsulation templates.
void Controller::update_neighbor(const NeighborKey& key)
{
    const Link* link = model_.find(key.first);
    std::optional<Mac> mac;
    if (link != nullptr && !model_.is_underlay(*link) && key.second.is_v4())
        mac = known_mac(key);
    const auto old = routed_neighbors_.find(key);
    if (!mac && old != routed_neighbors_.end()) {
        dataplane_.neighbors().erase(key.first, key.second.v4_host());
        routed_neighbors_.erase(old);
        adjacencies_.note(key);
    } else if (mac && (old == routed_neighbors_.end() || old->second != *mac)) {
        needs_refresh_ |= dataplane_.neighbors().set(key.first, key.second.v4_host(), *mac, now_seconds()) ==
                          NeighborTable::Change::kRebuilt;
        routed_neighbors_[key] = *mac;
        adjacencies_.note(key);
    }
}

void Controller::update_neighbors(const Transaction& transaction)
{
    std::set<NeighborKey> keys;
    for_each_touched_neighbor(transaction, [&](const NeighborKey& key) { keys.insert(key); });
    for (const NeighborKey& key : keys)
        update_neighbor(key);
    publish_if_needed();
}

std::optional<Mac> Controller::known_mac(const NeighborKey& key) const
{
    if (const auto fixed = model_.neighbors().find(key); fixed != model_.neighbors().end())
        return fixed->second.mac;
    return resolver_.find(key);
}

// Stores or erases one entry, and moves the references that it holds.
bool Controller::set_fdb(FdbKey key, Dest dest)
{
    Fdb& fdb = dataplane_.fdb();
    const Dest old = fdb.find(key);
    if (dest.kind() == Dest::Kind::kNone) {
        fdb.erase(key);
    } else {
        const Fdb::Change change = fdb.set(key, dest, now_seconds());
        if (change == Fdb::Change::kRefused)
            return false;
        needs_refresh_ |= change == Fdb::Change::kRebuilt;
    }
    tell_fdb(key, old, dest);
    adjacencies_.note(key);
    learned_[key.bridge().value] += dest.has(Dest::kLearned) ? 1 : 0;
    learned_[key.bridge().value] -= old.has(Dest::kLearned) ? 1 : 0;
    if (dest.kind() == Dest::Kind::kVtep)
        vteps_.acquire(dest.vtep());
    if (dest.kind() == Dest::Kind::kReplicate)
        vteps_.acquire(dest.replication());
    if (old.kind() == Dest::Kind::kVtep)
        vteps_.release(old.vtep());
    if (old.kind() == Dest::Kind::kReplicate)
        vteps_.release(old.replication());
    return true;
}

} // namespace vx
