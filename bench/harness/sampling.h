// SPDX-License-Identifier: BSD-3-Clause
// The one loop that measures: two blocks of work in ABBA order, so that what drifts falls on both; pairs during which
// the core was slow or taken away do not count.
#pragma once

#include "bench/harness/clock.h"
#include "bench/harness/statistics.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace vx::bench
{

// A block of work: does `count` units of it and returns the ticks that they took.
using Block = std::function<std::uint64_t(std::size_t count)>;

struct Sampling {
    std::vector<double> values;
    std::size_t discarded = 0; // pairs during which the core was slow
};

// Ticks per unit of either block, pair by pair.
struct Pairs {
    Sampling first, second;
};

// `count` units a block, four blocks a pair, `samples` pairs that count.
Pairs sample_pairs(Calibration& calibration, const Block& first, const Block& second, std::size_t count,
                   std::size_t samples);

Sampling difference(const Pairs& pairs); // first - second
Sampling ratio(const Pairs& pairs);      // first / second

// An overhead of nothing.
inline std::uint64_t nothing(std::size_t) noexcept
{
    return 0;
}

} // namespace vx::bench
