// SPDX-License-Identifier: BSD-3-Clause
#include "tools/vxctl/top/numbers.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <numeric>
#include <string_view>

namespace vx::top
{

namespace
{

constexpr std::string_view kUnits = " kMGTPE";

} // namespace

std::string short_number(double value)
{
    std::size_t unit = 0;
    while (value >= 999.5 && unit + 1 < kUnits.size()) { // what would be written with four digits
        value /= 1000;
        ++unit;
    }
    if (unit == 0)
        return value < 9.95 && std::abs(value - std::round(value)) >= 0.05 ? fmt::format("{:.1f}", value)
                                                                           : fmt::format("{:.0f}", value);
    const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
    return fmt::format("{:.{}f}{}", value, decimals, kUnits[unit]);
}

std::string short_time(double seconds)
{
    constexpr std::array<std::string_view, 4> kNames = {"ns", "us", "ms", "s"};
    double value = seconds * 1e9;
    std::size_t unit = 0;
    while (value >= 999.5 && unit + 1 < kNames.size()) {
        value /= 1000;
        ++unit;
    }
    return fmt::format("{:.{}f}{}", value, unit != 0 && value < 9.95 ? 1 : 0, kNames[unit]);
}

std::string percent(double part)
{
    return fmt::format("{:.1f}%", 100 * part);
}

std::optional<double> quantile_of_log2(std::span<const std::uint64_t> counts, double quantile)
{
    const auto total = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
    const double wanted = quantile * static_cast<double>(total);
    double below = 0;
    for (std::size_t place = 0; place < counts.size(); ++place) {
        const auto here = static_cast<double>(counts[place]);
        if (here == 0 || below + here < wanted) {
            below += here;
            continue;
        }
        return std::exp2(static_cast<double>(place) + (wanted - below) / here);
    }
    return std::nullopt;
}

} // namespace vx::top
