// SPDX-License-Identifier: BSD-3-Clause
// One look at a vxd: what `stats` and `link show` said at a moment, of it what `vxctl top` shows; if it was wanted,
// also `stats vtep`, for which workers count as long as somebody asks.
#pragma once

#include "control/wire/command_list.h"
#include "dataplane/base/result.h"

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace vx::top
{

using Json = nlohmann::ordered_json;

struct FlowCounts {
    std::uint64_t rx_packets = 0;
    std::uint64_t rx_bytes = 0;
    std::uint64_t tx_packets = 0;
    std::uint64_t tx_bytes = 0;
};

struct LinkSample {
    std::uint32_t index = 0;
    std::string name;
    std::string kind;   // "tap", "bridge", "vxlan", ...
    std::string master; // empty: none
    std::string state;  // "up", "down", "no link", "gone"
    std::optional<std::uint32_t> vni;
    std::string local; // of a VXLAN device: ADDRESS:PORT
    FlowCounts counts;
    std::vector<std::pair<std::string, std::uint64_t>> drops; // by reason; what the port lost before vxd had it, too

    std::uint64_t dropped() const;
    std::uint64_t dropped(std::string_view reason) const;
};

struct WorkerSample {
    std::uint64_t cpu = 0;
    std::uint64_t packets = 0;
    std::uint64_t bursts = 0;
    std::uint64_t busy_ticks = 0;
    std::uint64_t full_turn_packets = 0; // of turns that had a whole burst or more; 0 too: vxd does not tell
    std::uint64_t full_turn_ticks = 0;
    std::uint64_t sleeps = 0;
    std::vector<std::uint64_t> bursts_by_packets;   // empty: vxd does not tell
    std::vector<std::uint64_t> turns_by_log2_ticks; // of turns that found packets; empty: vxd does not tell
};

struct VtepSample {
    std::string address; // "others": those for which vxd had no row left
    std::string device;  // the VXLAN device; empty for others
    FlowCounts counts;
};

struct Sample {
    std::chrono::steady_clock::time_point when;
    double tsc_hz = 0;
    std::vector<LinkSample> links;
    std::vector<WorkerSample> workers;
    std::uint64_t fdb_entries = 0;
    double buffers_free = 0;                      // part of the packet buffers
    std::optional<std::vector<VtepSample>> vteps; // nothing: vxd was not asked, or did not tell
    std::string vteps_refused;                    // why it did not
};

enum class Wanted : std::uint8_t { kUsual, kWithVteps };

// vxd forgets what it counted by VTEP when nobody has asked for ten seconds.
inline constexpr std::chrono::milliseconds kLongestWithVteps{5000};

// What a vxd is asked, in one request.
CommandList questions(Wanted wanted);

// Of the answers in JSON; that about VTEPs is null if there is none. An Error: they are not what this vxctl knows.
Result<Sample> read_sample(const Json& stats, const Json& links, const Json& vteps,
                           std::chrono::steady_clock::time_point when);

} // namespace vx::top
