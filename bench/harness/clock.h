// SPDX-License-Identifier: BSD-3-Clause
// Time on a machine that is shared: TSC ticks, and a short loop of known work that tells whether the core is at its
// usual speed. A neighbour on the sibling thread makes everything take up to 1.45 times as long, and no counter says
// so.
#pragma once

#include <x86intrin.h>

#include <cstdint>

namespace vx::bench
{

inline std::uint64_t ticks() noexcept
{
    _mm_lfence(); // what came before is done, what comes after has not begun
    const std::uint64_t now = __rdtsc();
    _mm_lfence();
    return now;
}

// Pins the calling thread.
void pin_to(unsigned cpu);

class Calibration
{
public:
    // Looks for the fastest run of the loop for a while.
    Calibration();

    // Whether the core is now within 5% of the fastest that was ever seen.
    bool is_quiet() noexcept;
    double cycles_per_tick() const { return cycles_per_tick_; } // core clock / TSC clock
    double tsc_ghz() const { return tsc_ghz_; }

private:
    std::uint64_t best_ = UINT64_MAX;
    double tsc_ghz_;
    double cycles_per_tick_ = 0;
};

// Ticks of one dependent load that misses: a chase through `size` bytes in random order.
double chase_ticks(std::size_t size);

} // namespace vx::bench
