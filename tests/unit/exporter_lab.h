// SPDX-License-Identifier: BSD-3-Clause
// For tests of the exporter: what vxd says, and the page that is made of it.
#pragma once

#include "tools/exporter/families.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <prometheus/text_serializer.h>

#include <string>
#include <vector>

namespace vx::exporter
{

inline Json device_json(unsigned ifindex, const std::string& name, std::uint64_t packets, Json drops = Json::object())
{
    return {{"ifindex", ifindex},
            {"ifname", name},
            {"rx", {{"packets", packets}, {"bytes", packets * 100}, {"missed", 0}, {"errors", 0}, {"nombuf", 0}}},
            {"tx", {{"packets", packets / 2}, {"bytes", packets * 50}}},
            {"dropped", 0},
            {"drops", std::move(drops)}};
}

inline Json worker_json(std::uint64_t busy_ticks)
{
    Json bursts = Json::array();
    for (std::size_t size = 0; size < Worker::kBurstSizes; ++size)
        bursts.push_back(size == 0 ? 0 : 1);
    Json turns = Json::array();
    for (std::size_t size = 0; size < Worker::kTurnSizes; ++size)
        turns.push_back(1);
    return {{"worker", 0},
            {"cpu", 3},
            {"packets", 528},
            {"bursts", 32},
            {"busy_ticks", busy_ticks},
            {"idle_ticks", 0},
            {"full_turn_packets", 640},
            {"full_turn_ticks", 400'000'000},
            {"sleeps", 5},
            {"learn_lost", 1},
            {"bursts_by_packets", bursts},
            {"turns_by_log2_ticks", turns}};
}

inline Json stats_json(const std::vector<Json>& devices, std::uint64_t busy_ticks = 3'000'000'000)
{
    return {{"tsc_hz", 2'000'000'000},
            {"links", devices},
            {"drops", Json::object()},
            {"workers", Json::array({worker_json(busy_ticks)})},
            {"buffers", {{"total", 16383}, {"free", 16000}}},
            {"learn_refused", 7},
            {"fdb", {{"entries", 12}, {"max", 4096}}}};
}

inline Snapshot snapshot_of(const std::vector<Json>& devices, std::uint64_t busy_ticks = 3'000'000'000)
{
    auto snapshot = snapshot_from(stats_json(devices, busy_ticks), Json::array(), "1.2.3");
    if (!snapshot)
        FAIL(snapshot.error().message);
    return *std::move(snapshot);
}

// With an end of line in front, so that every line is between two of them.
inline std::string text_of(const Families& families)
{
    return fmt::format("\n{}", prometheus::TextSerializer{}.Serialize(families));
}

inline std::string page_of(const Snapshot& snapshot, std::size_t max_devices = 1000)
{
    Viewer viewer(max_devices);
    return text_of(families_of(snapshot, viewer.look_at(snapshot)));
}

// Whether the page has this line.
inline bool has(const std::string& page, const std::string& line)
{
    return page.find("\n" + line + "\n") != page.npos;
}

} // namespace vx::exporter
