// SPDX-License-Identifier: BSD-3-Clause
// The control thread's centre: runs commands as transactions, compiles and publishes what they changed, puts learned
// MACs into the FDB and ages them, and serves what workers punt. Every function is for the control thread alone.
#pragma once

#include "control/compile/compile.h"
#include "control/grammar/command.h"
#include "control/model/model.h"
#include "control/model/vteps.h"
#include "control/neighbours/host_stack.h"
#include "control/neighbours/multicast_groups.h"
#include "control/neighbours/resolver.h"
#include "control/transaction/transaction.h"
#include "control/watch/captures.h"
#include "control/watch/monitor.h"
#include "control/watch/turn_watch.h"
#include "control/wire/role_limits.h"
#include "control/wire/wire.h"
#include "dataplane/dataplane.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace vx
{

struct ConfigDiff;

class Controller
{
public:
    struct Options {
        std::string mac_seed;                   // of MACs that nobody chose; the same over restarts
        std::function<std::int64_t()> clock_ms; // monotonic
        Budget::Clock worked_ms = nullptr;      // for requests' budgets; none: clock_ms
        std::function<void()> alive = [] {};    // called every second while a long request is carried out
        std::string admins = "root";            // who may change things, for those who may not
        // Whether vxd is to end: asked now and then, a long request is given up.
        std::function<bool()> is_ending = [] { return false; };
        std::function<Budget::Limits(Role)> limits = [](Role role) { return limits_of(role).budget; };
    };
    // The Dataplane has to outlive it.
    Controller(Dataplane& dataplane, Options options);
    ~Controller(); // removes every port

    // Carries out a list of commands: one transaction, or one for each command. A change is visible to the next
    // packet after this returns. What takes more than the client's role allows is refused, and changes nothing.
    Response run(const Request& request);

    // When Dataplane::event_fd() is readable: what workers learned and punted. True if there was anything.
    bool poll();
    // In the middle of what takes long, whoever does it: what workers punted, which is ARP, ND and ping. It changes
    // what is resolved, and neither the Model nor the FDB. Not more often than every millisecond.
    void answer() noexcept;
    // At least every 100 ms: retries, refreshes, ageing, interfaces that came and went.
    void tick();

    const Model& model() const { return model_; }

    // So that no tenant fills the FDB for all others.
    static constexpr std::size_t kStepsOfCommand = 16;               // of a Budget: about what reading one takes
    static constexpr std::size_t kMaxLearned = std::size_t{1} << 18; // entries of one bridging domain
    // And so that what is configured always finds room.
    static constexpr std::size_t kNeverLearned = std::size_t{1} << 16; // entries of the FDB

private:
    std::unique_ptr<Transaction> begin();
    Response run_commands(const Request& request, Budget& budget);
    Response run_config(const Request& request, Budget& budget);  // one about the whole configuration
    using Origins = std::unordered_map<std::string, std::size_t>; // commands that made links
    Result<> rehearse(const Request& request, Transaction& wanted, std::size_t& index, Origins& origins,
                      Response& response);
    Result<nlohmann::ordered_json> compare(const Transaction& wanted, Format format, Budget& budget,
                                           std::vector<std::string>& warnings);
    void add_lost_ports(const Transaction& wanted, ConfigDiff& difference, std::vector<std::string>& warnings) const;
    void take_turn();
    void answer_beside(const Transaction* transaction) noexcept; // that is under way; null: none is
    std::size_t take_punted();
    Error over_budget(const Request& request, std::size_t index, const Budget& budget, const OverBudget& why) const;
    Error not_allowed(std::string_view command) const;
    Result<> check_role(Role role, CommandView words) const;
    Result<> start_stream(const Request& request, const Reply& reply, Response& response);
    Result<> check_fdb_size(const Transaction& transaction) const;
    template <typename Function>
    void for_each_fdb_change(const Transaction& transaction, Function function); // function(FdbKey, Dest)
    template <typename Function>
    void for_each_touched_neighbor(const Transaction& transaction, Function function) const;
    std::size_t memory_for(const Transaction& transaction) const;
    void commit(Transaction& transaction); // throws before it has done anything, or not at all
    void commit_if_possible(Transaction& transaction);
    void take_effect(Transaction& transaction) noexcept; // half of it cannot be taken back: workers see it
    void send(LinkId link, Bytes frame);
    void announce_addresses(const ModelDiff& before); // those that are new, or have a new MAC
    void follow_groups(const ModelDiff& before);      // of the addresses
    void join_groups(LinkId id);
    void publish();
    void publish_if_needed();
    void count_flood_references(const ModelDiff& before);
    void update_own_macs(Transaction& transaction);
    void place_own_mac(LinkId id, Transaction& transaction);
    void update_neighbor(const NeighborKey& key);
    void update_neighbors(const Transaction& transaction);
    std::optional<Mac> known_mac(const NeighborKey& key) const;
    bool set_fdb(FdbKey key, Dest dest); // false: refused, the table has no room
    void learn(Transaction& transaction, const LearnEvent& event);
    void age();
    void tell_changes(const ModelDiff& before);
    void tell_neighbor(const NeighborKey& key, const std::optional<Mac>& mac, std::string_view state);
    void tell_fdb(FdbKey key, Dest old, Dest now);
    void tell_link(const Link& link);                        // its carrier is another
    void tell_port(const Link& link, std::string_view what); // its interface is "gone", or "back"
    void tell_miss(LinkId in, Bytes frame);
    std::string place_of(Dest dest, nlohmann::ordered_json& json) const;
    std::string link_name(LinkId id) const; // also of one that goes with the present commit
    void check_ports();
    void follow_interfaces();
    void note_shared_addresses();
    void check_carriers();
    void reopen(const Link& link);
    std::uint32_t now_seconds() const;

    Dataplane& dataplane_;
    const Options options_;
    Model model_;
    VtepRegistry vteps_;
    Resolver resolver_;
    MulticastGroups groups_;
    HostStack host_stack_;
    Adjacencies adjacencies_;
    Compiler compiler_;
    Captures captures_;
    Monitors monitors_;
    struct OwnMac { // a kLocal entry that is in the FDB
        FdbKey key;
        Dest dest;
    };
    std::unordered_map<LinkId, OwnMac, IdHash> own_macs_; // of bridges and VXLAN devices
    std::map<FdbKey, std::size_t> own_mac_counts_;        // devices with that entry
    std::map<NeighborKey, Mac> routed_neighbors_;         // what is in the data plane's neighbour table
    std::vector<std::uint32_t> learned_;                  // entries, by BridgeId
    const ModelDiff* committed_ = nullptr;                // what was before the change that takes effect now
    bool is_ageing_ = false;                              // what is erased now was not seen for long
    bool needs_publish_ = false;
    TurnWatch turns_;
    bool needs_refresh_ = false;                  // a table was rebuilt
    std::int64_t ticked_ms_ = 0;                  // when tick() was called last
    std::int64_t answered_ms_ = 0;                // likewise answer()
    std::int64_t aged_ms_ = 0;                    // until when it was due
    std::size_t aged_parts_ = 0;                  // of the table, in this round
    std::int64_t checked_ms_ = 0;                 // when interfaces were looked for
    std::map<LinkId, bool> carriers_;             // of ports, when it was last looked
    std::set<AddressKey> shared_addresses_;       // with the kernel, when it was last looked
    std::map<LinkId, std::string> reopen_errors_; // that were logged
};

} // namespace vx
