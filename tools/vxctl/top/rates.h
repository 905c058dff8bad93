// SPDX-License-Identifier: BSD-3-Clause
// What happened between two looks at a vxd, by the second. Counters that are smaller than before began anew in between
// (a device made again under its name, a vxd started again), and so count from zero.
#pragma once

#include "tools/vxctl/top/sample.h"

#include <string>
#include <string_view>
#include <vector>

namespace vx::top
{

struct Flow { // a second
    double packets = 0;
    double bits = 0;
};

struct DeviceRates {
    LinkSample link; // as it is now
    Flow rx;
    Flow tx;
    double drops = 0; // a second

    bool is_port() const { return link.kind != "bridge" && link.kind != "vxlan"; }
};

struct WorkerRates {
    std::size_t index = 0;
    std::uint64_t cpu = 0;
    double load = 0;    // part of the time that its packets take at what one costs
    double packets = 0; // a second
    double sleeps = 0;  // a second
    // Nothing where there was no packet, or vxd does not tell.
    std::optional<double> packets_a_burst;
    std::optional<double> full_bursts;    // part of the bursts: as many packets as one can have
    std::optional<double> ticks_a_packet; // in turns that had a whole burst or more
    std::optional<double> turn_p50;       // seconds that a turn took which found packets
    std::optional<double> turn_p99;
};

struct VtepRates {
    VtepSample vtep; // as it is now
    Flow rx;
    Flow tx;
};

struct DropRates {
    std::string reason;
    std::string device;
    double rate = 0;         // packets a second
    std::uint64_t total = 0; // packets; never 0
    std::string_view meaning;
};

struct Rates {
    double seconds = 0; // between the two looks
    std::vector<DeviceRates> devices;
    std::vector<WorkerRates> workers;
    std::vector<DropRates> drops;                // the most packets first
    std::optional<std::vector<VtepRates>> vteps; // nothing: vxd was not asked before and now, or did not tell
    std::string vteps_refused;                   // why it did not
    std::uint64_t fdb_entries = 0;
    double buffers_free = 0; // part of the packet buffers

    // Sums over the ports: what a bridge or a VXLAN device counts went through a port as well.
    Flow of_ports(Flow DeviceRates::*direction) const; // &DeviceRates::rx or tx
    double drop_rate() const;
    double load() const; // of all workers together
};

// Precondition: `now` is later.
Rates rates_of(const Sample& before, const Sample& now);

// What the name of a reason stands for; empty for one that this vxctl does not know.
std::string_view meaning_of(std::string_view reason);

} // namespace vx::top
