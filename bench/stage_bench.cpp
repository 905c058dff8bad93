// SPDX-License-Identifier: BSD-3-Clause
// Ticks per packet of one stage alone: the pipeline up to and with it, less the pipeline up to it, over bursts of 32.
// Once as the stages before leave the frames in the caches, and once with every line of them flushed to memory first.
#include "bench/harness/machine.h"
#include "bench/harness/report.h"
#include "bench/harness/scene.h"
#include "dataplane/pipeline.h"
#include "dataplane/port/port_kind.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace vx::bench
{

namespace
{

constexpr std::size_t kBlockPackets = 32'768;
constexpr std::size_t kColdBlockPackets = 4096; // flushing takes longer than any stage
constexpr std::size_t kMillion = 1'000'000;

void look_up_burst(std::span<Packet> packets, Context& context) noexcept
{
    sweep<lookup_source, lookup_destination>(packets, context);
}

void route_burst(std::span<Packet>, Context& context) noexcept
{
    route(context);
}

void transmit_burst(std::span<Packet> packets, Context& context) noexcept
{
    sweep<transmit>(packets, context);
    context.transmitter.flush(context);
}

// Each way's stages in the pipeline's order. What a way's packets only pass by is left out.
constexpr std::array<Scene::Step, 6> kEncapSteps{
    sweep<parse>, sweep<lookup_destination>, sweep<learn_source>, sweep<forward>, sweep<encap>, transmit_burst};
constexpr std::array<Scene::Step, 6> kDecapSteps{
    sweep<decap>, sweep<parse_decapsulated>, look_up_burst, sweep<learn_vtep>, sweep<forward>, transmit_burst};
constexpr std::array<Scene::Step, 5> kRouteSteps{sweep<parse>, sweep<lookup_destination>, sweep<learn_source>,
                                                 sweep<forward>, route_burst};

std::span<const Scene::Step> steps_of(Way way)
{
    switch (way) {
    case Way::kEncap:
        return kEncapSteps;
    case Way::kDecap:
        return kDecapSteps;
    case Way::kRoute:
        return kRouteSteps;
    }
    return {};
}

struct Stage {
    const char* name;
    SceneOptions scene;
    std::size_t step;      // of its way
    Dest::Kind afterwards; // of every packet; anything else is another measurement than its name says
    bool reads_frames = true;
};

std::vector<Stage> stages()
{
    using Kind = Dest::Kind;
    const SceneOptions encap{.way = Way::kEncap, .fdb_entries = 1000}, decap{.way = Way::kDecap, .fdb_entries = 1000};
    const auto with = [](SceneOptions options, auto member, auto value) {
        options.*member = value;
        return options;
    };
    const auto entries = &SceneOptions::fdb_entries;
    const auto checksum = &SceneOptions::udp_checksum;
    const auto unknown = &SceneOptions::unknown_macs;
    const auto underlay = &SceneOptions::underlay;
    return {
        {"parse", encap, 0, Kind::kNone},
        {"lookup of one, 1000 entries", encap, 1, Kind::kVtep, false},
        {"lookup of one, 1M entries", with(encap, entries, kMillion), 1, Kind::kVtep, false},
        {"lookup of unknown MACs, 1000 entries", with(encap, unknown, true), 1, Kind::kNone, false},
        {"lookup of unknown MACs, 1M entries", with(with(encap, entries, kMillion), unknown, true), 1, Kind::kNone,
         false},
        {"lookup and learn, one known source", encap, 2, Kind::kVtep, false},
        {"lookup and learn, unknown source", with(encap, unknown, true), 2, Kind::kNone, false},
        {"forward", encap, 3, Kind::kVtep},
        {"route", {.way = Way::kRoute, .fdb_entries = 1000}, 4, Kind::kVtep},
        {"route, 1M routes and neighbours", {.way = Way::kRoute, .fdb_entries = kMillion}, 4, Kind::kVtep},
        {"encap, IPv4", encap, 4, Kind::kPort},
        {"encap, IPv4, UDP checksum", with(encap, checksum, true), 4, Kind::kPort},
        {"encap, IPv6", with(encap, underlay, Family::kIpv6), 4, Kind::kPort},
        {"encap, IPv4, 4000 VTEPs", {.way = Way::kEncap, .fdb_entries = 64'000, .vteps = 4000}, 4, Kind::kPort},
        {"transmit", encap, 5, Kind::kPort},
        {"decap, IPv4", decap, 0, Kind::kNone},
        {"decap, IPv4, UDP checksum", with(decap, checksum, true), 0, Kind::kNone},
        {"decap, IPv6", with(decap, underlay, Family::kIpv6), 0, Kind::kNone},
        {"parse, from a tunnel", decap, 1, Kind::kNone},
        {"lookup of both, 1000 entries", decap, 2, Kind::kPort, false},
        {"lookup of both, 1M entries", with(decap, entries, kMillion), 2, Kind::kPort, false},
        {"learn, from a tunnel", decap, 3, Kind::kPort},
        {"forward, to a port", decap, 4, Kind::kPort},
    };
}

std::string name_of(const Stage& stage, Scene::Lines lines)
{
    return fmt::format("{}{}", stage.name, lines == Scene::Lines::kFlushed ? ", cold" : "");
}

// False, and says why, if a stage is not what its name says.
bool measure(Report& report, const RunOptions& options, const Stage& stage, MbufPool& pool, Sink& sink)
{
    using Lines = Scene::Lines;
    const auto is_wanted = [&](Lines lines) {
        return wants(options, name_of(stage, lines)) && (lines == Lines::kHot || stage.reads_frames);
    };
    if (!is_wanted(Lines::kHot) && !is_wanted(Lines::kFlushed))
        return true;
    Scene scene{stage.scene, pool, sink};
    const std::span<const Scene::Step> steps = steps_of(stage.scene.way);
    const std::span<const Scene::Step> before = steps.first(stage.step);
    scene.turn(before, steps[stage.step], Lines::kHot);
    const auto is_right = [&](const Packet& packet) { return packet.dest.kind() == stage.afterwards; };
    if (!std::ranges::all_of(scene.rows(), is_right)) {
        fmt::print(stderr, "{}: a packet went another way\n", stage.name);
        return false;
    }
    for (const Lines lines : {Lines::kHot, Lines::kFlushed}) {
        if (!is_wanted(lines))
            continue;
        const auto up_to = [&](Scene::Step last) {
            return [&scene, before, last, lines](std::size_t count) { return scene.run(before, last, lines, count); };
        };
        const Pairs pairs = sample_pairs(report.calibration(), up_to(steps[stage.step]), up_to(nullptr),
                                         lines == Lines::kHot ? kBlockPackets : kColdBlockPackets, options.samples);
        report.add(name_of(stage, lines), "ticks/packet", difference(pairs),
                   {{"group", stage.name}, {"series", lines == Lines::kHot ? "hot" : "flushed to memory"}});
    }
    return true;
}

// ---- what the driver and the pool cost ----------------------------------------------------------------------------

// Bursts of buffers from the pool to `give_back`.
template <typename GiveBack>
Block bursts_of(MbufPool& pool, GiveBack give_back)
{
    return [&pool, give_back](std::size_t count) {
        std::array<rte_mbuf*, kBurst> frames;
        const std::uint64_t begin = ticks();
        for (std::size_t done = 0; done < count; done += kBurst) {
            if (rte_pktmbuf_alloc_bulk(pool.raw(), frames.data(), kBurst) != 0)
                throw std::bad_alloc();
            for (rte_mbuf* const frame : frames)
                frame->data_len = 64, frame->pkt_len = 64;
            give_back(std::span<rte_mbuf*>{frames});
        }
        return ticks() - begin;
    };
}

void measure_port(Report& report, const RunOptions& options, MbufPool& pool, Port& port)
{
    const Block freed = bursts_of(
        pool, [](std::span<rte_mbuf*> frames) { rte_pktmbuf_free_bulk(frames.data(), std::uint32_t{kBurst}); });
    const Block sent = bursts_of(pool, [&port](std::span<rte_mbuf*> frames) {
        const std::uint16_t taken = port.tx(0, frames);
        rte_pktmbuf_free_bulk(frames.data() + taken, static_cast<unsigned>(frames.size() - taken));
    });
    const auto add = [&](const char* name, const Block& work, const Block& less) {
        if (wants(options, name))
            report.add(name, "ticks/packet",
                       difference(sample_pairs(report.calibration(), work, less, kBlockPackets, options.samples)),
                       {{"group", name}, {"series", "hot"}});
    };
    add("mbuf, allocated and freed", freed, nothing);
    add("tx to a null port, allocation included", sent, nothing);
    add("tx to a null port, more than freeing", sent, freed);
}

Result<std::unique_ptr<Port>> open_null_port(MbufPool& pool)
{
    PortSpec spec;
    spec.name = "null";
    spec.kind = "null";
    auto opened = find_port_kind("null")->open(spec, {pool, 1});
    if (!opened)
        return std::move(opened).error();
    return std::move(opened->port);
}

// ---- all of it ----------------------------------------------------------------------------------------------------

int fail(const Error& error)
{
    fmt::print(stderr, "{}\n", error.message);
    return 1;
}

int run(int argc, char** argv)
{
    CLI::App app{"Ticks per packet of each stage of vxd's pipeline alone."};
    RunOptions options;
    add_run_options(app, options);
    EalOptions::Memory memory = EalOptions::Memory::kAuto;
    app.add_flag_callback(
        "--no-hugepages", [&memory] { memory = EalOptions::Memory::kNormal; }, "leave hugepages alone");
    CLI11_PARSE(app, argc, argv);
    if (options.list) {
        for (const Stage& stage : stages())
            if (wants(options, stage.name))
                fmt::print("{}\n", stage.name);
        return 0;
    }

    const Eal eal = start_eal(options.cpu, memory);
    auto pool = MbufPool::create("bench", Scene::kMaxMbufs + 1023, MbufPool::kAnyNode);
    if (!pool)
        return fail(pool.error());
    auto sink = Sink::open(*pool); // the first port that there is
    if (!sink)
        return fail(sink.error());
    auto null_port = open_null_port(*pool);
    if (!null_port)
        return fail(null_port.error());
    Report report{"stage_bench", options};
    for (const Stage& stage : stages())
        if (!measure(report, options, stage, *pool, *sink))
            return 1;
    measure_port(report, options, *pool, **null_port);
    return report.finish();
}

} // namespace

} // namespace vx::bench

int main(int argc, char** argv)
{
    return vx::bench::run(argc, argv);
}
