// SPDX-License-Identifier: BSD-3-Clause
// Numbers as people read them at a glance: three digits and a unit, in columns that do not move. ASCII only, so that
// they look the same in every locale.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace vx::top
{

// "0", "0.5", "12", "999", "1.25k", "12.3M", "999G"; powers of 1000.
std::string short_number(double value);
// "850ns", "1.2us", "15ms", "2.0s"
std::string short_time(double seconds);
// "34.5%"
std::string percent(double part);

// Of a histogram whose place i counts values of [2^i, 2^(i+1)): the value below which the part `quantile` of them is,
// to a factor of 2 at worst. Nothing where nothing was counted.
std::optional<double> quantile_of_log2(std::span<const std::uint64_t> counts, double quantile);

} // namespace vx::top
