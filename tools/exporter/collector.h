// SPDX-License-Identifier: BSD-3-Clause
// A scrape: asks vxd, and makes the page's metrics of what it says. One that does not answer is a metric too, vxd_up 0.
#pragma once

#include "tools/exporter/view.h"

#include <prometheus/collectable.h>

#include <mutex>
#include <string>
#include <vector>

namespace vx::exporter
{

class Collector final : public prometheus::Collectable
{
public:
    Collector(std::string socket_path, std::size_t max_devices)
        : socket_path_(std::move(socket_path)), viewer_(max_devices)
    {
    }

    // In any thread; one at a time.
    std::vector<prometheus::MetricFamily> Collect() const override;

private:
    std::vector<prometheus::MetricFamily> collect() const;
    void tell(const std::string& trouble) const;

    const std::string socket_path_;
    mutable std::mutex mutex_;
    mutable Viewer viewer_;
    mutable std::string trouble_; // what was said last of why vxd does not answer; empty if it does
};

} // namespace vx::exporter
