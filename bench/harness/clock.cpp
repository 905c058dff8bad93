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

constexpr std::uint64_t kRounds = 10'000; // a few microseconds
constexpr double kQuiet = 1.05;

// One addition a core cycle: tells the clock.
std::uint64_t time_dependent_additions() noexcept
{
    const std::uint64_t begin = ticks();
    std::uint64_t value = 0;
    for (std::uint64_t i = 0; i < kRounds; ++i)
        asm volatile("add $1, %0\n add $1, %0\n add $1, %0\n add $1, %0" : "+r"(value));
    return ticks() - begin;
}

// As many a cycle as the core can: a neighbour on the sibling thread takes its share of them. Not inlined: a copy that
// lies otherwise in its cache lines takes up to a tenth longer, for ever, and nothing would ever be quiet.
[[gnu::noinline]] std::uint64_t time_independent_additions() noexcept
{
    const std::uint64_t begin = ticks();
    std::uint64_t a = 0, b = 0, c = 0, d = 0, e = 0, f = 0;
    for (std::uint64_t i = 0; i < kRounds; ++i)
        asm volatile("add $1, %0\n add $1, %1\n add $1, %2\n add $1, %3\n add $1, %4\n add $1, %5\n"
                     "add $1, %0\n add $1, %1\n add $1, %2\n add $1, %3\n add $1, %4\n add $1, %5"
                     : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f));
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
    std::uint64_t dependent = UINT64_MAX;
    for (int i = 0; i < 20'000; ++i) {
        dependent = std::min(dependent, time_dependent_additions());
        best_ = std::min(best_, time_independent_additions());
    }
    cycles_per_tick_ = 4.0 * kRounds / static_cast<double>(dependent);
}

bool Calibration::is_quiet() noexcept
{
    const std::uint64_t now = time_independent_additions();
    best_ = std::min(best_, now);
    return static_cast<double>(now) <= kQuiet * static_cast<double>(best_);
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
