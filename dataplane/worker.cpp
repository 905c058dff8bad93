// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/worker.h"

#include "dataplane/pipeline.h"

#include <rte_cycles.h>
#include <rte_lcore.h>

#include <fmt/format.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>

namespace vx
{

namespace
{

constexpr std::size_t kRingSize = 4096;    // frames or events between a worker and the control thread
constexpr std::size_t kMaxBursts = 4;      // of a queue in a turn
constexpr unsigned kSpinMicroseconds = 50; // without a packet, before a worker sleeps
constexpr int kIdlePollMilliseconds = 1;   // between looks at a port that cannot wake anybody

static_assert(WorkerCounters::kSizes == kBurst + 1);

// Counters of every possible link: zero pages that cost nothing until they are written.
LinkCounters* map_link_counters()
{
    void* pages = mmap(nullptr, kMaxLinks * sizeof(LinkCounters), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return pages == MAP_FAILED ? nullptr : static_cast<LinkCounters*>(pages);
}

std::size_t log2_of(std::uint64_t ticks)
{
    return std::min(static_cast<std::size_t>(std::bit_width(ticks | 1)), WorkerCounters::kDurations) - 1;
}

// A socket reports once that its interface went down, and works again when it is back. False for what is no socket.
bool clear_socket_error(int fd) noexcept
{
    int pending = 0;
    socklen_t size = sizeof(pending);
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &pending, &size) == 0;
}

} // namespace

Result<std::unique_ptr<Worker>> Worker::create(std::uint16_t index, unsigned cpu, const WorkerShared& shared)
{
    auto inject = SpscRing<rte_mbuf*>::create(fmt::format("vx_inject_{}", index), kRingSize);
    if (!inject)
        return std::move(inject).error();
    auto punt = SpscRing<rte_mbuf*>::create(fmt::format("vx_punt_{}", index), kRingSize);
    if (!punt)
        return std::move(punt).error();
    auto learn = SpscRing<LearnEvent>::create(fmt::format("vx_learn_{}", index), kRingSize);
    if (!learn)
        return std::move(learn).error();
    LinkCounters* counters = map_link_counters();
    const int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    const int event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (counters == nullptr || epoll_fd < 0 || event_fd < 0)
        return error("worker {}: {}", index, std::strerror(errno));
    std::unique_ptr<Worker> worker{new Worker(index, cpu, shared, std::move(*inject), std::move(*punt),
                                              std::move(*learn), counters, epoll_fd, event_fd)};
    if (auto watched = worker->watch(event_fd, kOwnWatch); !watched)
        return std::move(watched).error();
    return worker;
}

Worker::Worker(std::uint16_t index, unsigned cpu, const WorkerShared& shared, SpscRing<rte_mbuf*> inject,
               SpscRing<rte_mbuf*> punt, SpscRing<LearnEvent> learn, LinkCounters* link_counters, int epoll_fd,
               int event_fd)
    : index_(index), cpu_(cpu), shared_(shared), inject_(std::move(inject)), punt_(std::move(punt)),
      learn_(std::move(learn)), link_counters_(link_counters), epoll_fd_(epoll_fd), event_fd_(event_fd),
      transmitter_(index, shared.pool.raw()), probe_(index)
{
    shared_.qsbr.register_worker(index_);
}

Worker::~Worker()
{
    stop();
    std::array<rte_mbuf*, kBurst> frames;
    for (auto* ring : {&inject_, &punt_})
        while (const std::size_t count = ring->pop(frames))
            rte_pktmbuf_free_bulk(frames.data(), static_cast<unsigned>(count));
    shared_.qsbr.unregister_worker(index_);
    close(event_fd_);
    close(epoll_fd_);
    munmap(link_counters_, kMaxLinks * sizeof(LinkCounters));
}

void Worker::start()
{
    thread_ = std::thread([this] { run(); });
}

void Worker::stop()
{
    if (!thread_.joinable())
        return;
    stopping_.store(true, std::memory_order_seq_cst);
    wake();
    thread_.join();
    stopping_.store(false, std::memory_order_relaxed);
}

void Worker::wake() noexcept
{
    // Pairs with the fence in sleep(): either we see it asleep, or it sees what we did before.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (!sleeping_.load(std::memory_order_relaxed))
        return;
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = write(event_fd_, &one, sizeof(one));
}

Result<> Worker::watch(int fd, std::uint64_t number)
{
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = number;
    if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) != 0)
        return error("worker {}: epoll_ctl: {}", index_, std::strerror(errno));
    return Ok{};
}

void Worker::unwatch(int fd) noexcept
{
    epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
}

