// SPDX-License-Identifier: BSD-3-Clause
#include "tools/vxctl/top/rates.h"

#include "dataplane/net/drop_reason.h"
#include "tools/vxctl/top/numbers.h"

#include <algorithm>
#include <map>
#include <span>
#include <tuple>
#include <unordered_map>
#include <utility>

namespace vx::top
{

namespace
{

std::uint64_t since(std::uint64_t now, std::uint64_t before)
{
    return now >= before ? now - before : now;
}

std::vector<std::uint64_t> since(const std::vector<std::uint64_t>& now, const std::vector<std::uint64_t>& before)
{
    std::vector<std::uint64_t> counts = now;
    for (std::size_t place = 0; place < std::min(now.size(), before.size()); ++place)
        counts[place] = since(now[place], before[place]);
    return counts;
}

std::optional<double> ratio(std::uint64_t part, std::uint64_t whole)
{
    if (whole == 0)
        return std::nullopt;
    return static_cast<double>(part) / static_cast<double>(whole);
}

std::optional<double> in_seconds(std::optional<double> ticks, double tsc_hz)
{
    if (!ticks || tsc_hz <= 0)
        return std::nullopt;
    return *ticks / tsc_hz;
}

// Received and sent.
std::pair<Flow, Flow> flows(const FlowCounts& before, const FlowCounts& now, double seconds)
{
    const auto rate = [&](std::uint64_t FlowCounts::*count) {
        return static_cast<double>(since(now.*count, before.*count)) / seconds;
    };
    return {{rate(&FlowCounts::rx_packets), 8 * rate(&FlowCounts::rx_bytes)},
            {rate(&FlowCounts::tx_packets), 8 * rate(&FlowCounts::tx_bytes)}};
}

DeviceRates device_rates(const LinkSample& before, const LinkSample& now, double seconds)
{
    DeviceRates device;
    device.link = now;
    std::tie(device.rx, device.tx) = flows(before.counts, now.counts, seconds);
    for (const auto& [reason, count] : now.drops)
        device.drops += static_cast<double>(since(count, before.dropped(reason))) / seconds;
    return device;
}

std::vector<VtepRates> vtep_rates(const std::vector<VtepSample>& before, const std::vector<VtepSample>& now,
                                  double seconds)
{
    std::map<std::pair<std::string_view, std::string_view>, const FlowCounts*> known;
    for (const VtepSample& vtep : before)
        known.emplace(std::pair{std::string_view{vtep.device}, std::string_view{vtep.address}}, &vtep.counts);
    std::vector<VtepRates> rates;
    for (const VtepSample& vtep : now) {
        const auto found = known.find({vtep.device, vtep.address});
        const auto [rx, tx] = flows(found == known.end() ? FlowCounts{} : *found->second, vtep.counts, seconds);
        rates.push_back({vtep, rx, tx});
    }
    return rates;
}

// What a packet costs where many come at once. Of one that comes alone the time says nothing: it pays for waking,
// polling and flushing, as at more load it would not. So few of them in this time count with those before.
std::optional<double> ticks_a_packet(const WorkerSample& before, const WorkerSample& now)
{
    constexpr std::uint64_t kEnough = 10'000;
    const std::uint64_t packets = since(now.full_turn_packets, before.full_turn_packets);
    if (packets >= kEnough)
        return ratio(since(now.full_turn_ticks, before.full_turn_ticks), packets);
    return ratio(now.full_turn_ticks, now.full_turn_packets);
}

WorkerRates worker_rates(std::size_t index, const WorkerSample& before, const WorkerSample& now, double tsc_hz,
                         double seconds)
{
    const std::uint64_t packets = since(now.packets, before.packets);
    const std::uint64_t bursts = since(now.bursts, before.bursts);
    WorkerRates worker;
    worker.index = index;
    worker.cpu = now.cpu;
    // The ticks that a worker slept it counts when it wakes, which may be much later: time is taken from the clock.
    worker.ticks_a_packet = ticks_a_packet(before, now);
    const auto busy = static_cast<double>(since(now.busy_ticks, before.busy_ticks));
    const double work =
        worker.ticks_a_packet ? std::min(busy, *worker.ticks_a_packet * static_cast<double>(packets)) : busy;
    worker.load = tsc_hz <= 0 ? 0 : std::min(1.0, work / (tsc_hz * seconds));
    worker.packets = static_cast<double>(packets) / seconds;
    worker.sleeps = static_cast<double>(since(now.sleeps, before.sleeps)) / seconds;
    worker.packets_a_burst = ratio(packets, bursts);
    if (const auto sizes = since(now.bursts_by_packets, before.bursts_by_packets); !sizes.empty())
        worker.full_bursts = ratio(sizes.back(), bursts);
    const auto turns = since(now.turns_by_log2_ticks, before.turns_by_log2_ticks);
    worker.turn_p50 = in_seconds(quantile_of_log2(turns, 0.5), tsc_hz);
    worker.turn_p99 = in_seconds(quantile_of_log2(turns, 0.99), tsc_hz);
    return worker;
}

} // namespace

Rates rates_of(const Sample& before, const Sample& now)
{
    Rates rates;
    rates.seconds = std::chrono::duration<double>(now.when - before.when).count();
    rates.fdb_entries = now.fdb_entries;
    rates.buffers_free = now.buffers_free;
    rates.vteps_refused = now.vteps_refused;
    if (before.vteps && now.vteps)
        rates.vteps = vtep_rates(*before.vteps, *now.vteps, rates.seconds);
    std::unordered_map<std::uint32_t, const LinkSample*> known;
    for (const LinkSample& link : before.links)
        known.emplace(link.index, &link);
    const LinkSample nothing;
    for (const LinkSample& link : now.links) {
        // An index may have become another device's.
        const auto found = known.find(link.index);
        const bool is_known =
            found != known.end() && found->second->name == link.name && found->second->kind == link.kind;
        const LinkSample& was = is_known ? *found->second : nothing;
        rates.devices.push_back(device_rates(was, link, rates.seconds));
        for (const auto& [reason, count] : link.drops)
            rates.drops.push_back({reason, link.name,
                                   static_cast<double>(since(count, was.dropped(reason))) / rates.seconds, count,
                                   meaning_of(reason)});
    }
    std::stable_sort(rates.drops.begin(), rates.drops.end(),
                     [](const DropRates& a, const DropRates& b) { return a.total > b.total; });
    for (std::size_t index = 0; index < now.workers.size(); ++index)
        rates.workers.push_back(worker_rates(index,
                                             index < before.workers.size() ? before.workers[index] : WorkerSample{},
                                             now.workers[index], now.tsc_hz, rates.seconds));
    return rates;
}

std::string_view meaning_of(std::string_view reason)
{
    const auto find = [&](std::span<const DropReasonText> known) {
        const auto found =
            std::find_if(known.begin(), known.end(), [&](const DropReasonText& text) { return text.name == reason; });
        return found == known.end() ? std::string_view{} : found->meaning;
    };
    const std::string_view meaning = find(kDropReasons);
    return meaning.empty() ? find(kPortLosses) : meaning;
}

Flow Rates::of_ports(Flow DeviceRates::*direction) const
{
    Flow sum;
    for (const DeviceRates& device : devices)
        if (device.is_port())
            sum = {sum.packets + (device.*direction).packets, sum.bits + (device.*direction).bits};
    return sum;
}

double Rates::drop_rate() const
{
    double sum = 0;
    for (const DropRates& drop : drops)
        sum += drop.rate;
    return sum;
}

double Rates::load() const
{
    double sum = 0;
    for (const WorkerRates& worker : workers)
        sum += worker.load;
    return workers.empty() ? 0 : sum / static_cast<double>(workers.size());
}

} // namespace vx::top
