// SPDX-License-Identifier: BSD-3-Clause
#include "bench/fdb/hostile.h"

#include "bench/fdb/dpdk_table.h"
#include "bench/fdb/our_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace vx::bench
{

namespace
{

constexpr unsigned kRandom = 4; // a family of keys
constexpr int kSeeds = 64;      // tables that a set is tried on: each has a seed of its own
constexpr double kMostSlower = 2;

// Lines that a hit reads: of all keys, and of the one that is found last.
struct Depth {
    double mean = 0;
    std::size_t most = 0;
};

Depth depth_of(const BucketTable& table, const std::vector<std::uint64_t>& keys)
{
    Depth depth;
    for (const std::uint64_t key : keys) {
        const std::size_t lines = lines_of(table, key);
        depth.mean += static_cast<double>(lines) / static_cast<double>(keys.size());
        depth.most = std::max(depth.most, lines);
    }
    return depth;
}

std::size_t load_what_fits(auto& table, const std::vector<std::uint64_t>& keys)
{
    return static_cast<std::size_t>(
        std::count_if(keys.begin(), keys.end(), [&](std::uint64_t key) { return table.add(key); }));
}

// A table of one size that nobody grows, as the FDB has it between two rebuilds.
struct FixedTable {
    BucketTable table;
    void begin_reading() noexcept {}
    void end_reading() noexcept {}
    void look_up(Keys keys, Values& values) noexcept { bench::look_up(table, keys, values); }
};

// ---- who does not know the seed -----------------------------------------------------------------------------------

void measure_hostile(Run& run, const HostileSet& set)
{
    const auto harmless = random_keys(set.keys.size(), kRandom);
    Depth worst, random_worst;
    std::size_t refused = 0;
    double growth = 0;
    for (int seed = 0; seed < kSeeds; ++seed) {
        OurTable hostile{set.keys.size(), Sharing::kNone}, plain{set.keys.size(), Sharing::kNone};
        refused = std::max(refused, set.keys.size() - load_what_fits(hostile, set.keys));
        load_what_fits(plain, harmless);
        growth = std::max(growth, static_cast<double>(hostile.fdb().table().capacity()) /
                                      static_cast<double>(plain.fdb().table().capacity()));
        const Depth depth = depth_of(hostile.fdb().table(), set.keys);
        const Depth random = depth_of(plain.fdb().table(), harmless);
        worst = {std::max(worst.mean, depth.mean), std::max(worst.most, depth.most)};
        random_worst = {std::max(random_worst.mean, random.mean), std::max(random_worst.most, random.most)};
    }
    DpdkTable theirs{set.keys.size(), Sharing::kNone};
    const std::size_t taken_by_dpdk = load_what_fits(theirs, set.keys);

    OurTable hostile{set.keys.size(), Sharing::kNone}, plain{set.keys.size(), Sharing::kNone};
    load_what_fits(hostile, set.keys);
    load_what_fits(plain, harmless);
    KeyStream of_hostile{set.keys}, of_plain{harmless};
    const Pairs pairs = sample_pairs(run.report.calibration(), lookups(hostile, of_hostile), lookups(plain, of_plain),
                                     kBlockLookups, run.options.samples);
    const std::string name = fmt::format("hostile, {}", set.name);
    run.report.add(name, "ticks/lookup", pairs.first,
                   {{"plot", "hostile"},
                    {"group", set.name},
                    {"series", "hostile"},
                    {"keys", set.keys.size()},
                    {"seeds", kSeeds},
                    {"lines_mean", worst.mean},
                    {"lines_most", worst.most},
                    {"lines_mean_random", random_worst.mean},
                    {"lines_most_random", random_worst.most},
                    {"refused", refused},
                    {"taken_by_rte_hash", taken_by_dpdk}});
    run.report.add(name + ": random MACs instead", "ticks/lookup", pairs.second,
                   {{"plot", "hostile"}, {"group", set.name}, {"series", "random"}});
    fmt::print("  {} MACs under {} seeds, at worst: {:.3f} lines a lookup (random: {:.3f}), {} the longest (random: "
               "{}), {} refused; rte_hash takes {}\n",
               set.keys.size(), kSeeds, worst.mean, random_worst.mean, worst.most, random_worst.most, refused,
               taken_by_dpdk);
    run.report.add_ratio(name + ": / random", ratio(pairs), at_most(kMostSlower));
    run.report.add_ratio(name + ": memory / random", Sampling{{growth}, 0}, at_most(1));
}

// ---- who does -----------------------------------------------------------------------------------------------------

// A table that is full as far as it gets, of groups that collide: every lookup reads many lines. Nobody can do this who
// does not read the seed out of the process; it bounds what a leak would cost.
void measure_worst_case(Run& run)
{
    constexpr std::size_t kCapacity = 65'536, kGroups = 512;
    const std::uint64_t seed = WordTable::random_seed();
    FixedTable hostile{BucketTable{kCapacity, seed}}, plain{BucketTable{kCapacity, seed}};
    const auto keys = colliding_keys(hostile.table, kGroups);
    const auto harmless = random_keys(keys.size(), kRandom);
    for (std::size_t i = 0; i < keys.size(); ++i) {
        hostile.table.insert(keys[i], keys[i], 1);
        plain.table.insert(harmless[i], harmless[i], 1);
    }
    std::vector<std::uint64_t> last; // of each group, those in its last bucket
    for (std::size_t i = 0; i < keys.size(); ++i)
        if (i % kCollidingGroup >= kCollidingGroup - BucketTable::kSlotsPerBucket)
            last.push_back(keys[i]);
    KeyStream of_plain{harmless};
    for (const auto& [name, asked] : {std::pair{"all of them", keys}, std::pair{"the last of each group", last}}) {
        KeyStream stream{asked};
        const Pairs pairs = sample_pairs(run.report.calibration(), lookups(hostile, stream), lookups(plain, of_plain),
                                         kBlockLookups, run.options.samples);
        const Depth depth = depth_of(hostile.table, asked);
        const std::string title = fmt::format("seed known, {}", name);
        run.report.add(title, "ticks/lookup", pairs.first,
                       {{"plot", "hostile"},
                        {"group", title},
                        {"series", "hostile"},
                        {"keys", asked.size()},
                        {"lines_mean", depth.mean},
                        {"lines_most", depth.most}});
        run.report.add_ratio(fmt::format("{} ({:.1f} lines): / random", title, depth.mean), ratio(pairs));
    }
}

// The FDB's answer to the first group that fits no more: another table, under another seed.
void measure_answer(Run& run)
{
    Sampling milliseconds, taken;
    double growth = 0;
    Depth after;
    const std::size_t samples = std::min<std::size_t>(run.options.samples, 20);
    for (std::size_t i = 0; i < samples; ++i) {
        OurTable table{65'536, Sharing::kNone};
        load_what_fits(table, random_keys(40'000, kRandom));
        const double capacity = static_cast<double>(table.fdb().table().capacity());
        const auto keys = colliding_keys(table.fdb().table(), 1);
        const std::size_t before = table.rebuilds();
        std::vector<std::uint64_t> in;
        for (const std::uint64_t key : keys) {
            const std::uint64_t begin = ticks();
            table.add(key);
            const std::uint64_t elapsed = ticks() - begin;
            in.push_back(key);
            if (table.rebuilds() == before)
                continue;
            milliseconds.values.push_back(static_cast<double>(elapsed) / run.report.calibration().tsc_ghz() / 1e6);
            break;
        }
        taken.values.push_back(static_cast<double>(in.size()));
        growth = std::max(growth, static_cast<double>(table.fdb().table().capacity()) / capacity);
        const Depth depth = depth_of(table.fdb().table(), in);
        after = {std::max(after.mean, depth.mean), std::max(after.most, depth.most)};
    }
    if (milliseconds.values.empty())
        throw std::runtime_error("keys that collide did not make the FDB build its table anew");
    run.report.add("seed known, keys until the FDB takes another", "keys", taken);
    run.report.add("seed known, the rebuild of 40000 entries", "ms", milliseconds);
    run.report.add_value("seed known, lines a lookup reads afterwards", "lines", after.mean);
    run.report.add_ratio("seed known, memory afterwards", Sampling{{growth}, 0}, at_most(1));
}

} // namespace

void add_hostile(std::vector<Scenario>& scenarios)
{
    for (const HostileSet& set : hostile_sets())
        scenarios.push_back({fmt::format("hostile, {}", set.name), [set](Run& run) { measure_hostile(run, set); }});
    scenarios.push_back({"seed known, worst case", measure_worst_case});
    scenarios.push_back({"seed known, answer", measure_answer});
}

} // namespace vx::bench
