// SPDX-License-Identifier: BSD-3-Clause
#include "tools/exporter/families.h"

#include "dataplane/net/drop_reason.h"

#include <cmath>
#include <span>
#include <tuple>

namespace vx::exporter
{

namespace
{

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

// Turns of 2^6 ticks, some 20 ns, to 2^32, a second or two: shorter ones count with the first bucket, longer ones only
// with the last, +Inf.
constexpr std::size_t kFirstTurnSize = 6;
constexpr std::size_t kLastTurnSize = 31;

struct DeviceCounter {
    const char* name;
    const char* help;
    std::uint64_t DeviceCounts::*count;
};
constexpr DeviceCounter kDeviceCounters[] = {
    {"vxd_device_receive_packets_total", "Packets that came in by the device.", &DeviceCounts::rx_packets},
    {"vxd_device_receive_bytes_total", "Bytes that came in by the device.", &DeviceCounts::rx_bytes},
    {"vxd_device_transmit_packets_total", "Packets that left by the device.", &DeviceCounts::tx_packets},
    {"vxd_device_transmit_bytes_total", "Bytes that left by the device.", &DeviceCounts::tx_bytes},
};

enum class Unit { kCount, kTicks }; // ticks are shown as seconds
struct WorkerCounter {
    const char* name;
    const char* help;
    std::uint64_t Worker::*count;
    Unit unit;
};
constexpr WorkerCounter kWorkerCounters[] = {
    {"vxd_worker_packets_total", "Packets that the worker handled.", &Worker::packets, Unit::kCount},
    {"vxd_worker_bursts_total", "Bursts in which they came.", &Worker::bursts, Unit::kCount},
    {"vxd_worker_busy_seconds_total", "Time of loop turns that found packets.", &Worker::busy_ticks, Unit::kTicks},
    {"vxd_worker_full_turn_packets_total",
     "Packets of loop turns that found 32 or more: what one costs is seconds by packets.", &Worker::full_turn_packets,
     Unit::kCount},
    {"vxd_worker_full_turn_seconds_total", "Time of loop turns that found 32 packets or more.",
     &Worker::full_turn_ticks, Unit::kTicks},
    {"vxd_worker_idle_seconds_total", "Time of loop turns that found none, sleep included.", &Worker::idle_ticks,
     Unit::kTicks},
    {"vxd_worker_sleeps_total", "How often the worker went to sleep for want of packets.", &Worker::sleeps,
     Unit::kCount},
    {"vxd_worker_learn_lost_total",
     "MACs that were not learned at once, for they came faster than the control thread took them.", &Worker::learn_lost,
     Unit::kCount},
};

class Family
{
public:
    Family(MetricType type, const char* name, const char* help)
    {
        family_.name = name;
        family_.help = help;
        family_.type = type;
    }

