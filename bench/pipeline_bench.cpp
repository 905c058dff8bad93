// SPDX-License-Identifier: BSD-3-Clause
// Ticks per packet of the whole pipeline without ports: a received burst of frames to the call of the driver's transmit
// function. What making the frames costs is measured beside it and taken off.
#include "bench/harness/machine.h"
#include "bench/harness/report.h"
#include "bench/harness/scene.h"

#include <fmt/format.h>
#include <valgrind/callgrind.h>

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace vx::bench
{

namespace
{

constexpr std::size_t kBlockPackets = 32'768; // a block takes about half a millisecond

// What instructions are counted of: without the scenarios that differ only in cache misses.
bool is_counted(const SceneOptions& scenario)
{
    return !scenario.cold_mbufs && scenario.fdb_entries <= 10'000;
}

std::vector<SceneOptions> scenarios()
{
    constexpr std::size_t kMillion = 1'000'000;
    std::vector<SceneOptions> all;
    // The table of the targets.
    for (const Way way : {Way::kEncap, Way::kDecap, Way::kRoute})
        for (const std::size_t entries : {std::size_t{1}, std::size_t{1000}, std::size_t{64'000}, kMillion})
            all.push_back({.way = way, .fdb_entries = entries});
    // IPv6 underlay, and the outer checksum on IPv4.
    for (const Way way : {Way::kEncap, Way::kDecap, Way::kRoute}) {
        all.push_back({.way = way, .underlay = Family::kIpv6, .fdb_entries = 1000});
        all.push_back({.way = way, .udp_checksum = true, .fdb_entries = 1000});
    }
    for (const Way way : {Way::kEncap, Way::kDecap}) {
        // Many tenants, many hosts.
        for (const std::size_t vnis : {std::size_t{1}, std::size_t{100}})
            for (const std::size_t vteps : {std::size_t{1}, std::size_t{100}})
                all.push_back({.way = way, .fdb_entries = 10'000, .vnis = vnis, .vteps = vteps});
        all.push_back({.way = way, .fdb_entries = 64'000, .vnis = 16'000});
        all.push_back({.way = way, .fdb_entries = 64'000, .vteps = 4000});
        // Small bursts.
        for (const std::size_t burst : {1U, 4U, 8U, 16U})
            all.push_back({.way = way, .fdb_entries = 1000, .burst = burst});
        // Large frames, and buffers that no cache holds.
        for (const std::size_t size : {256U, 1500U})
            for (const Family underlay : {Family::kIpv4, Family::kIpv6})
                all.push_back({.way = way, .underlay = underlay, .fdb_entries = 1000, .frame_size = size});
        // Somebody watches.
        for (const auto watch : {SceneOptions::Watch::kNoMatch, SceneOptions::Watch::kTally})
            all.push_back({.way = way, .fdb_entries = 1000, .watch = watch});
        all.push_back({.way = way, .fdb_entries = 1000, .cold_mbufs = true});
        all.push_back({.way = way, .fdb_entries = kMillion, .cold_mbufs = true});
    }
    return all;
}

// The same against itself: what difference between two things this machine can tell from none. Once the very same
// scene, and once two that were built alike, for what their places in memory may do.
struct Control {
    const char* name;
    SceneOptions scene;
};
constexpr std::array<Control, 2> kControls{{{"A/A control: encap", {.way = Way::kEncap, .fdb_entries = 1000}},
                                            {"A/A control: decap", {.way = Way::kDecap, .fdb_entries = 1000}}}};
constexpr double kResolution = 0.02;

// Every frame has to come out at the other end, or what was measured is not what it is called.
bool is_sound(Scene& scene, const std::string& name)
{
    const std::uint64_t before = scene.sent();
    std::uint64_t packets = 0;
    while (packets < 4096)
        packets += scene.turn(Scene::Run::kPipeline);
    if (scene.sent() - before == packets && scene.dropped() == 0)
        return true;
    fmt::print(stderr, "{}: {} of {} frames came out, {} were dropped\n", name, scene.sent() - before, packets,
               scene.dropped());
    return false;
}

Block block_of(Scene& scene, Scene::Run what)
{
    return [&scene, what](std::size_t count) { return scene.run(what, count); };
}

void measure_control(Report& report, const RunOptions& options, const Control& control, MbufPool& pool, Sink& sink)
{
    Scene one{control.scene, pool, sink};
    Scene alike{control.scene, pool, sink};
    for (Scene* const other : {&one, &alike}) {
        const std::string name = fmt::format("{}, {}", control.name, other == &one ? "itself" : "built alike");
        const Pairs pairs = sample_pairs(report.calibration(), block_of(one, Scene::Run::kPipeline),
                                         block_of(*other, Scene::Run::kPipeline), kBlockPackets, options.samples);
        report.add(name, "ticks/packet more", difference(pairs));
        report.add_ratio(name, ratio(pairs), one_within(kResolution));
    }
}

// Under callgrind: the instructions of `packets` packets, frames alone and with the pipeline, each dumped under the
// scenario's name. bench/instructions reads the dumps.
void count_instructions(Scene& scene, const std::string& name, std::size_t packets)
{
    const std::string frames = "frames: " + name; // named: the macros are several statements
    const std::string pipeline = "pipeline: " + name;
    scene.run(Scene::Run::kPipeline, packets);
    CALLGRIND_ZERO_STATS;
    scene.run(Scene::Run::kFramesOnly, packets);
    CALLGRIND_DUMP_STATS_AT(frames.c_str());
    CALLGRIND_ZERO_STATS;
    scene.run(Scene::Run::kPipeline, packets);
    CALLGRIND_DUMP_STATS_AT(pipeline.c_str());
}

int run(int argc, char** argv)
{
    CLI::App app{"Ticks per packet of vxd's pipeline, without ports."};
    RunOptions options;
    std::size_t counted_packets = 0;
    add_run_options(app, options);
    app.add_option("--count-instructions", counted_packets,
                   "instead of timing, run this many packets of each scenario under callgrind (bench/instructions)");
    EalOptions::Memory memory = EalOptions::Memory::kAuto;
    app.add_flag_callback(
        "--no-hugepages", [&memory] { memory = EalOptions::Memory::kNormal; }, "leave hugepages alone");
    CLI11_PARSE(app, argc, argv);

    if (options.list) {
        for (const SceneOptions& scenario : scenarios())
            if (wants(options, name_of(scenario)))
                fmt::print("{}\n", name_of(scenario));
        for (const Control& control : kControls)
            if (wants(options, control.name))
                fmt::print("{}\n", control.name);
        return 0;
    }

    const Eal eal = start_eal(options.cpu, memory);
    auto pool = MbufPool::create("bench", Scene::kMaxMbufs + 1023, MbufPool::kAnyNode);
    if (!pool) {
        fmt::print(stderr, "{}\n", pool.error().message);
        return 1;
    }
    auto sink = Sink::open(*pool);
    if (!sink) {
        fmt::print(stderr, "{}\n", sink.error().message);
        return 1;
    }
    std::optional<Report> report; // what it measures of the machine is for timings alone
    if (counted_packets == 0)
        report.emplace("pipeline", options);
    for (const SceneOptions& scenario : scenarios()) {
        const std::string name = name_of(scenario);
        if (!wants(options, name) || (counted_packets != 0 && !is_counted(scenario)))
            continue;
        Scene scene{scenario, *pool, *sink};
        if (!is_sound(scene, name))
            return 1;
        if (!report) {
            count_instructions(scene, name, counted_packets);
            continue;
        }
        report->add(name, "ticks/packet",
                    difference(sample_pairs(report->calibration(), block_of(scene, Scene::Run::kPipeline),
                                            block_of(scene, Scene::Run::kFramesOnly), kBlockPackets, options.samples)));
        if (scene.dropped() != 0) {
            fmt::print(stderr, "{}: {} frames were dropped while it was measured\n", name, scene.dropped());
            return 1;
        }
    }
    for (const Control& control : kControls)
        if (report && wants(options, control.name))
            measure_control(*report, options, control, *pool, *sink);
    return report ? report->finish() : 0;
}

} // namespace

} // namespace vx::bench

int main(int argc, char** argv)
{
    return vx::bench::run(argc, argv);
}
