// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/dataplane.h"

#include "dataplane/dpdk/mbuf_pool.h"
#include "dataplane/dpdk/rcu_pointer.h"
#include "dataplane/port/port.h"
#include "dataplane/worker.h"

#include <rte_cycles.h>

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>

namespace vx
{

namespace
{

struct PortRecord {
    std::unique_ptr<Port> port;
    std::uint16_t slot = 0;
    std::vector<std::uint16_t> worker_of_queue;
    bool is_watched = false;
};

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

struct Dataplane::State {
    State(MbufPool packet_pool, std::size_t worker_count, std::size_t fdb_max, int control_event_fd)
        : pool(std::move(packet_pool)), qsbr(worker_count), config(qsbr), fdb(fdb_max), event_fd(control_event_fd)
    {
    }

    MbufPool pool;
    Qsbr qsbr;
    RcuPointer<ForwardingConfig> config;
    Fdb fdb;
    NeighborTable neighbors;
    std::atomic<std::uint32_t> now{0};
    std::atomic<bool> notified{false};
    int event_fd;
    std::map<LinkId, PortRecord> ports;
    std::vector<std::unique_ptr<Worker>> workers;
    std::uint64_t learn_refused = 0;
    std::map<LinkId, LinkTotals> own_drops; // counted by the control thread
    std::map<LinkId, LinkTotals> baselines; // of devices that had their number from another one
};

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

Result<AddedPort> Dataplane::add_port(LinkId link, const PortSpec& spec)
{
    const PortKind* kind = find_port_kind(spec.kind);
    if (kind == nullptr)
        return error("there is no port kind \"{}\"", spec.kind);
    std::vector<bool> is_taken(kMaxPorts);
    std::vector<std::size_t> load(state_->workers.size());
    for (const auto& [id, record] : state_->ports) {
        is_taken[record.slot] = true;
        for (const std::uint16_t worker : record.worker_of_queue)
            ++load[worker];
    }
    const auto free_slot = std::find(is_taken.begin(), is_taken.end(), false);
    if (free_slot == is_taken.end())
        return error("there are {} ports already, and no more are supported", kMaxPorts);

    auto opened = kind->open(spec, {state_->pool, static_cast<std::uint16_t>(state_->workers.size())});
    if (!opened)
        return std::move(opened).error();
    PortRecord record;
    record.port = std::move(opened->port);
    record.slot = static_cast<std::uint16_t>(free_slot - is_taken.begin());
    for (std::uint16_t queue = 0; queue < record.port->rx_queue_count(); ++queue) {
        const auto least = static_cast<std::uint16_t>(std::min_element(load.begin(), load.end()) - load.begin());
        ++load[least];
        record.worker_of_queue.push_back(least);
    }
    AddedPort added{record.port->mac(), record.port->mtu(), std::move(opened->warning)};
    state_->ports.emplace(link, std::move(record));
    return added;
}

void Dataplane::remove_port(LinkId link)
{
    const auto found = state_->ports.find(link);
    if (found == state_->ports.end())
        return;
    PortRecord& record = found->second;
    for (std::uint16_t queue = 0; record.is_watched && queue < record.worker_of_queue.size(); ++queue)
        if (const int fd = record.port->wake_fd(queue); fd >= 0)
            state_->workers[record.worker_of_queue[queue]]->unwatch(fd);
    state_->ports.erase(found);
}

bool Dataplane::is_up(LinkId link) const
{
    const auto found = state_->ports.find(link);
    return found != state_->ports.end() && found->second.port->is_up();
}

Result<> Dataplane::set_mtu(LinkId link, std::uint16_t mtu)
{
    return state_->ports.at(link).port->set_mtu(mtu);
}

Result<> Dataplane::set_mac(LinkId link, const Mac& mac)
{
    return state_->ports.at(link).port->set_mac(mac);
}

Fdb& Dataplane::fdb()
{
    return state_->fdb;
}

NeighborTable& Dataplane::neighbors()
{
    return state_->neighbors;
}

void Dataplane::publish(std::unique_ptr<ForwardingConfig> config)
{
    if (config->routes == nullptr)
        config->routes = RouteTable::build({});
    config->fdb = &state_->fdb.table();
    config->neighbors = &state_->neighbors.table();
    config->polls.assign(state_->workers.size(), {});
    for (const auto& [link, record] : state_->ports) {
        if (link.value >= config->links.size() || config->link(link).role == LinkState::Role::kNone)
            continue;
        LinkState& named = config->links.edit(link.value);
        named.port = record.port.get();
        named.slot = record.slot;
        for (std::uint16_t queue = 0; queue < record.worker_of_queue.size(); ++queue)
            config->polls[record.worker_of_queue[queue]].push_back({link, queue, record.port.get()});
    }
    state_->config.publish(std::move(config));
    watch_polled();
    for (const auto& worker : state_->workers)
        worker->wake();
}

// A worker sleeps on exactly the descriptors of the ports that it polls: one that nobody drains would wake it for ever.
void Dataplane::watch_polled()
{
    const ForwardingConfig& config = state_->config.read();
    for (auto& [link, record] : state_->ports) {
        const bool is_polled = link.value < config.links.size() && config.link(link).port != nullptr;
        if (is_polled == record.is_watched)
            continue;
        record.is_watched = is_polled;
        for (std::uint16_t queue = 0; queue < record.worker_of_queue.size(); ++queue) {
            const int fd = record.port->wake_fd(queue);
            Worker& worker = *state_->workers[record.worker_of_queue[queue]];
            if (fd >= 0 && is_polled)
                (void)worker.watch(fd); // at worst the queue waits for the next look at it
            else if (fd >= 0)
                worker.unwatch(fd);
        }
    }
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

std::size_t Dataplane::take_punted(const std::function<void(LinkId in, PuntReason reason, Bytes frame)>& consume)
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
            consume(LinkId{note.link}, static_cast<PuntReason>(note.reason),
                    {static_cast<const std::byte*>(bytes), size});
            rte_pktmbuf_free(mbuf);
        }
        total += count;
    }
    return total;
}

