// SPDX-License-Identifier: BSD-3-Clause
// What a command handler works with: the Model as it will be, the FDB as it will be, and the ports. Either everything
// that was done through it takes effect (Controller::commit), or, when it is destroyed before, nothing; also when it is
// destroyed because something threw. Every function that changes something changes all of it or throws before.
#pragma once

#include "control/base/budget.h"
#include "control/base/memory_reserve.h"
#include "control/model/fdb_changes.h"
#include "control/model/model.h"
#include "control/model/vteps.h"
#include "control/neighbours/resolver.h"
#include "control/wire/wire.h"
#include "dataplane/dataplane.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace vx
{

// An FDB entry as `bridge fdb show` knows it.
struct FdbEntry {
    FdbKey key;
    Dest dest;
    std::uint32_t last_seen = 0; // seconds of the data plane's clock
};

class Transaction
{
public:
    // A rehearsal is about what commands would make of an empty configuration: it opens no port and reads no FDB, and
    // is never committed.
    enum class Mode : std::uint8_t { kReal, kRehearsal };
    Transaction(Model& model, VtepRegistry& vteps, Dataplane& dataplane, Resolver& resolver, std::string mac_seed,
                Mode mode = Mode::kReal);
    ~Transaction(); // rolls back, unless committed
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;

    // Whose commands these are: what the request may take, and the form of its answer. Without it there is no bound.
    void serve(Budget& budget, Format format)
    {
        budget_ = &budget;
        format_ = format;
    }
    Budget& budget() const { return *budget_; }
    Format format() const { return format_; }

    // ---- reading ----
    const Model& model() const { return model_; }
    const Resolver& resolver() const { return resolver_; }
    const Dataplane& dataplane() const { return dataplane_; }
    const VtepRegistry& vteps() const { return vteps_; }
    // As Dataplane's: counting begins with the question. That publishes, and workers may not see half of what is to
    // change, so nothing may have changed before it.
    Result<Dataplane::TallyTotals> tally(Tally::By by)
    {
        const MemoryReserve::Use use;
        if (mode_ == Mode::kRehearsal || has_changes())
            return error("packets cannot be counted in the middle of changes: ask for it by itself");
        return dataplane_.tally(by);
    }
    // As Dataplane's: whether the port's other end is there, and whose port has taken an interface.
    bool has_port(LinkId link) const { return mode_ == Mode::kRehearsal || dataplane_.has_port(link); }
    std::optional<LinkId> port_on(const std::string& interface) const;
    // As Dataplane's. A rehearsal numbers its links for itself, so it has nothing to ask for.
    bool kernel_has(LinkId link, const IpAddress& address) const
    {
        return mode_ == Mode::kReal && dataplane_.kernel_has(link, address);
    }
    // The device of this name; a kRefused error "Cannot find device "x"" if there is none.
    Result<const Link*> link(const std::string& name) const;
    std::optional<Dest> fdb_find(FdbKey key) const;
    // function(const FdbEntry&) for every entry, in no order; own MACs included, all-zero entries not (they are
    // VxlanSettings::flood). It must not change the FDB.
    template <typename Function>
    void for_each_fdb(Function&& function) const
    {
        const Budget::AtMost answers(*budget_, Budget::Pause::kAnswers); // the table has to keep its size
        if (mode_ == Mode::kReal)
            dataplane_.fdb().for_each([&](FdbKey key, Dest dest, std::uint32_t seen) {
                budget_->step();
                if (fdb_changes_.empty() || fdb_changes_.find(key) == nullptr)
                    function(FdbEntry{key, dest, seen});
            });
        for (const auto& [key, dest] : budget_->each(fdb_changes_))
            if (dest.kind() != Dest::Kind::kNone)
                function(FdbEntry{key, dest, now_seconds_});
    }
    // Those that the predicate(const FdbEntry&) holds for.
    template <typename Predicate>
    std::vector<FdbEntry> fdb_entries(Predicate&& predicate) const
    {
        std::vector<FdbEntry> entries;
        for_each_fdb([&](const FdbEntry& entry) {
            if (predicate(entry))
                entries.push_back(entry);
        });
        return entries;
    }
    // Those of one link, without own MACs. Costs a look at the whole table only if there are any.
    std::vector<FdbEntry> fdb_entries_of(LinkId link) const;
    // About how many changes of the FDB may come.
    void expect_fdb_changes(std::size_t count) { fdb_changes_.expect(count); }
    // Whether links, addresses or neighbours are not what was committed: who answers then would answer for others.
    bool touches_stations() const
    {
        return !before_.links.empty() || !before_.addresses.empty() || !before_.neighbors.empty();
    }
    bool has_changes() const { return !before_.empty() || !fdb_changes_.empty() || !forgotten_.empty(); }
    std::uint32_t now_seconds() const { return now_seconds_; }
    void set_now_seconds(std::uint32_t now) { now_seconds_ = now; }

    // ---- changing; handlers have checked that it makes sense ----
    Link& change_link(LinkId id); // but what Model::edit() excepts
    void add_address(const AddressKey& key);
    void remove_address(const AddressKey& key);
    void set_route(const IpPrefix& prefix, const Route& route);
    void remove_route(const IpPrefix& prefix);
    void set_neighbor(const NeighborKey& key, const StaticNeighbor& neighbor);
    void remove_neighbor(const NeighborKey& key);

    // Adds a link: gives it ids, a stable MAC where it has none, opens its port. Errors are the port's. A port takes
    // the place of one of the same kind and options that this transaction removed: that one stays open and changes
    // hands.
    Result<const Link*> add_link(Link link);
    // Removes a link and everything that names it: members' master, addresses, routes, neighbours, FDB entries.
    void remove_link(LinkId id);
    // Opens again a port whose interface is gone, with the wanted one's MAC and MTU.
    Result<> reopen_port(LinkId id, const Link& wanted);
    // `master` none: out of its bridge. FDB entries of a VXLAN device move with it, learned ones are forgotten.
    Result<> set_master(LinkId id, LinkId master);
    Result<> set_mac(LinkId id, const Mac& mac);
    Result<> set_mtu(LinkId id, std::uint16_t mtu);

    void fdb_set(FdbKey key, Dest dest);
    void fdb_erase(FdbKey key);
    // Gives the far VTEP a number; nothing: there is none left.
    std::optional<VtepId> intern(LinkId vxlan, const Remote& remote);
    // The Dest for a list of remotes of a VXLAN device: one VTEP, or a replication list. Precondition: not empty.
    Dest dest_for(LinkId vxlan, const std::vector<Remote>& remotes);
    // The remotes behind a Dest of kind kVtep or kReplicate.
    std::vector<Remote> remotes_of(Dest dest) const;
    template <typename Function>
    void for_each_remote(Dest dest, Function&& function) const // function(const Remote&)
    {
        if (dest.kind() == Dest::Kind::kVtep)
            function(vteps_.key_of(dest.vtep()).second);
        if (dest.kind() == Dest::Kind::kReplicate)
            for (const VtepId id : vteps_.list_of(dest.replication()).vteps)
                function(vteps_.key_of(id).second);
    }

    // Dynamic neighbours to be forgotten at commit (neigh del, flush).
    void forget_neighbor(const NeighborKey& key) { forgotten_.push_back(key); }

    // Said at commit, and then only if it still holds where that is asked: a later command may have mended it.
    void warn(std::string text, std::function<bool()> holds = nullptr)
    {
        warnings_.push_back({std::move(text), std::move(holds)});
    }
    std::vector<std::string> take_warnings();

private:
    friend class Controller;
    Result<AddedPort> open_port(LinkId id, const PortSpec& spec);
    AddedPort pretend_port(const PortSpec& spec) const;
    Result<AddedPort> take_over_port(LinkId from, LinkId to, const PortSpec& spec);

    Model& model_;
    VtepRegistry& vteps_;
    Dataplane& dataplane_;
    Resolver& resolver_;
    const std::string mac_seed_;
    const Mode mode_;
    std::uint32_t now_seconds_ = 0;
    Budget unbounded_;
    Budget* budget_ = &unbounded_;
    Format format_ = Format::kText;

    void note_link(LinkId id);

    ModelDiff before_; // of what was touched
    FdbChanges fdb_changes_;
    std::vector<LinkId> opened_, closed_;     // ports
    std::vector<std::function<void()>> undo_; // other side effects, in order
    std::vector<NeighborKey> forgotten_;
    struct Warning {
        std::string text;
        std::function<bool()> holds;
    };
    std::vector<Warning> warnings_;
    bool is_done_ = false;
};

} // namespace vx
