// SPDX-License-Identifier: BSD-3-Clause
// The data plane as the control thread sees it: owns ports, tables and workers. Every function is for the control
// thread alone.
#pragma once

#include "dataplane/base/port_losses.h"
#include "dataplane/base/result.h"
#include "dataplane/capture/capture.h"
#include "dataplane/dpdk/eal.h"
#include "dataplane/net/parse.h"
#include "dataplane/port/port_kind.h"
#include "dataplane/state/counters.h"
#include "dataplane/state/fdb.h"
#include "dataplane/state/forwarding_config.h"
#include "dataplane/state/learn_event.h"
#include "dataplane/state/neighbor_table.h"
#include "dataplane/state/punt.h"

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace vx
{

struct DataplaneOptions {
    std::vector<unsigned> worker_cpus; // one worker each; at least one
    int numa_node = -1;                // of the packet buffers; -1: no preference
    std::uint32_t mbuf_count = 16383;
    std::size_t fdb_max = std::size_t{4} << 20;
};

struct AddedPort {
    Mac mac;
    std::uint16_t mtu = 0;
    std::string warning;
};

struct LinkTotals {
    std::uint64_t rx_packets = 0, rx_bytes = 0, tx_packets = 0, tx_bytes = 0;
    std::array<std::uint64_t, kDropReasonCount> drops{};

    LinkTotals since(const LinkTotals& baseline) const;
    std::uint64_t dropped() const;
};

struct WorkerTotals {
    unsigned cpu = 0;
    std::uint64_t packets = 0, busy_ticks = 0, idle_ticks = 0, sleeps = 0, learn_lost = 0;
    // As WorkerCounters has them.
    std::array<std::uint64_t, WorkerCounters::kSizes> bursts_by_packets{};
    std::array<std::uint64_t, WorkerCounters::kDurations> turns_by_log2_ticks{};
    std::uint64_t full_turn_packets = 0, full_turn_ticks = 0;

    std::uint64_t bursts() const;
};

class Dataplane
{
public:
    // The Eal has to outlive it.
    static Result<std::unique_ptr<Dataplane>> create(const Eal& eal, const DataplaneOptions& options);
    ~Dataplane();
    Dataplane(const Dataplane&) = delete;
    Dataplane& operator=(const Dataplane&) = delete;

    void start(); // the workers' threads
    void stop();
    bool run_once(); // instead of start(): one turn of every worker on this thread; for tests

    // Opens a port. No worker sees it before a config that names it is published.
    Result<AddedPort> add_port(LinkId link, const PortSpec& spec);
    // Closes a port. Precondition: the published config does not name it any more.
    void remove_port(LinkId link);
    // Makes an open port that of another link, which no config names yet: what workers do with it goes on until the
    // next config. Fails if what it was attached to is gone.
    Result<AddedPort> hand_over_port(LinkId from, LinkId to);
    struct GonePort {
        LinkId link;
        bool has_lost_memory = false; // the other end took away what both share
    };
    // Closes the ports whose interface the kernel has removed, or whose other end has left for good. What is sent there
    // is dropped as link_down from then on; add_port() may open them again.
    std::vector<GonePort> close_gone_ports();
    struct ChangedPort {
        LinkId link;
        std::optional<std::uint16_t> mtu;
        std::optional<Mac> mac;
        std::string trouble; // with it, once; empty: none
    };
    // The ports whose interface somebody else has given another MTU or MAC, which is theirs from now on. Not those of
    // TAPs, which are the containers': one that could lower its bridge's MTU would lower its neighbours'.
    std::vector<ChangedPort> follow_interfaces();
    bool has_port(LinkId link) const;
    // The link whose port has taken this interface of vxd's network namespace, by whatever name it was then.
    std::optional<LinkId> port_on(const std::string& interface) const;
    bool is_up(LinkId link) const;
    // Whether the kernel has this address on the interface of an af_packet port: then it answers ARP, ND and ping, and
    // vxd leaves them to it.
    bool kernel_has(LinkId link, const IpAddress& address) const;
    Result<> set_mtu(LinkId link, std::uint16_t mtu);
    Result<> set_mac(LinkId link, const Mac& mac);

    Fdb& fdb();
    const Fdb& fdb() const;
    NeighborTable& neighbors();

    // Completes the config with ports, queues and tables, makes it what workers read, and returns when no worker
    // reads the one before.
    void publish(std::unique_ptr<ForwardingConfig> config);
    // Publishes the same config with the FDB's and the neighbours' present tables, after one of them was rebuilt.
    void refresh_tables();
    // Returns when every worker has ended the loop turn that it was in; a word taken from a table is not used after.
    void synchronize();

    void set_now(std::uint32_t seconds); // the clock that stamps FDB entries

    // Readable when a worker has learned or punted something; acknowledge() first, then take.
    int event_fd() const;
    void acknowledge();
    std::size_t take_learned(const std::function<void(const LearnEvent&)>& consume);
    // The bytes are valid during the call; partial checksums are completed.
    std::size_t take_punted(const std::function<void(const Punted&)>& consume);
    // Sends a frame from a bridge or VXLAN device as its own interface, from an overlay port as if it had come in
    // there, or out of an underlay port as it is. False if there is no room for it.
    enum class Injected : std::uint8_t { kSent, kRingFull, kNoBuffer };
    Injected inject(LinkId link, Bytes frame);

    LinkTotals link_totals(LinkId link) const;
    // What a port lost before it was counted in the totals. Asks the driver and the kernel.
    PortLosses port_losses(LinkId link) const;
    void reset_totals(LinkId link); // a new device begins at zero
    std::vector<WorkerTotals> worker_totals() const;
    struct Buffers {
        std::uint32_t total = 0, free = 0; // packet buffers; those that wait in ports' rings are not free
    };
    Buffers buffers() const;
    void wake_workers(); // those that sleep: their ticks go on
    std::uint64_t tsc_hz() const;
    // Learn events that the control thread refused, because a limit was reached.
    void count_learn_refused();
    std::uint64_t learn_refused() const;
    // A drop that the control thread decided, of this frame; the tag is that of one that was punted.
    void count_drop(LinkId link, DropReason reason, Bytes frame, const PacketTag& tag = {});

    // Workers serve it from when this returns. Fails if there are as many as there may be.
    Result<std::shared_ptr<Capture>> start_capture(CaptureSpec spec);
    void stop_capture(const Capture& capture); // nobody writes into it afterwards
    void notify();                             // makes event_fd() readable; from any thread

    // Packets by far VTEP, or by destination MAC: counted from the first call on, for as long as somebody calls again
    // within kTallySeconds. Workers have more to do meanwhile.
    static constexpr std::uint32_t kTallySeconds = 10;
    struct TallyTotals {
        std::uint32_t seconds = 0; // since counting began
        std::map<Tally::Key, Tally::Counts> rows;
        Tally::Counts others; // for which there was no row left
    };
    Result<TallyTotals> tally(Tally::By by);
    void end_idle_tallies();

    // What would become of a frame that came in by this port now, or that this bridge or VXLAN device sent: all that a
    // capture would see of it. The pipeline itself runs; but nothing is sent, learned or counted.
    struct Explanation {
        struct Sight {
            CaptureRecord record;
            std::vector<std::byte> bytes;
        };
        std::vector<Sight> sights; // in their order
        std::uint64_t lost = 0;    // for which there was no room: copies of a frame that is flooded to thousands
        bool is_learned = false;   // the control thread would be told of the source
    };
    Result<Explanation> explain(LinkId in, Bytes frame) const;

private:
    void unwatch_unpolled();

    struct State;
    explicit Dataplane(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

} // namespace vx
