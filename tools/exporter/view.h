// SPDX-License-Identifier: BSD-3-Clause
// Which devices a page of metrics shows one by one, and the sums over those that it does not, and over all.
//
// A counter must not go back while vxd runs, or Prometheus takes it for one that began anew, and what is left of it for
// what was just counted. So what a device had counted when it was seen last stays in the sums that it was part of.
#pragma once

#include "tools/exporter/snapshot.h"

#include <map>
#include <span>
#include <string>
#include <utility>

namespace vx::exporter
{

// The sum over devices that come and go.
class SteadySum
{
public:
    // Of those that there are now, and of those that there were.
    DeviceCounts add_up(std::span<const Device> devices);

private:
    using Identity = std::pair<std::uint32_t, std::string>;
    std::map<Identity, DeviceCounts> last_;
    DeviceCounts gone_;
};

struct View {
    std::span<const Device> shown;
    std::size_t hidden_count = 0; // how many devices are part of `others` now
    DeviceCounts others;
    DeviceCounts all;
};

class Viewer
{
public:
    explicit Viewer(std::size_t max_devices) : max_devices_(max_devices) {}

    // The view is of the snapshot, which has to outlive it.
    View look_at(const Snapshot& snapshot);
    void forget(); // vxd has ended, and another one counts from zero

private:
    const std::size_t max_devices_;
    SteadySum others_;
    SteadySum all_;
    std::uint64_t last_ticks_ = 0;
};

} // namespace vx::exporter
