// SPDX-License-Identifier: BSD-3-Clause
// The FDB against DPDK's rte_hash: lookups in bursts of 32 that hit and miss, alone and with a writer on another CPU,
// loading, memory; and what MACs that were chosen to collide can do to it.
#include "bench/fdb/dpdk_table.h"
#include "bench/fdb/hostile.h"
#include "bench/fdb/keys.h"
#include "bench/fdb/lookups.h"
#include "bench/fdb/our_table.h"
#include "bench/harness/machine.h"
#include "bench/harness/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

namespace vx::bench
{

namespace
{

constexpr std::size_t kSizes[] = {1, 1000, 64'000, 1'000'000, 4'000'000};
constexpr std::size_t kChangesATurn = 32;                    // of a writer, between two looks at whether it is to pause
constexpr unsigned kPresent = 1, kAbsent = 2, kChanging = 3; // families of keys

// The targets: at least twice as fast as rte_hash at a thousand and at a million.
Wanted wanted_of(std::size_t size)
{
    return size == 1000 || size == 1'000'000 ? at_least(2) : Wanted{};
}

nlohmann::json facts(const char* plot, std::size_t size, const char* series)
{
    return {{"plot", plot}, {"x", size}, {"x_title", "entries"}, {"series", series}, {"group", std::to_string(size)}};
}

const char* name_of(Callbacks callbacks)
{
    return callbacks == Callbacks::kStock ? "rte_hash" : "rte_hash tuned";
}

// Ours is measured against either kind of rte_hash, and its figure is the one that it had beside the first.
void add_pairs(Run& run, const std::string& name, const char* plot, std::size_t size, const Pairs& pairs,
               const char* unit, Callbacks callbacks = Callbacks::kStock, Wanted wanted = {})
{
    const char* const theirs = name_of(callbacks);
    if (callbacks == Callbacks::kStock)
        run.report.add(name + " vxd", unit, pairs.first, facts(plot, size, "vxd"));
    run.report.add(fmt::format("{} {}", name, theirs), unit, pairs.second, facts(plot, size, theirs));
    run.report.add_ratio(fmt::format("{}: {} / vxd", name, theirs), ratio({pairs.second, pairs.first}), wanted);
}

template <typename Table>
void load(Table& table, const std::vector<std::uint64_t>& keys)
{
    for (const std::uint64_t key : keys)
        if (!table.add(key))
            throw std::runtime_error("a table that should have room refuses a key");
}

// ---- lookups ----------------------------------------------------------------------------------------------------

void measure_lookups(Run& run, std::size_t size, Callbacks callbacks)
{
    OurTable ours{size, Sharing::kNone};
    DpdkTable theirs{size, Sharing::kNone, callbacks};
    const auto present = random_keys(size, kPresent);
    load(ours, present);
    load(theirs, present);
    for (const auto& [name, family, plot] :
         {std::tuple{"hit", kPresent, "lookups that hit"}, std::tuple{"miss", kAbsent, "lookups that miss"}}) {
        const auto keys = random_keys(size, family);
        KeyStream of_ours{keys}, of_theirs{keys};
        check_lookups(ours, of_ours, family == kPresent);
        check_lookups(theirs, of_theirs, family == kPresent);
        const Pairs pairs = sample_pairs(run.report.calibration(), lookups(ours, of_ours), lookups(theirs, of_theirs),
                                         kBlockLookups, run.options.samples);
        add_pairs(run, fmt::format("{} {}", name, size), plot, size, pairs, "ticks/lookup", callbacks,
                  family == kPresent ? wanted_of(size) : Wanted{});
    }
}

// Some keys that come and go: each is added, and erased when half of the others have been.
template <typename Table>
class Churn
{
public:
    Churn(Table& table, std::vector<std::uint64_t> keys) : table_(table), keys_(std::move(keys)) {}
    void operator()()
    {
        for (std::size_t i = 0; i < kChangesATurn / 2; ++i) {
            table_.add(keys_[at_]);
            table_.remove(keys_[(at_ + keys_.size() / 2) % keys_.size()]);
            at_ = at_ + 1 == keys_.size() ? 0 : at_ + 1;
        }
    }

private:
    Table& table_;
    std::vector<std::uint64_t> keys_;
    std::size_t at_ = 0;
};

double million_changes_per_second(const Run& run, Disturber& disturber)
{
    const double seconds = static_cast<double>(disturber.ticks_running()) / run.report.calibration().tsc_ghz() / 1e9;
    return static_cast<double>(disturber.times() * kChangesATurn) / seconds / 1e6;
}

void measure_lookups_with_writer(Run& run, std::size_t size, Callbacks callbacks)
{
    const std::size_t changing = std::max<std::size_t>(16, size / 64);
    OurTable ours{size + changing, Sharing::kConcurrent};
    DpdkTable theirs{size + changing, Sharing::kConcurrent, callbacks};
    const auto present = random_keys(size, kPresent);
    load(ours, present);
    load(theirs, present);
    Disturber our_writer{run.other_cpu, Churn{ours, random_keys(changing, kChanging)}};
    Disturber their_writer{run.other_cpu, Churn{theirs, random_keys(changing, kChanging)}};
    KeyStream of_ours{present}, of_theirs{present};
    const Pairs pairs = sample_pairs(run.report.calibration(), lookups(ours, of_ours, &our_writer),
                                     lookups(theirs, of_theirs, &their_writer), kBlockLookups, run.options.samples);
    add_pairs(run, fmt::format("hit with writer {}", size), "lookups that hit, with a writer", size, pairs,
              "ticks/lookup", callbacks, wanted_of(size));
    const auto add_speed = [&](const char* whose, Disturber& writer) {
        run.report.add_value(fmt::format("writer {} {}", size, whose), "M changes/s",
                             million_changes_per_second(run, writer),
                             facts("changes while somebody reads", size, whose));
    };
    if (callbacks == Callbacks::kStock)
        add_speed("vxd", our_writer);
    add_speed(name_of(callbacks), their_writer);
}

// Keys that never return fill the table, so that again and again it is built anew while it is read.
void measure_lookups_with_rebuilds(Run& run, std::size_t size)
{
    OurTable ours{size, Sharing::kConcurrent};
    const auto present = random_keys(size, kPresent);
    load(ours, present);
    KeyStream stream{present};
    const auto quiet =
        sample_pairs(run.report.calibration(), lookups(ours, stream), nothing, kBlockLookups, run.options.samples);
    const std::size_t before = ours.rebuilds();
    std::uint64_t next = 0;
    const auto fresh = random_keys(std::size_t{1} << 22, kChanging);
    Disturber writer{run.other_cpu, [&] {
                         for (std::size_t i = 0; i < kChangesATurn; ++i, next = (next + 1) % fresh.size()) {
                             ours.add(fresh[next]);
                             ours.remove(fresh[next]);
                         }
                     }};
    writer.resume();
    const auto busy =
        sample_pairs(run.report.calibration(), lookups(ours, stream), nothing, kBlockLookups, run.options.samples);
    writer.pause();
    const std::string name = fmt::format("hit while rebuilding {}", size);
    run.report.add(name + ": never", "ticks/lookup", quiet.first,
                   {{"plot", "rebuilds"}, {"group", std::to_string(size)}, {"series", "never"}});
    run.report.add(name + ": all the time", "ticks/lookup", busy.first,
                   {{"plot", "rebuilds"},
                    {"group", std::to_string(size)},
                    {"series", "all the time"},
                    {"rebuilds", ours.rebuilds() - before}});
}

// ---- loading, and memory -----------------------------------------------------------------------------------------

template <typename Table>
Block loading(const std::vector<std::uint64_t>& keys)
{
    return [&keys](std::size_t) {
        const std::uint64_t begin = ticks();
        Table table{keys.size(), Sharing::kNone};
        load(table, keys);
        return ticks() - begin;
    };
}

// From nothing: ours grows on the way, rte_hash is given its size.
void measure_loading(Run& run, std::size_t size)
{
    const auto keys = random_keys(size, kPresent);
    const std::size_t samples = std::clamp<std::size_t>(8'000'000 / size, 3, run.options.samples);
    const Pairs pairs =
        sample_pairs(run.report.calibration(), loading<OurTable>(keys), loading<DpdkTable>(keys), size, samples);
    add_pairs(run, fmt::format("load {}", size), "loading", size, pairs, "ticks/entry");
}

void measure_memory(Run& run, std::size_t size)
{
    const auto keys = random_keys(size, kPresent);
    const auto add = [&](const char* series, double bytes) {
        run.report.add_value(fmt::format("memory {} {}", size, series), "bytes/entry",
                             bytes / static_cast<double>(size), facts("memory", size, series));
    };
    {
        const std::size_t before = our_heap_size();
        OurTable ours{size, Sharing::kNone};
        load(ours, keys);
        add("vxd", static_cast<double>(our_heap_size() - before));
    }
    const std::size_t before = dpdk_heap_size();
    DpdkTable theirs{size, Sharing::kNone};
    load(theirs, keys);
    add("rte_hash", static_cast<double>(dpdk_heap_size() - before));
}

// ---- all of it ---------------------------------------------------------------------------------------------------

std::vector<Scenario> scenarios()
{
    std::vector<Scenario> all;
    constexpr Callbacks kBoth[] = {Callbacks::kStock, Callbacks::kTuned};
    for (const std::size_t size : kSizes)
        for (const Callbacks callbacks : kBoth)
            all.push_back({fmt::format("lookup {} {}", size, name_of(callbacks)),
                           [=](Run& run) { measure_lookups(run, size, callbacks); }});
    for (const std::size_t size : kSizes)
        for (const Callbacks callbacks : kBoth)
            all.push_back({fmt::format("writer {} {}", size, name_of(callbacks)),
                           [=](Run& run) { measure_lookups_with_writer(run, size, callbacks); }, true});
    for (const std::size_t size : {std::size_t{64'000}, std::size_t{1'000'000}})
        all.push_back(
            {fmt::format("rebuild {}", size), [size](Run& run) { measure_lookups_with_rebuilds(run, size); }, true});
    for (const std::size_t size : kSizes)
        if (size >= 1000) // one entry is the cost of an empty table
            all.push_back({fmt::format("load {}", size), [size](Run& run) { measure_loading(run, size); }});
    for (const std::size_t size : kSizes)
        if (size >= 1000)
            all.push_back({fmt::format("memory {}", size), [size](Run& run) { measure_memory(run, size); }});
    add_hostile(all);
    return all;
}

int run(int argc, char** argv)
{
    CLI::App app{"vxd's forwarding database against DPDK's rte_hash."};
    RunOptions options;
    add_run_options(app, options);
    unsigned other_cpu = 0;
    app.add_option("--other-cpu", other_cpu, "the CPU of the thread that writes meanwhile")->capture_default_str();
    EalOptions::Memory memory = EalOptions::Memory::kAuto;
    app.add_flag_callback(
        "--no-hugepages", [&memory] { memory = EalOptions::Memory::kNormal; },
        "leave hugepages alone: rte_hash then lies in 4 KiB pages, and its figures say little");
    CLI11_PARSE(app, argc, argv);
    if (options.list) {
        for (const Scenario& scenario : scenarios())
            if (wants(options, scenario.name))
                fmt::print("{}\n", scenario.name);
        return 0;
    }

    const Eal eal = start_eal(options.cpu, memory, 1024);
    Report report{"fdb_bench", options};
    report.note("rte_hash_pages", eal.uses_hugepages() ? "2 MiB" : "4 KiB");
    const bool has_other = other_cpu != options.cpu && other_cpu < std::thread::hardware_concurrency();
    Run state{options, report, other_cpu};
    try {
        for (const Scenario& scenario : scenarios()) {
            if (!wants(options, scenario.name))
                continue;
            if (scenario.needs_other_cpu && !has_other)
                fmt::print("{}: left out, there is no other CPU\n", scenario.name);
            else
                scenario.run(state);
        }
    } catch (const std::exception& error) {
        fmt::print(stderr, "{}\n", error.what());
        return 1;
    }
    return report.finish();
}

} // namespace

} // namespace vx::bench

int main(int argc, char** argv)
{
    return vx::bench::run(argc, argv);
}