    void add(double value, Labels labels = {})
    {
        ClientMetric& metric = family_.metric.emplace_back();
        metric.label = std::move(labels);
        (family_.type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
    }
    void add(ClientMetric::Histogram histogram, Labels labels)
    {
        ClientMetric& metric = family_.metric.emplace_back();
        metric.label = std::move(labels);
        metric.histogram = std::move(histogram);
    }
    MetricFamily take() && { return std::move(family_); }

private:
    MetricFamily family_;
};

Family gauge(const char* name, const char* help)
{
    return {MetricType::Gauge, name, help};
}

Family counter(const char* name, const char* help)
{
    return {MetricType::Counter, name, help};
}

// A family of one series.
MetricFamily single(Family family, double value, Labels labels = {})
{
    family.add(value, std::move(labels));
    return std::move(family).take();
}

// The numbers are exact up to 2^53.
double number(std::uint64_t count)
{
    return static_cast<double>(count);
}

// Those that are known and those that only vxd knows, with 0 for what did not happen.
void add_all(Family& family, const Reasons& counted, std::span<const DropReasonText> known)
{
    Reasons all = counted;
    for (const DropReasonText& reason : known)
        all.try_emplace(std::string(reason.name), 0);
    for (const auto& [reason, packets] : all)
        family.add(number(packets), {{"reason", reason}});
}

void add_drops(Families& families, const DeviceCounts& all)
{
    Family drops = counter("vxd_drops_total", "Packets that were dropped, by reason; vxctl stats has the same names.");
    add_all(drops, all.drops, kDropReasons);
    families.push_back(std::move(drops).take());
    Family lost = counter("vxd_receive_lost_packets_total", "Packets that ports lost before vxd received them, as far "
                                                            "as the driver or the kernel tells.");
    add_all(lost, all.lost, kPortLosses);
    families.push_back(std::move(lost).take());
}

struct Row {
    std::string_view name;
    const DeviceCounts* counts;
};

void add_device_counters(Families& families, const std::vector<Row>& rows)
{
    for (const DeviceCounter& each : kDeviceCounters) {
        Family family = counter(each.name, each.help);
        for (const auto& [name, counts] : rows)
            family.add(number(counts->*each.count), {{"device", std::string(name)}});
        families.push_back(std::move(family).take());
    }
    Family drops = counter("vxd_device_drops_total", "Packets that were dropped, by device and reason.");
    Family lost = counter("vxd_device_receive_lost_packets_total",
                          "Packets that the port lost before vxd received them, by reason.");
    for (const auto& [name, counts] : rows) {
        for (const auto& [reason, packets] : counts->drops)
            drops.add(number(packets), {{"device", std::string(name)}, {"reason", reason}});
        for (const auto& [reason, packets] : counts->lost)
            lost.add(number(packets), {{"device", std::string(name)}, {"reason", reason}});
    }
    families.push_back(std::move(drops).take());
    families.push_back(std::move(lost).take());
}

Labels info_labels(const Device& device)
{
    Labels labels{{"device", device.name}, {"kind", device.kind}};
    if (!device.master.empty())
        labels.push_back({"master", device.master});
    if (device.vni)
        labels.push_back({"vni", fmt::format("{}", *device.vni)});
    return labels;
}

void add_devices(Families& families, const View& view)
{
    families.push_back(
        single(gauge("vxd_devices", "How many devices there are."), number(view.shown.size() + view.hidden_count)));
    families.push_back(single(gauge("vxd_devices_not_shown", "How many of them are in device=\"other devices\"."),
                              number(view.hidden_count)));
    Family info = gauge("vxd_device_info", "What the device is, the bridge that it is in, and its VNI; always 1.");
    Family up = gauge("vxd_device_up", "Whether the device is set up, and its other end is there.");
    Family mtu = gauge("vxd_device_mtu_bytes", "The device's MTU.");
    std::vector<Row> rows;
    for (const Device& device : view.shown) {
        info.add(1, info_labels(device));
        up.add(device.is_up ? 1 : 0, {{"device", device.name}});
        mtu.add(device.mtu, {{"device", device.name}});
        rows.push_back({device.name, &device.counts});
    }
    // Also when there are none now: they have been counted.
    if (view.hidden_count != 0 || view.others != DeviceCounts{})
        rows.push_back({kOtherDevices, &view.others});
    for (Family* family : {&info, &up, &mtu})
        families.push_back(std::move(*family).take());
    add_device_counters(families, rows);
}

ClientMetric::Histogram burst_histogram(const std::array<std::uint64_t, Worker::kBurstSizes>& bursts)
{
    ClientMetric::Histogram histogram;
    for (std::size_t size = 0; size < bursts.size(); ++size) {
        histogram.sample_count += bursts[size];
        histogram.sample_sum += number(bursts[size] * size);
        if (size != 0 && (size & (size - 1)) == 0)
            histogram.bucket.push_back({histogram.sample_count, number(size)});
    }
    return histogram;
}

ClientMetric::Histogram turn_histogram(const Worker& worker, double tsc_hz)
{
    ClientMetric::Histogram histogram;
    histogram.sample_sum = number(worker.busy_ticks) / tsc_hz;
    for (std::size_t size = 0; size < Worker::kTurnSizes; ++size) {
        histogram.sample_count += worker.turns_by_log2_ticks[size];
        if (size >= kFirstTurnSize && size <= kLastTurnSize)
            histogram.bucket.push_back({histogram.sample_count, std::ldexp(1.0, static_cast<int>(size) + 1) / tsc_hz});
    }
    return histogram;
}

void add_workers(Families& families, const Snapshot& snapshot)
{
    const std::vector<Worker>& workers = snapshot.workers;
    const auto labels = [](std::size_t worker) { return Labels{{"worker", fmt::format("{}", worker)}}; };
    Family info = gauge("vxd_worker_info", "The CPU that the worker has; always 1.");
    Family bursts(MetricType::Histogram, "vxd_worker_burst_packets", "Packets in a burst.");
    Family turns(MetricType::Histogram, "vxd_worker_turn_seconds",
                 "Time of a loop turn that found packets: how long other queues wait meanwhile.");
    for (std::size_t index = 0; index < workers.size(); ++index) {
        const Worker& worker = workers[index];
        info.add(1, {{"cpu", fmt::format("{}", worker.cpu)}, {"worker", fmt::format("{}", index)}});
        bursts.add(burst_histogram(worker.bursts_by_packets), labels(index));
        turns.add(turn_histogram(worker, snapshot.tsc_hz), labels(index));
    }
    families.push_back(std::move(info).take());
    for (const WorkerCounter& each : kWorkerCounters) {
        Family family = counter(each.name, each.help);
        for (std::size_t index = 0; index < workers.size(); ++index) {
            const double value = number(workers[index].*each.count);
            family.add(each.unit == Unit::kTicks ? value / snapshot.tsc_hz : value, labels(index));
        }
        families.push_back(std::move(family).take());
    }
    families.push_back(std::move(bursts).take());
    families.push_back(std::move(turns).take());
}

} // namespace

Families families_of_scrape(bool is_up, double seconds)
{
    return {single(gauge("vxd_up", "Whether vxd answered."), is_up ? 1 : 0),
            single(gauge("vxd_scrape_duration_seconds", "How long it took to ask vxd for these metrics."), seconds)};
}

Families families_of(const Snapshot& snapshot, const View& view)
{
    Families families;
    families.push_back(single(gauge("vxd_build_info", "The version of the vxd that answered; always 1."), 1,
                              {{"version", snapshot.version}}));
    add_drops(families, view.all);
    add_devices(families, view);
    add_workers(families, snapshot);
    const std::tuple<const char*, const char*, std::uint64_t> gauges[] = {
        {"vxd_fdb_entries", "Entries of the forwarding database.", snapshot.fdb_entries},
        {"vxd_fdb_max_entries", "As many as the forwarding database may have.", snapshot.fdb_max},
        {"vxd_packet_buffers", "How many packets ports and rings can hold in all.", snapshot.buffers},
        {"vxd_packet_buffers_free", "How many packet buffers hold none now.", snapshot.free_buffers},
    };
    for (const auto& [name, help, value] : gauges)
        families.push_back(single(gauge(name, help), number(value)));
    families.push_back(single(counter("vxd_fdb_learn_refused_total",
                                      "MACs that were not learned, for their bridge or the forwarding database has as "
                                      "many as it may."),
                              number(snapshot.learn_refused)));
    return families;
}

} // namespace vx::exporter
