// SPDX-License-Identifier: BSD-3-Clause
#include "bench/harness/clock.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <numeric>
#include <random>
#include <thread>
#include <vector>

namespace vx::bench
{

namespace
{

constexpr std::uint64_t kAdditions = 40'000; // about 10 microseconds
constexpr double kQuiet = 1.05;

std::uint64_t time_additions() noexcept
{
    const std::uint64_t begin = ticks();
    std::uint64_t value = 0;
    for (std::uint64_t i = 0; i < kAdditions; ++i)
        asm volatile("add $1, %0" : "+r"(value));
    return ticks() - begin;
}

double measure_tsc_ghz()
{
    using Clock = std::chrono::steady_clock;
    const auto begin = Clock::now();
    const std::uint64_t first = ticks();
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
    const std::uint64_t last = ticks();
    const std::chrono::duration<double, std::nano> elapsed = Clock::now() - begin;
    return static_cast<double>(last - first) / elapsed.count();
}

} // namespace

void pin_to(unsigned cpu)
{
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(cpu, &cpus);
    pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus);
}

Calibration::Calibration() : tsc_ghz_(measure_tsc_ghz())
{
    for (int i = 0; i < 20'000; ++i)
        best_ = std::min(best_, time_additions());
}

bool Calibration::is_quiet() noexcept
{
    const std::uint64_t now = time_additions();
    best_ = std::min(best_, now);
    return static_cast<double>(now) <= kQuiet * static_cast<double>(best_);
}

double Calibration::cycles_per_tick() const
{
    return static_cast<double>(kAdditions) / static_cast<double>(best_);
}

double chase_ticks(std::size_t size)
{
    struct alignas(64) Line {
        std::uint32_t next;
    };
    const std::size_t count = size / sizeof(Line);
    std::vector<std::uint32_t> order(count);
    std::iota(order.begin(), order.end(), 0U);
    std::shuffle(order.begin(), order.end(), std::mt19937{1});
    std::vector<Line> lines(count);
    for (std::size_t i = 0; i < count; ++i)
        lines[order[i]].next = order[(i + 1) % count];
    std::uint32_t at = 0;
    double best = 1e9;
    for (int round = 0; round < 3; ++round) {
        constexpr int kLoads = 200'000;
        const std::uint64_t begin = ticks();
        for (int i = 0; i < kLoads; ++i) {
            at = lines[at].next;
            asm volatile("" : "+r"(at));
        }
        best = std::min(best, static_cast<double>(ticks() - begin) / kLoads);
    }
    return best;
}

} // namespace vx::bench