bool Dataplane::inject(LinkId link, Bytes frame)
{
    rte_mbuf* mbuf = state_->pool.alloc();
    if (mbuf == nullptr)
        return false;
    // A frame larger than one buffer is only ever one that was punted; it is chained as it came.
    std::size_t done = 0;
    rte_mbuf* segment = mbuf;
    for (;;) {
        const std::size_t part = std::min<std::size_t>(frame.size() - done, rte_pktmbuf_tailroom(segment));
        std::memcpy(rte_pktmbuf_mtod(segment, std::byte*), frame.data() + done, part);
        segment->data_len = static_cast<std::uint16_t>(part);
        done += part;
        if (done == frame.size())
            break;
        rte_mbuf* next = state_->pool.alloc();
        if (next == nullptr) {
            rte_pktmbuf_free(mbuf);
            return false;
        }
        segment->next = next;
        segment = next;
        ++mbuf->nb_segs;
    }
    mbuf->pkt_len = static_cast<std::uint32_t>(frame.size());
    note_of(mbuf) = MbufNote{.link = link.value};
    if (!state_->workers.front()->inject_ring().push(mbuf)) {
        rte_pktmbuf_free(mbuf);
        return false;
    }
    state_->workers.front()->wake();
    return true;
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
}

std::vector<WorkerTotals> Dataplane::worker_totals() const
{
    std::vector<WorkerTotals> all;
    for (const auto& worker : state_->workers) {
        const WorkerCounters& counters = worker->counters();
        all.push_back({worker->cpu(), counters.packets.read(), counters.bursts.read(), counters.busy_ticks.read(),
                       counters.idle_ticks.read(), counters.sleeps.read(), counters.learn_lost.read()});
    }
    return all;
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

void Dataplane::count_drop(LinkId link, DropReason reason)
{
    ++state_->own_drops[link].drops[static_cast<std::size_t>(reason)];
}

} // namespace vx
