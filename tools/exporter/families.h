// SPDX-License-Identifier: BSD-3-Clause
// The metrics themselves: every name, help text and label that Prometheus sees is made here.
//
// By OpenMetrics' conventions: base units, `_total` for counters, `_info` for what is always 1. Labels have few values:
// devices (View bounds them), reasons, workers. A drop reason is called as in `vxctl stats`; the sums over all devices
// have a series for every reason there is, so that the first drop is seen as an increase, the devices only for those
// that happened.
#pragma once

#include "tools/exporter/snapshot.h"
#include "tools/exporter/view.h"

#include <prometheus/metric_family.h>

#include <string_view>
#include <vector>

namespace vx::exporter
{

using Families = std::vector<prometheus::MetricFamily>;

// In place of a device's name, for those that are not shown one by one. No device can be called so.
inline constexpr std::string_view kOtherDevices = "other devices";

// What there is also when vxd does not answer.
Families families_of_scrape(bool is_up, double seconds);
Families families_of(const Snapshot& snapshot, const View& view);

} // namespace vx::exporter
