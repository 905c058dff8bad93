// SPDX-License-Identifier: BSD-3-Clause
#include "bench/harness/statistics.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace vx::bench
{

Summary summarize(std::vector<double> values)
{
    std::sort(values.begin(), values.end());
    const auto count = static_cast<double>(values.size());
    const auto at = [&](double rank) { return values[static_cast<std::size_t>(std::clamp(rank, 0.0, count - 1))]; };
    Summary summary;
    summary.samples = values.size();
    summary.median = at(count / 2);
    summary.p10 = at(count * 0.1);
    summary.p90 = at(count * 0.9);
    // The number of samples below the median is binomial(count, 1/2).
    const double half_width = 1.96 * std::sqrt(count) / 2;
    summary.ci_low = at(std::floor(count / 2 - half_width));
    summary.ci_high = at(std::ceil(count / 2 + half_width));
    return summary;
}

} // namespace vx::bench
