// SPDX-License-Identifier: BSD-3-Clause
#include "tools/exporter/collector.h"

#include "tools/exporter/daemon.h"
#include "tools/exporter/families.h"
#include "tools/vxctl/client.h"

#include <chrono>
#include <cstdio>
#include <future>
#include <iterator>

namespace vx::exporter
{

std::vector<prometheus::MetricFamily> Collector::Collect() const
{
    // The HTTP server calls it on a stack of 100 KiB; this one is as large as threads' usually are.
    return std::async(std::launch::async, [this] { return collect(); }).get();
}

Families Collector::collect() const
{
    const std::lock_guard lock(mutex_);
    const auto begin = std::chrono::steady_clock::now();
    const auto answer = ask(socket_path_);
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
    const bool is_up = answer && *answer;
    if (answer && !*answer)
        viewer_.forget();
    Families families = families_of_scrape(is_up, time.count());
    if (is_up) {
        Families more = families_of(**answer, viewer_.look_at(**answer));
        families.insert(families.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
    }
    tell(is_up ? "" : answer ? no_daemon(socket_path_).message : answer.error().message);
    return families;
}

// Once, not at every scrape.
void Collector::tell(const std::string& trouble) const
{
    if (trouble == trouble_)
        return;
    fmt::print(stderr, "vxd-exporter: {}\n", trouble.empty() ? "vxd answers again" : trouble);
    trouble_ = trouble;
}

} // namespace vx::exporter
