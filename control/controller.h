// SPDX-License-Identifier: BSD-3-Clause
// The control thread's centre: runs commands as transactions, compiles and publishes what they changed, puts learned
// MACs into the FDB and ages them, and serves what workers punt. Every function is for the control thread alone.
#pragma once

#include "control/host_stack.h"
#include "control/model.h"
#include "control/resolver.h"
#include "control/transaction.h"
#include "control/vteps.h"
#include "control/wire.h"
#include "dataplane/dataplane.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace vx
{

class Controller
{
public:
    struct Options {
        std::string mac_seed;                   // of MACs that nobody chose; the same over restarts
        std::function<std::int64_t()> clock_ms; // monotonic
    };
    // The Dataplane has to outlive it.
    Controller(Dataplane& dataplane, Options options);
    ~Controller(); // removes every port

    // Carries out a list of commands: one transaction, or one for each command. A change is visible to the next
    // packet after this returns.
    Response run(const Request& request);

    // When Dataplane::event_fd() is readable: what workers learned and punted. True if there was anything.
    bool poll();
    // At least every 100 ms: retries, refreshes, ageing, interfaces that came and went.
    void tick();

    const Model& model() const { return model_; }

    // So that no tenant fills the FDB for all others.
    static constexpr std::size_t kMaxLearned = std::size_t{1} << 18; // entries of one bridging domain
    static constexpr std::size_t kMaxVteps = std::size_t{1} << 16;   // learned or configured, of all VXLAN devices

private:
    std::unique_ptr<Transaction> begin();
    Result<> check_fdb_size(const Transaction& transaction) const;
    void commit(Transaction& transaction);
    void send(LinkId link, Bytes frame);
    void announce_addresses(const Model& before); // those that are new, or have a new MAC
    void publish();
    void publish_if_needed();
    void count_flood_references(const Model& model, int change);
    void update_own_macs(Transaction& transaction);
    void update_neighbor(const NeighborKey& key);
    void update_neighbors();
    std::optional<Mac> known_mac(const NeighborKey& key) const;
    void set_fdb(FdbKey key, Dest dest);
    void learn(Transaction& transaction, const LearnEvent& event);
    void age();
    void check_ports();
    void reopen(Link& link);
    std::uint32_t now_seconds() const;

    Dataplane& dataplane_;
    const Options options_;
    Model model_;
    VtepRegistry vteps_;
    Resolver resolver_;
    HostStack host_stack_;
    std::map<FdbKey, Dest> own_macs_;             // kLocal entries that are in the FDB
    std::map<NeighborKey, Mac> routed_neighbors_; // what is in the data plane's neighbour table
    std::map<BridgeId, std::size_t> learned_;     // entries
    bool needs_publish_ = false;
    bool needs_refresh_ = false; // a table was rebuilt
    std::int64_t last_age_ms_ = 0;
    std::map<LinkId, std::string> reopen_errors_; // that were logged
};

} // namespace vx
