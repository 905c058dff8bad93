// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/dataplane_state.h"

#include <rte_cycles.h>

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <numeric>

namespace vx
{

namespace
{

void add(LinkTotals& totals, const LinkCounters& counters)
{
    totals.rx_packets += counters.rx_packets.read();
    totals.rx_bytes += counters.rx_bytes.read();
    totals.tx_packets += counters.tx_packets.read();
    totals.tx_bytes += counters.tx_bytes.read();
    for (std::size_t i = 0; i < kDropReasonCount; ++i)
        totals.drops[i] += counters.drops[i].read();
}

} // namespace

LinkTotals LinkTotals::since(const LinkTotals& baseline) const
{
    LinkTotals totals = *this;
    totals.rx_packets -= baseline.rx_packets;
    totals.rx_bytes -= baseline.rx_bytes;
    totals.tx_packets -= baseline.tx_packets;
    totals.tx_bytes -= baseline.tx_bytes;
    for (std::size_t i = 0; i < kDropReasonCount; ++i)
        totals.drops[i] -= baseline.drops[i];
    return totals;
}

std::uint64_t LinkTotals::dropped() const
{
    std::uint64_t sum = 0;
    for (const std::uint64_t count : drops)
        sum += count;
    return sum;
}

Result<std::unique_ptr<Dataplane>> Dataplane::create(const Eal&, const DataplaneOptions& options)
{
    if (auto noted = register_mbuf_note(); !noted)
        return std::move(noted).error();
    auto pool = MbufPool::create("vx_packets", options.mbuf_count, options.numa_node);
    if (!pool)
        return std::move(pool).error();
    const int event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (event_fd < 0)
        return error("eventfd: {}", std::strerror(errno));
    auto state = std::make_unique<State>(std::move(*pool), options.worker_cpus.size(), options.fdb_max, event_fd);
    std::unique_ptr<Dataplane> dataplane{new Dataplane(std::move(state))};
    State& made = *dataplane->state_;
    const WorkerShared shared{made.config, made.qsbr, made.pool, made.now, made.notified, made.event_fd};
    for (std::size_t i = 0; i < options.worker_cpus.size(); ++i) {
        auto worker = Worker::create(static_cast<std::uint16_t>(i), options.worker_cpus[i], shared);
        if (!worker)
            return std::move(worker).error();
        made.workers.push_back(std::move(*worker));
    }
    dataplane->publish(std::make_unique<ForwardingConfig>());
    return dataplane;
}

Dataplane::Dataplane(std::unique_ptr<State> state) : state_(std::move(state)) {}

Dataplane::~Dataplane()
{
    stop();
    state_->workers.clear();
    state_->ports.clear();
    close(state_->event_fd);
}

void Dataplane::start()
{
    for (const auto& worker : state_->workers)
        worker->start();
}

void Dataplane::stop()
{
    for (const auto& worker : state_->workers)
        worker->stop();
}

bool Dataplane::run_once()
{
    bool any = false;
    for (const auto& worker : state_->workers)
        any |= worker->run_once();
    return any;
}

Fdb& Dataplane::fdb()
{
    return state_->fdb;
}

const Fdb& Dataplane::fdb() const
{
    return state_->fdb;
}

NeighborTable& Dataplane::neighbors()
{
    return state_->neighbors;
}

void Dataplane::refresh_tables()
{
    publish(std::make_unique<ForwardingConfig>(state_->config.read()));
    state_->fdb.release_retired();
    state_->neighbors.release_retired();
}

void Dataplane::synchronize()
{
    state_->qsbr.synchronize();
}

void Dataplane::set_now(std::uint32_t seconds)
{
    state_->now.store(seconds, std::memory_order_relaxed);
}

int Dataplane::event_fd() const
{
    return state_->event_fd;
}

void Dataplane::acknowledge()
{
    std::uint64_t drained = 0;
    [[maybe_unused]] const auto size = read(state_->event_fd, &drained, sizeof(drained));
    state_->notified.store(false, std::memory_order_seq_cst);
}

std::size_t Dataplane::take_learned(const std::function<void(const LearnEvent&)>& consume)
{
    std::size_t total = 0;
    std::array<LearnEvent, 64> events;
    for (const auto& worker : state_->workers)
        for (std::size_t rounds = 0; rounds < 64; ++rounds) {
            const std::size_t count = worker->learn_ring().pop(events);
            for (std::size_t i = 0; i < count; ++i)
                consume(events[i]);
            total += count;
            if (count < events.size())
                break;
        }
    return total;
}

std::size_t Dataplane::take_punted(const std::function<void(const Punted&)>& consume)
{
    std::size_t total = 0;
    std::array<rte_mbuf*, kBurst> frames;
    for (const auto& worker : state_->workers) {
        const std::size_t count = worker->punt_ring().pop(frames);
        for (std::size_t i = 0; i < count; ++i) {
            rte_mbuf* mbuf = frames[i];
            if (has_partial_checksum(mbuf))
                complete_checksum(mbuf);
            const std::size_t size = rte_pktmbuf_pkt_len(mbuf);
            std::vector<std::byte> whole(size);
            const void* bytes = rte_pktmbuf_read(mbuf, 0, static_cast<std::uint32_t>(size), whole.data());
            const MbufNote& note = note_of(mbuf);
            const PacketTag tag{note.is_numbered ? packet_id_of(mbuf) : 0, state_->capture_changes};
            consume({LinkId{note.link},
                     static_cast<PuntReason>(note.reason),
                     {static_cast<const std::byte*>(bytes), size},
                     tag});
            rte_pktmbuf_free(mbuf);
        }
        total += count;
    }
    return total;
}

rte_mbuf* Dataplane::State::mbuf_of(Bytes frame)
{
    rte_mbuf* mbuf = pool.alloc();
    if (mbuf == nullptr)
        return nullptr;
    // A frame larger than one buffer is only ever one that was punted; it is chained as it came.
    std::size_t done = 0;
    rte_mbuf* segment = mbuf;
    for (;;) {
        const std::size_t part = std::min<std::size_t>(frame.size() - done, rte_pktmbuf_tailroom(segment));
        std::copy_n(frame.begin() + static_cast<std::ptrdiff_t>(done), part, rte_pktmbuf_mtod(segment, std::byte*));
        segment->data_len = static_cast<std::uint16_t>(part);
        done += part;
        if (done == frame.size())
            break;
        rte_mbuf* next = pool.alloc();
        if (next == nullptr) {
            rte_pktmbuf_free(mbuf);
            return nullptr;
        }
        segment->next = next;
        segment = next;
        ++mbuf->nb_segs;
    }
    mbuf->pkt_len = static_cast<std::uint32_t>(frame.size());
    return mbuf;
}

Dataplane::Injected Dataplane::inject(LinkId link, Bytes frame)
{
    // Half of the ring is the fabric's, as of the punt ring: no container may crowd out the ARP and ND that tunnels
    // live on by asking more than can be answered.
    const SpscRing<rte_mbuf*>& ring = state_->workers.front()->inject_ring();
    const ForwardingConfig& config = state_->config.read();
    const bool is_fabric = link.value < config.links.size() && config.link(link).role == LinkState::Role::kUnderlay;
    if (!is_fabric && ring.count() >= ring.capacity() / 2)
        return Injected::kRingFull;
    rte_mbuf* mbuf = state_->mbuf_of(frame);
    if (mbuf == nullptr)
        return Injected::kNoBuffer;
    note_of(mbuf) = MbufNote{.link = link.value};
    if (!state_->workers.front()->inject_ring().push(mbuf)) {
        rte_pktmbuf_free(mbuf);
        return Injected::kRingFull;
    }
    state_->workers.front()->wake();
    return Injected::kSent;
}

LinkTotals Dataplane::link_totals(LinkId link) const
{
    LinkTotals totals;
    if (const auto own = state_->own_drops.find(link); own != state_->own_drops.end())
        totals = own->second;
    for (const auto& worker : state_->workers)
        add(totals, worker->link_counters(link));
    const auto baseline = state_->baselines.find(link);
    return baseline == state_->baselines.end() ? totals : totals.since(baseline->second);
}

void Dataplane::reset_totals(LinkId link)
{
    state_->baselines.erase(link);
    state_->baselines[link] = link_totals(link);
    state_->loss_baselines.erase(link);
    if (has_port(link))
        state_->loss_baselines[link] = port_losses(link);
}

namespace
{

template <std::size_t N>
std::array<std::uint64_t, N> read_all(const std::array<Counter, N>& counters)
{
    std::array<std::uint64_t, N> values;
    std::ranges::transform(counters, values.begin(), &Counter::read);
    return values;
}

} // namespace

std::uint64_t WorkerTotals::bursts() const
{
    return std::accumulate(bursts_by_packets.begin(), bursts_by_packets.end(), std::uint64_t{0});
}

std::vector<WorkerTotals> Dataplane::worker_totals() const
{
    std::vector<WorkerTotals> all;
    for (const auto& worker : state_->workers) {
        const WorkerCounters& counters = worker->counters();
        all.push_back({worker->cpu(), counters.packets.read(), counters.busy_ticks.read(), counters.idle_ticks.read(),
                       counters.sleeps.read(), counters.learn_lost.read(), read_all(counters.bursts_by_packets),
                       read_all(counters.turns_by_log2_ticks), counters.full_turn_packets.read(),
                       counters.full_turn_ticks.read()});
    }
    return all;
}

Dataplane::Buffers Dataplane::buffers() const
{
    return {state_->pool.size(), state_->pool.size() - state_->pool.in_use_count()};
}

void Dataplane::wake_workers()
{
    for (const auto& worker : state_->workers)
        worker->wake();
}

std::uint64_t Dataplane::tsc_hz() const
{
    return rte_get_tsc_hz();
}

void Dataplane::count_learn_refused()
{
    ++state_->learn_refused;
}

std::uint64_t Dataplane::learn_refused() const
{
    return state_->learn_refused + state_->fdb.refused();
}

} // namespace vx
