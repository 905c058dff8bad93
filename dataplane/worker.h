// SPDX-License-Identifier: BSD-3-Clause
// One pinned core: polls its receive queues, runs the pipeline, hands what it learned and punted to the control
// thread, and sleeps in epoll when there is nothing to do.
#pragma once

#include "dataplane/base/result.h"
#include "dataplane/capture/probe.h"
#include "dataplane/dpdk/mbuf_pool.h"
#include "dataplane/dpdk/qsbr.h"
#include "dataplane/dpdk/rcu_pointer.h"
#include "dataplane/dpdk/spsc_ring.h"
#include "dataplane/state/counters.h"
#include "dataplane/state/forwarding_config.h"
#include "dataplane/state/learn_event.h"
#include "dataplane/transmitter.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>

namespace vx
{

// What all workers share with the control thread.
struct WorkerShared {
    RcuPointer<ForwardingConfig>& config;
    Qsbr& qsbr;
    MbufPool& pool;
    std::atomic<std::uint32_t>& now;     // seconds; the control thread writes it
    std::atomic<bool>& control_notified; // an eventfd write is under way or unread
    int control_event_fd;
};

class Worker
{
public:
    static Result<std::unique_ptr<Worker>> create(std::uint16_t index, unsigned cpu, const WorkerShared& shared);
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    void start(); // runs on a thread of its own, pinned to the cpu
    void stop();  // and joins; nothing if it was not started

    // One loop turn on the calling thread, for tests that want no thread. True if there was anything to do.
    bool run_once();

    // Control thread: makes a sleeping worker look at its ports and rings. Cheap if it is awake.
    void wake() noexcept;
    // Wake when fd, of the queue whose PollEntry has this number, is readable.
    Result<> watch(int fd, std::uint64_t number);
    void unwatch(int fd) noexcept;
    static constexpr std::uint64_t kOwnWatch = 0; // of the worker's own event_fd
    static constexpr std::uint64_t kNoWatch = 0;  // of a queue that nothing wakes the worker for

    // Control thread's ends of the rings.
    SpscRing<rte_mbuf*>& inject_ring() { return inject_; }
    SpscRing<rte_mbuf*>& punt_ring() { return punt_; }
    SpscRing<LearnEvent>& learn_ring() { return learn_; }

    unsigned cpu() const { return cpu_; }
    const WorkerCounters& counters() const { return counters_; }
    const LinkCounters& link_counters(LinkId link) const { return link_counters_[link.value]; }

private:
    Worker(std::uint16_t index, unsigned cpu, const WorkerShared& shared, SpscRing<rte_mbuf*> inject,
           SpscRing<rte_mbuf*> punt, SpscRing<LearnEvent> learn, LinkCounters* link_counters, int epoll_fd,
           int event_fd);

    void run();
    std::size_t turn(const ForwardingConfig& config) noexcept;
    // Of what a turn did.
    struct Done {
        std::size_t packets = 0; // that were received
        std::int32_t work = 0;   // and what else it did, as Transmitter counts it
    };
    void poll_ports(std::span<const PollEntry> entries, Done& done, Context& context) noexcept;
    void drain(const PollEntry& entry, Done& done, Context& context) noexcept;
    std::size_t poll(const PollEntry& entry, bool is_overlay, Done& done, Context& context) noexcept;
    std::size_t take_injected(Context& context) noexcept;
    void hand_over(Context& context) noexcept;
    void sleep(const ForwardingConfig& config) noexcept;
    void answer_failure(std::uint64_t watch) noexcept;

    const std::uint16_t index_;
    const unsigned cpu_;
    const WorkerShared shared_;
    SpscRing<rte_mbuf*> inject_;
    SpscRing<rte_mbuf*> punt_;
    SpscRing<LearnEvent> learn_;
    LinkCounters* const link_counters_; // kMaxLinks of them, pages touched when used
    const int epoll_fd_;
    const int event_fd_;
    Transmitter transmitter_;
    std::array<Packet, kBurst> rows_; // of the burst at hand
    LearnFilter learn_filter_;
    std::size_t next_poll_ = 0; // where the next turn begins
    Probe probe_;
    WorkerCounters counters_;
    std::atomic<bool> sleeping_{false};
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

} // namespace vx
