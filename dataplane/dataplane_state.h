// SPDX-License-Identifier: BSD-3-Clause
// What a Dataplane owns. For dataplane*.cpp alone.
#pragma once

#include "dataplane/capture/probe.h"
#include "dataplane/dataplane.h"
#include "dataplane/dpdk/mbuf_pool.h"
#include "dataplane/dpdk/rcu_pointer.h"
#include "dataplane/port/port.h"
#include "dataplane/worker.h"

#include <atomic>
#include <map>
#include <memory>
#include <vector>

namespace vx
{

struct PortRecord {
    std::unique_ptr<Port> port;
    std::uint16_t slot = 0;
    struct Queue {
        std::uint16_t worker = 0; // that polls it
        std::uint64_t watch = 0;  // as in its PollEntry
    };
    std::vector<Queue> queues;
    std::size_t watched = 0; // of them, the first: their workers are woken for them
};

struct Dataplane::State {
    State(MbufPool packet_pool, std::size_t worker_count, std::size_t fdb_max, int control_event_fd)
        : pool(std::move(packet_pool)), qsbr(worker_count), config(qsbr), fdb(fdb_max), event_fd(control_event_fd),
          probe(worker_count)
    {
    }

    rte_mbuf* mbuf_of(Bytes frame);        // nullptr: no buffer is free
    void give_workers(PortRecord& record); // to queues that have none yet
    void watch(PortRecord& record);        // by the workers that poll it
    void unwatch(PortRecord& record);

    MbufPool pool;
    Qsbr qsbr;
    RcuPointer<ForwardingConfig> config;
    Fdb fdb;
    NeighborTable neighbors;
    alignas(64) std::atomic<std::uint32_t> now{0}; // read by all workers in every turn
    alignas(64) std::atomic<bool> notified{false}; // written by those that learn or punt
    alignas(64) int event_fd;
    std::shared_ptr<const CaptureSet> captures; // null: there are none
    std::uint32_t capture_changes = 0;          // how often they have begun or ended
    Probe probe;                                // the control thread's
    std::shared_ptr<Capture> explained;         // what explain() looks through; null until it was asked
    struct KeptTally {
        std::shared_ptr<Capture> capture;   // null: nobody asks
        std::uint32_t begun = 0, asked = 0; // seconds of `now`
    };
    std::array<KeptTally, 2> tallies; // by Tally::By
    std::map<LinkId, PortRecord> ports;
    std::uint64_t next_watch = Worker::kOwnWatch + 1;
    std::vector<std::unique_ptr<Worker>> workers;
    std::uint64_t learn_refused = 0;
    std::map<LinkId, PortLosses> past_losses;    // of links whose port is gone, or was opened again
    std::map<LinkId, PortLosses> loss_baselines; // of devices whose port was another one's before
    std::map<LinkId, LinkTotals> own_drops;      // counted by the control thread
    std::map<LinkId, LinkTotals> baselines;      // of devices that had their number from another one
};

} // namespace vx