void Worker::run()
{
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(cpu_, &cpus);
    pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus);
    pthread_setname_np(pthread_self(), fmt::format("vxd-worker-{}", index_).c_str());
    rte_thread_register(); // an lcore id of its own, so that the mbuf pool gives it a cache

    const std::uint64_t spin_ticks = rte_get_tsc_hz() / 1'000'000 * kSpinMicroseconds;
    shared_.qsbr.online(index_);
    std::uint64_t then = rte_rdtsc();
    std::uint64_t last_busy = then;
    while (!stopping_.load(std::memory_order_relaxed)) {
        const ForwardingConfig& config = shared_.config.read();
        const std::size_t packets = turn(config);
        const bool is_idle = packets == 0 && then - last_busy > spin_ticks;
        if (is_idle)
            sleep(config); // offline meanwhile; `config` is not used after
        shared_.qsbr.quiescent(index_);
        const std::uint64_t now = rte_rdtsc();
        if (packets != 0) {
            counters_.busy_ticks.add(now - then);
            counters_.turns_by_log2_ticks[log2_of(now - then)].add(1);
            if (packets >= kBurst) {
                counters_.full_turn_packets.add(packets);
                counters_.full_turn_ticks.add(now - then);
            }
            last_busy = now;
        } else {
            counters_.idle_ticks.add(now - then);
        }
        then = now;
    }
    shared_.qsbr.offline(index_);
    rte_thread_unregister();
}

bool Worker::run_once()
{
    shared_.qsbr.online(index_);
    const std::size_t packets = turn(shared_.config.read());
    shared_.qsbr.quiescent(index_);
    shared_.qsbr.offline(index_);
    return packets != 0;
}

std::size_t Worker::turn(const ForwardingConfig& config) noexcept
{
    Context context{config,        link_counters_, counters_,
                    learn_filter_, transmitter_,   shared_.now.load(std::memory_order_relaxed)};
    if (config.captures != nullptr) [[unlikely]]
        context.probe = probe_.begin(*config.captures);
    transmitter_.begin_queue(kNoLink);
    Done done;
    done.packets = take_injected(context);
    done.work = static_cast<std::int32_t>(done.packets) + transmitter_.made();
    const bool has_refused = transmitter_.has_refused();
    if (has_refused) [[unlikely]]
        done.work += transmitter_.resend(kResendWork, context);
    if (index_ < config.polls.size())
        poll_ports(config.polls[index_], done, context);
    const bool has_backlog = transmitter_.has_backlog();
    if (done.packets == 0 && !has_backlog && !has_refused)
        return 0;
    if (has_backlog)
        transmitter_.work_off(std::max(kTurnWork - done.work, kBacklogWork), context);
    transmitter_.flush(context);
    hand_over(context);
    counters_.packets.add(done.packets);
    return std::max<std::size_t>(done.packets, 1);
}

// One after the other, until the turn has done enough: the next one goes on from there.
void Worker::poll_ports(std::span<const PollEntry> entries, Done& done, Context& context) noexcept
{
    std::size_t at = next_poll_ < entries.size() ? next_poll_ : 0;
    for (std::size_t left = entries.size(); left != 0 && done.work < kTurnWork - kBacklogWork; --left) {
        drain(entries[at], done, context);
        at = at + 1 == entries.size() ? 0 : at + 1;
    }
    next_poll_ = at;
}

// Several bursts while it has so many frames: what they leave by is flushed once. Who has sent more than is done at
// once, or than a full port takes, is not asked for more.
void Worker::drain(const PollEntry& entry, Done& done, Context& context) noexcept
{
    const bool is_overlay = context.link(entry.link).role == LinkState::Role::kOverlay;
    transmitter_.begin_queue(entry.link);
    const std::size_t most = is_overlay && transmitter_.has_many_refused() ? 0 : kMaxBursts;
    for (std::size_t i = 0; i < most && transmitter_.has_room() && !transmitter_.is_waiting(entry.link); ++i) {
        const std::size_t count = poll(entry, is_overlay, done, context);
        done.packets += count;
        if (count < kBurst)
            break;
    }
    done.work += 1 + transmitter_.made(); // a look at a port is work, too: there may be a thousand
}

std::size_t Worker::poll(const PollEntry& entry, bool is_overlay, Done& done, Context& context) noexcept
{
    std::array<rte_mbuf*, kBurst> frames;
    const std::uint16_t count = entry.port->rx(entry.queue, frames);
    if (count == 0)
        return 0;
    counters_.bursts_by_packets[count].add(1);
    const std::span<Packet> packets = receive({frames.data(), count}, entry.link, rows_, context);
    done.work += static_cast<std::int32_t>(count + (context.ingress.bytes >> kBufferBits));
    if (context.probe != nullptr) [[unlikely]] {
        context.probe->received({frames.data(), count}, entry.link);
        is_overlay ? overlay_rx<WithProbe>(packets, context) : underlay_rx<WithProbe>(packets, context);
    } else if (is_overlay) {
        overlay_rx(packets, context);
    } else {
        underlay_rx(packets, context);
    }
    return count;
}

