// SPDX-License-Identifier: BSD-3-Clause
#include "tools/exporter/snapshot.h"

#include "dataplane/net/drop_reason.h"

#include <unordered_map>

namespace vx::exporter
{

namespace
{

void add(Reasons& sums, const Reasons& more)
{
    for (const auto& [reason, packets] : more)
        sums[reason] += packets;
}

DeviceCounts counts_from(const Json& json)
{
    const Json& rx = json.at("rx");
    const Json& tx = json.at("tx");
    DeviceCounts counts;
    rx.at("packets").get_to(counts.rx_packets);
    rx.at("bytes").get_to(counts.rx_bytes);
    tx.at("packets").get_to(counts.tx_packets);
    tx.at("bytes").get_to(counts.tx_bytes);
    for (const auto& [reason, packets] : json.at("drops").items())
        counts.drops[reason] = packets.get<std::uint64_t>();
    for (const DropReasonText& loss : kPortLosses)
        if (const auto packets = rx.at(std::string(json_name_of(loss))).get<std::uint64_t>(); packets != 0)
            counts.lost[std::string(loss.name)] = packets;
    return counts;
}

void describe(Device& device, const Json& link)
{
    const Json& info = link.at("linkinfo");
    info.at("info_kind").get_to(device.kind);
    device.master = link.value("master", "");
    if (device.kind == "vxlan")
        device.vni = info.at("info_data").at("id").get<std::uint32_t>();
    link.at("mtu").get_to(device.mtu);
    device.is_up = link.at("operstate") != "DOWN";
}

Worker worker_from(const Json& json)
{
    Worker worker;
    json.at("cpu").get_to(worker.cpu);
    json.at("packets").get_to(worker.packets);
    json.at("bursts").get_to(worker.bursts);
    json.at("busy_ticks").get_to(worker.busy_ticks);
    json.at("idle_ticks").get_to(worker.idle_ticks);
    json.at("full_turn_packets").get_to(worker.full_turn_packets);
    json.at("full_turn_ticks").get_to(worker.full_turn_ticks);
    json.at("sleeps").get_to(worker.sleeps);
    json.at("learn_lost").get_to(worker.learn_lost);
    json.at("bursts_by_packets").get_to(worker.bursts_by_packets);
    json.at("turns_by_log2_ticks").get_to(worker.turns_by_log2_ticks);
    return worker;
}

} // namespace

DeviceCounts& DeviceCounts::operator+=(const DeviceCounts& other)
{
    rx_packets += other.rx_packets;
    rx_bytes += other.rx_bytes;
    tx_packets += other.tx_packets;
    tx_bytes += other.tx_bytes;
    add(drops, other.drops);
    add(lost, other.lost);
    return *this;
}

std::uint64_t Snapshot::ticks() const
{
    std::uint64_t sum = 0;
    for (const Worker& worker : workers)
        sum += worker.busy_ticks + worker.idle_ticks;
    return sum;
}

Result<Snapshot> snapshot_from(const Json& stats, const Json& links, std::string version)
try {
    std::unordered_map<std::uint32_t, const Json*> by_ifindex;
    for (const Json& link : links)
        by_ifindex.emplace(link.at("ifindex").get<std::uint32_t>(), &link);
    Snapshot snapshot;
    snapshot.version = std::move(version);
    stats.at("tsc_hz").get_to(snapshot.tsc_hz);
    if (!(snapshot.tsc_hz > 0))
        return error("vxd's answer is not as expected: tsc_hz is {}", snapshot.tsc_hz);
    for (const Json& json : stats.at("links")) {
        Device& device = snapshot.devices.emplace_back();
        json.at("ifindex").get_to(device.ifindex);
        json.at("ifname").get_to(device.name);
        device.counts = counts_from(json);
        if (const auto link = by_ifindex.find(device.ifindex); link != by_ifindex.end())
            describe(device, *link->second);
    }
    for (const Json& worker : stats.at("workers"))
        snapshot.workers.push_back(worker_from(worker));
    stats.at("fdb").at("entries").get_to(snapshot.fdb_entries);
    stats.at("fdb").at("max").get_to(snapshot.fdb_max);
    stats.at("learn_refused").get_to(snapshot.learn_refused);
    stats.at("buffers").at("total").get_to(snapshot.buffers);
    stats.at("buffers").at("free").get_to(snapshot.free_buffers);
    return snapshot;
} catch (const Json::exception& failure) {
    return error("vxd's answer is not as expected: {}", failure.what());
}

} // namespace vx::exporter
