// SPDX-License-Identifier: BSD-3-Clause
#include "control/daemon/service.h"

#include "control/base/log.h"
#include "control/base/memory_reserve.h"
#include "control/watch/turn_watch.h"

#include <fmt/ranges.h>
#include <systemd/sd-daemon.h>

#include <cstring>
#include <ctime>

namespace vx
{

namespace
{

// What is said too late, or not at all, is no reason to fail: what it is about has happened.
template <typename... Args>
void notify(fmt::format_string<Args...> format, Args&&... args) noexcept
{
    try {
        const std::string state = fmt::format(format, std::forward<Args>(args)...);
        if (const int sent = sd_notify(0, state.c_str()); sent < 0)
            log_warning("the service manager could not be told \"{}\": {}", state.substr(0, state.find('\n')),
                        std::strerror(-sent));
    } catch (const std::exception& failure) {
        log_warning("the service manager could not be told: {}", words_of(failure));
    }
}

// systemd wants to know when a reload began, to tell its READY=1 from an older one.
std::uint64_t monotonic_us()
{
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

} // namespace

std::vector<std::size_t> ProgressWatch::stuck(std::span<const WorkerTotals> workers, std::uint64_t long_turn)
{
    std::vector<std::size_t> found;
    std::vector<Seen> seen;
    for (const WorkerTotals& worker : workers)
        seen.push_back({worker.busy_ticks + worker.idle_ticks, turns_of_at_least(worker, long_turn)});
    for (std::size_t index = 0; index < seen.size() && index < seen_.size(); ++index)
        if (seen[index].ticks == seen_[index].ticks || seen[index].long_turns != seen_[index].long_turns)
            found.push_back(index);
    seen_ = std::move(seen);
    return found;
}

void Service::ready(std::string_view status) const noexcept
{
    notify("READY=1\nSTATUS={}", status);
}

void Service::reloading() const noexcept
{
    notify("RELOADING=1\nMONOTONIC_USEC={}", monotonic_us());
}

void Service::stopping() const noexcept
{
    notify("STOPPING=1");
}

std::optional<std::chrono::microseconds> Service::feed_period()
{
    std::uint64_t timeout_us = 0;
    if (sd_watchdog_enabled(0, &timeout_us) <= 0)
        return std::nullopt;
    return std::chrono::microseconds{timeout_us / 4};
}

void Service::feed(Dataplane& dataplane)
{
    const auto period = feed_period().value_or(std::chrono::microseconds{0});
    const auto long_turn = static_cast<std::uint64_t>(period.count()) * (dataplane.tsc_hz() / 1'000'000);
    const std::vector<std::size_t> stuck = progress_.stuck(dataplane.worker_totals(), long_turn);
    dataplane.wake_workers();
    if (!stuck.empty() && !is_stuck_)
        log_error("worker {} does nothing any more, or next to nothing; the service manager gets no sign of life",
                  fmt::join(stuck, ", "));
    is_stuck_ = !stuck.empty();
    if (!is_stuck_)
        notify("WATCHDOG=1");
}

} // namespace vx