std::size_t Worker::take_injected(Context& context) noexcept
{
    std::array<rte_mbuf*, kBurst> frames;
    const std::size_t count = inject_.pop(frames);
    for (std::size_t i = 0; i < count; ++i) {
        const LinkId link{note_of(frames[i]).link};
        if (context.probe != nullptr) [[unlikely]]
            context.probe->from_host(frames[i], link);
        switch (context.config.links.size() > link.value ? context.link(link).role : LinkState::Role::kNone) {
        case LinkState::Role::kNone: // deleted since
            transmitter_.discard(frames[i], link, DropReason::no_destination, context);
            break;
        case LinkState::Role::kUnderlay:
            transmitter_.send(frames[i], link, context);
            break;
        default: {
            context.enter(link);
            rows_[0].begin(frames[i], link);
            if (context.probe != nullptr) [[unlikely]]
                local_tx<WithProbe>({rows_.data(), 1}, context);
            else
                local_tx({rows_.data(), 1}, context);
            break;
        }
        }
    }
    return count;
}

// What the turn learned and punted goes to the control thread, which is woken at most once for all of it.
void Worker::hand_over(Context& context) noexcept
{
    if (learn_filter_.events().empty() && transmitter_.punted().empty())
        return;
    for (const LearnEvent& event : learn_filter_.events())
        if (!learn_.push(event))
            counters_.learn_lost.add(1);
    learn_filter_.clear();
    for (rte_mbuf* mbuf : transmitter_.punted()) {
        const LinkId in{note_of(mbuf).link};
        if (context.probe != nullptr) [[unlikely]]
            context.probe->to_host(mbuf, in, static_cast<PuntReason>(note_of(mbuf).reason));
        // Half of the ring is for the fabric alone: no container may crowd out the ARP and ND that tunnels live on.
        const bool is_fabric = static_cast<PuntReason>(note_of(mbuf).reason) == PuntReason::kUnderlay;
        if ((is_fabric || punt_.count() < kRingSize / 2) && punt_.push(mbuf))
            continue;
        transmitter_.discard(mbuf, in, DropReason::punt_full, context);
    }
    transmitter_.clear_punted();
    if (!shared_.control_notified.exchange(true, std::memory_order_seq_cst)) {
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto written = write(shared_.control_event_fd, &one, sizeof(one));
    }
}

// Sleeps until a port or the control thread has something. The epoll set is level-triggered, so a frame that came
// before the call ends it at once.
void Worker::sleep(const ForwardingConfig& config) noexcept
{
    int timeout = -1;
    if (index_ < config.polls.size() && std::any_of(config.polls[index_].begin(), config.polls[index_].end(),
                                                    [](const PollEntry& entry) { return entry.watch == kNoWatch; }))
        timeout = kIdlePollMilliseconds;
    // Before going offline: a publish that this worker's being offline lets through has to see it asleep, or the
    // timeout of the old config would hold.
    sleeping_.store(true, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst); // pairs with wake()
    shared_.qsbr.offline(index_);
    std::array<epoll_event, 16> events;
    int count = 0;
    if (inject_.is_empty() && !stopping_.load(std::memory_order_relaxed)) {
        count = epoll_wait(epoll_fd_, events.data(), static_cast<int>(events.size()), timeout);
        counters_.sleeps.add(1);
    }
    sleeping_.store(false, std::memory_order_relaxed);
    shared_.qsbr.online(index_);
    for (int i = 0; i < count; ++i) {
        const auto& event = events[static_cast<std::size_t>(i)];
        std::uint64_t drained = 0;
        if (event.data.u64 == kOwnWatch) {
            [[maybe_unused]] const auto size = read(event_fd_, &drained, sizeof(drained));
        } else if ((event.events & (EPOLLERR | EPOLLHUP)) != 0) {
            answer_failure(event.data.u64);
        }
    }
}

// While this worker slept the port may have been closed, and its descriptor may be another port's by now. A port that
// the present config names stays open until this worker has been offline again.
void Worker::answer_failure(std::uint64_t watch) noexcept
{
    const ForwardingConfig& config = shared_.config.read();
    if (index_ >= config.polls.size())
        return;
    for (const PollEntry& entry : config.polls[index_]) {
        if (entry.watch != watch)
            continue;
        const int fd = entry.port->wake_fd(entry.queue);
        if (!clear_socket_error(fd))
            unwatch(fd); // its other end is gone; it would wake us for ever
        return;
    }
}

} // namespace vx
