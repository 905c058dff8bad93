// SPDX-License-Identifier: BSD-3-Clause
#include "control/controller.h"

#include "control/command.h"
#include "control/compile.h"

#include <algorithm>
#include <set>

namespace vx
{

Controller::Controller(Dataplane& dataplane, Options options)
    : dataplane_(dataplane), options_(std::move(options)),
      resolver_({
          .solicit = [this](LinkId link, const IpAddress& address,
                            std::optional<Mac> known) { host_stack_.solicit(link, address, known); },
          .changed =
              [this](const NeighborKey& key, std::optional<Mac>) {
                  const Link* link = model_.find(key.first);
                  if (link != nullptr && model_.is_underlay(*link))
                      needs_publish_ = true;
                  else
                      update_neighbor(key);
              },
          .release = [this](LinkId in, Bytes frame) { send(in, frame); },
          .dropped = [this](LinkId in) { dataplane_.count_drop(in, DropReason::neighbor_unresolved); },
      }),
      host_stack_(model_, resolver_, [this](LinkId link, const std::vector<std::byte>& frame) { send(link, frame); })
{
    dataplane_.set_now(now_seconds());
}

Controller::~Controller()
{
    dataplane_.publish(std::make_unique<ForwardingConfig>());
    for (const auto& [id, link] : model_.links)
        if (link.port() != nullptr)
            dataplane_.remove_port(id);
}

std::uint32_t Controller::now_seconds() const
{
    return static_cast<std::uint32_t>(options_.clock_ms() / 1000);
}

void Controller::send(LinkId link, Bytes frame)
{
    if (!dataplane_.inject(link, frame))
        dataplane_.count_drop(link, DropReason::punt_full);
}

// ---- transactions ----------------------------------------------------------------------------------------------

std::unique_ptr<Transaction> Controller::begin()
{
    auto transaction = std::make_unique<Transaction>(model_, vteps_, dataplane_, resolver_, options_.mac_seed);
    transaction->set_now_seconds(now_seconds());
    return transaction;
}

Response Controller::run(const Request& request)
{
    Response response;
    std::unique_ptr<Transaction> transaction;
    for (std::size_t index = 0; index < request.commands.size(); ++index) {
        if (transaction == nullptr)
            transaction = begin();
        auto reply = dispatch(*transaction, request.commands[index]);
        if (!reply) {
            response.failures.push_back({index, std::move(reply).error()});
            transaction.reset(); // takes back what the transaction did so far
            if (request.on_failure != OnFailure::kGoOn)
                return response;
            response.outputs.emplace_back(nullptr);
            continue;
        }
        for (std::string& warning : reply->warnings)
            response.warnings.push_back(std::move(warning));
        if (request.format == Format::kJson)
            response.outputs.push_back(std::move(reply->json));
        else
            response.outputs.emplace_back(std::move(reply->text));
        if (request.on_failure != OnFailure::kUndoAll || index + 1 == request.commands.size()) {
            if (auto fits = check_fdb_size(*transaction); !fits) {
                response.failures.push_back({index, std::move(fits).error()});
                transaction.reset();
                if (request.on_failure != OnFailure::kGoOn)
                    return response;
                response.outputs.back() = nullptr;
                continue;
            }
            commit(*transaction);
            for (std::string& warning : transaction->take_warnings())
                response.warnings.push_back(std::move(warning));
            transaction.reset();
        }
    }
    return response;
}

Result<> Controller::check_fdb_size(const Transaction& transaction) const
{
    const Fdb& fdb = dataplane_.fdb();
    std::size_t added = 0;
    std::size_t removed = 0;
    for (const auto& [key, dest] : transaction.fdb_changes_) {
        const bool is_there = fdb.find(key).kind() != Dest::Kind::kNone;
        const bool is_wanted = dest.kind() != Dest::Kind::kNone;
        added += is_wanted && !is_there ? 1 : 0;
        removed += is_there && !is_wanted ? 1 : 0;
    }
    if (added > removed && fdb.size() - removed + added > fdb.max_size())
        return error("the FDB holds {} of at most {} entries; there is no room for {} more", fdb.size(), fdb.max_size(),
                     added - removed);
    return Ok{};
}

// The order keeps every worker from meeting a number that its snapshot lacks: FDB deletes, publish, synchronize, FDB
// inserts, and only then is freed what nothing names any more.
void Controller::commit(Transaction& transaction)
{
    const bool is_model_changed = transaction.before_ != nullptr;
    if (is_model_changed) {
        count_flood_references(model_, +1);
        count_flood_references(*transaction.before_, -1);
        update_own_macs(transaction);
        for (const auto& [id, link] : transaction.before_->links)
            if (model_.find(id) == nullptr)
                resolver_.forget_link(id);
        for (const auto& [id, link] : model_.links)
            if (!transaction.before_->links.contains(id))
                dataplane_.reset_totals(id);
    }
    for (const NeighborKey& key : transaction.forgotten_)
        resolver_.forget(key);
    for (const auto& [key, dest] : transaction.fdb_changes_)
        if (dest.kind() == Dest::Kind::kNone)
            set_fdb(key, dest);
    needs_publish_ |= vteps_.take_is_new() || is_model_changed;
    publish_if_needed();
    bool is_erased = false;
    for (const auto& [key, dest] : transaction.fdb_changes_) {
        if (dest.kind() == Dest::Kind::kNone)
            is_erased = true;
        else
            set_fdb(key, dest);
    }
    publish_if_needed();
    if (!transaction.fdb_changes_.empty() && (is_erased || !is_model_changed))
        dataplane_.synchronize();
    if (is_model_changed || !transaction.forgotten_.empty())
        update_neighbors();
    for (const LinkId link : transaction.closed_)
        dataplane_.remove_port(link);
    vteps_.collect();
    if (is_model_changed)
        announce_addresses(*transaction.before_);
    transaction.is_done_ = true;
}

void Controller::announce_addresses(const Model& before)
{
    const auto has_audience = [this](const Link& link) {
        if (link.vxlan() != nullptr)
            return !link.vxlan()->flood.empty();
        return link.port() != nullptr || std::any_of(model_.links.begin(), model_.links.end(),
                                                     [&](const auto& other) { return other.second.master == link.id; });
    };
    for (const auto& [key, nothing] : model_.addresses) {
        const Link& link = *model_.find(key.first);
        const Link* old = before.find(key.first);
        const bool is_news = !before.addresses.contains(key) || old == nullptr || old->mac != link.mac;
        if (is_news && has_audience(link))
            host_stack_.announce(key.first, key.second.address());
    }
}

void Controller::publish()
{
    needs_publish_ = needs_refresh_ = false;
    Compiled compiled = compile(model_, vteps_, [this](const NeighborKey& key) { return known_mac(key); });
    std::erase_if(compiled.next_hops, [this](const NeighborKey& key) { return model_.neighbors.contains(key); });
    dataplane_.publish(std::move(compiled.config));
    dataplane_.fdb().release_retired();
    dataplane_.neighbors().release_retired();
    resolver_.want_next_hops(compiled.next_hops, options_.clock_ms());
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
void Controller::count_flood_references(const Model& model, int change)
{
    for (const auto& [id, link] : model.links) {
        const VxlanSettings* vxlan = link.vxlan();
        if (vxlan == nullptr)
            continue;
        for (const Remote& remote : vxlan->flood) {
            const VtepId vtep = vteps_.intern({id, remote});
            if (change > 0)
                vteps_.acquire(vtep);
            else
                vteps_.release(vtep);
        }
    }
}

// The MACs of bridges and VXLAN devices are permanent entries of their domain, so that they never age out or move.
void Controller::update_own_macs(Transaction& transaction)
{
    std::map<FdbKey, Dest> wanted;
    for (const auto& [id, link] : model_.links)
        if (const Link* interface = model_.interface_of(link); interface != nullptr && link.port() == nullptr)
            wanted.emplace(FdbKey{model_.domain_of(link), link.mac},
                           Dest::local(interface->id).with(Dest::kStatic | Dest::kPermanent));
    for (const auto& [key, dest] : own_macs_)
        if (!wanted.contains(key) && transaction.fdb_find(key) == dest)
            transaction.fdb_erase(key);
    for (const auto& [key, dest] : wanted)
        transaction.fdb_set(key, dest);
    own_macs_ = std::move(wanted);
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
    } else if (mac && (old == routed_neighbors_.end() || old->second != *mac)) {
        needs_refresh_ |= dataplane_.neighbors().set(key.first, key.second.v4_host(), *mac, now_seconds()) ==
                          NeighborTable::Change::kRebuilt;
        routed_neighbors_[key] = *mac;
    }
}

// After the Model changed: links, addresses and static entries may have come and gone.
void Controller::update_neighbors()
{
    std::set<NeighborKey> keys;
    for (const auto& [key, mac] : routed_neighbors_)
        keys.insert(key);
    for (const auto& [key, mac] : model_.neighbors)
        keys.insert(key);
    for (const auto& [key, neighbor] : resolver_.all())
        keys.insert(key);
    for (const NeighborKey& key : keys)
        update_neighbor(key);
    publish_if_needed();
}

std::optional<Mac> Controller::known_mac(const NeighborKey& key) const
{
    if (const auto fixed = model_.neighbors.find(key); fixed != model_.neighbors.end())
        return fixed->second;
    return resolver_.find(key);
}

// Stores or erases one entry, and moves the references that it holds.
void Controller::set_fdb(FdbKey key, Dest dest)
{
    Fdb& fdb = dataplane_.fdb();
    const Dest old = fdb.find(key);
    if (dest.kind() == Dest::Kind::kNone) {
        fdb.erase(key);
    } else {
        const Fdb::Change change = fdb.set(key, dest, now_seconds());
        if (change == Fdb::Change::kRefused)
            return;
        needs_refresh_ |= change == Fdb::Change::kRebuilt;
    }
    learned_[key.bridge()] += dest.has(Dest::kLearned) ? 1 : 0;
    learned_[key.bridge()] -= old.has(Dest::kLearned) ? 1 : 0;
    if (dest.kind() == Dest::Kind::kVtep)
        vteps_.acquire(dest.vtep());
    if (dest.kind() == Dest::Kind::kReplicate)
        vteps_.acquire(dest.replication());
    if (old.kind() == Dest::Kind::kVtep)
        vteps_.release(old.vtep());
    if (old.kind() == Dest::Kind::kReplicate)
        vteps_.release(old.replication());
}

// ---- what workers report -----------------------------------------------------------------------------------------

bool Controller::poll()
{
    dataplane_.acknowledge();
    std::size_t count = 0;
    {
        auto transaction = begin();
        count = dataplane_.take_learned([&](const LearnEvent& event) { learn(*transaction, event); });
        if (count != 0)
            commit(*transaction);
    }
    const std::int64_t now = options_.clock_ms();
    std::size_t punted = 0;
    while (const std::size_t taken = dataplane_.take_punted([&](LinkId in, PuntReason reason, Bytes frame) {
        if (const auto dropped = host_stack_.receive(in, reason, frame, now))
            dataplane_.count_drop(in, *dropped);
    })) {
        punted += taken;
        if (punted > 4096)
            break; // let the config socket have a turn; the rest is taken by the next tick
    }
    publish_if_needed();
    return count + punted != 0;
}

void Controller::learn(Transaction& transaction, const LearnEvent& event)
{
    const Link* link = model_.find(event.link);
    if (link == nullptr || model_.domain_of(*link) != event.key.bridge())
        return; // deleted or moved since
    const auto known = transaction.fdb_find(event.key);
    if (known && known->is_fixed())
        return;
    if (!known && learned_[event.key.bridge()] >= kMaxLearned) {
        dataplane_.count_learn_refused();
        return;
    }
    if (event.vtep_family == 0) {
        transaction.fdb_set(event.key, Dest::port(link->id).with(Dest::kLearned));
        return;
    }
    const VxlanSettings* vxlan = link->vxlan();
    if (vxlan == nullptr || !vxlan->learning)
        return;
    const IpAddress vtep = event.vtep_family == 4 ? IpAddress::v4_from_wire(event.vtep.data())
                                                  : IpAddress::v6_from_wire(event.vtep.data());
    const bool is_peer = !vtep.is_unspecified() && !vtep.is_multicast() && !vtep.is_loopback() &&
                         !vtep.is_limited_broadcast() && model_.owner_of(vtep) == nullptr;
    if (!is_peer || vtep.family() != vxlan->local.family())
        return; // nobody who could be answered from this device's address
    const Remote remote{vtep, vxlan->udp_port, vxlan->vni};
    if (!vteps_.find({link->id, remote}) && vteps_.vteps().size() >= kMaxVteps) {
        dataplane_.count_learn_refused();
        return;
    }
    transaction.fdb_set(event.key, transaction.dest_for(link->id, {remote}).with(Dest::kLearned));
}

void Controller::tick()
{
    dataplane_.set_now(now_seconds());
    resolver_.tick(options_.clock_ms());
    publish_if_needed();
    poll();
    if (options_.clock_ms() - last_age_ms_ >= 1000) {
        age();
        check_ports();
    }
}

void Controller::age()
{
    last_age_ms_ = options_.clock_ms();
    const std::uint32_t now = now_seconds();
    auto transaction = begin();
    bool any = false;
    dataplane_.fdb().for_each([&](FdbKey key, Dest dest, std::uint32_t last_seen) {
        if (!dest.has(Dest::kLearned))
            return;
        const Link* link = model_.find(dest.link());
        std::uint32_t limit = 0;
        if (link != nullptr && link->vxlan() != nullptr)
            limit = link->vxlan()->ageing_seconds;
        else if (link != nullptr && model_.find(link->master) != nullptr)
            limit = model_.find(link->master)->bridge()->ageing_seconds;
        if (limit == 0 || now - last_seen <= limit)
            return;
        transaction->fdb_erase(key);
        any = true;
    });
    if (any)
        commit(*transaction);
}

} // namespace vx
