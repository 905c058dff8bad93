// SPDX-License-Identifier: BSD-3-Clause
// What a series of samples says: median, spread, and how sure the median is.
#pragma once

#include <vector>

namespace vx::bench
{

struct Summary {
    double median = 0;
    double p10 = 0, p90 = 0;
    double ci_low = 0, ci_high = 0; // 95% interval of the median, from order statistics (no distribution assumed)
    std::size_t samples = 0;
};

// Precondition: not empty.
Summary summarize(std::vector<double> values);

} // namespace vx::bench
