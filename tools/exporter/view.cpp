// SPDX-License-Identifier: BSD-3-Clause
#include "tools/exporter/view.h"

#include <algorithm>

namespace vx::exporter
{

DeviceCounts SteadySum::add_up(std::span<const Device> devices)
{
    std::map<Identity, DeviceCounts> now;
    DeviceCounts sum;
    for (const Device& device : devices) {
        now.emplace(Identity{device.ifindex, device.name}, device.counts);
        sum += device.counts;
    }
    for (const auto& [device, counts] : last_)
        if (!now.contains(device))
            gone_ += counts;
    last_ = std::move(now);
    sum += gone_;
    return sum;
}

View Viewer::look_at(const Snapshot& snapshot)
{
    if (snapshot.ticks() < last_ticks_)
        forget();
    last_ticks_ = snapshot.ticks();
    const std::span<const Device> devices = snapshot.devices;
    const std::size_t shown_count = std::min(devices.size(), max_devices_);
    View view;
    view.shown = devices.first(shown_count);
    view.hidden_count = devices.size() - shown_count;
    view.others = others_.add_up(devices.subspan(shown_count));
    view.all = all_.add_up(devices);
    return view;
}

void Viewer::forget()
{
    others_ = {};
    all_ = {};
    last_ticks_ = 0;
}

} // namespace vx::exporter
