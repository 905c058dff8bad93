// SPDX-License-Identifier: BSD-3-Clause
// What vxd has counted at one moment, as the exporter needs it: from the JSON of `stats` and `link show`.
#pragma once

#include "dataplane/base/result.h"

#include <nlohmann/json.hpp>

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace vx::exporter
{

using Json = nlohmann::ordered_json;
using Reasons = std::map<std::string, std::uint64_t>; // name -> packets; one that is not there is 0

struct DeviceCounts {
    std::uint64_t rx_packets = 0, rx_bytes = 0, tx_packets = 0, tx_bytes = 0;
    Reasons drops;
    Reasons lost; // before vxd received it: rx_missed, rx_errors, rx_nombuf

    DeviceCounts& operator+=(const DeviceCounts& other);
    friend bool operator==(const DeviceCounts&, const DeviceCounts&) = default;
};

struct Device {
    std::uint32_t ifindex = 0;
    std::string name;
    std::string kind;                 // "tap", "bridge", "vxlan", ...
    std::string master;               // the bridge that it is in, or nothing
    std::optional<std::uint32_t> vni; // of a VXLAN device
    std::uint32_t mtu = 0;
    bool is_up = false; // set up, and its other end is there
    DeviceCounts counts;
};

struct Worker {
    static constexpr std::size_t kBurstSizes = 33; // 0 to 32 packets
    static constexpr std::size_t kTurnSizes = 48;  // a turn of [2^i, 2^(i+1)) ticks

    unsigned cpu = 0;
    std::uint64_t packets = 0, bursts = 0, busy_ticks = 0, idle_ticks = 0, sleeps = 0, learn_lost = 0;
    std::uint64_t full_turn_packets = 0, full_turn_ticks = 0; // of turns that found 32 packets or more
    std::array<std::uint64_t, kBurstSizes> bursts_by_packets{};
    std::array<std::uint64_t, kTurnSizes> turns_by_log2_ticks{};
};

struct Snapshot {
    std::string version;
    double tsc_hz = 0; // more than 0
    std::vector<Device> devices;
    std::vector<Worker> workers;
    std::uint64_t fdb_entries = 0, fdb_max = 0, learn_refused = 0;
    std::uint64_t buffers = 0, free_buffers = 0;

    // In all workers' lives. Less than before, and it is another vxd.
    std::uint64_t ticks() const;
};

Result<Snapshot> snapshot_from(const Json& stats, const Json& links, std::string version);

} // namespace vx::exporter
