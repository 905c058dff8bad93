// SPDX-License-Identifier: BSD-3-Clause
#include "bench/harness/sampling.h"

#include <sys/resource.h>

#include <chrono>

namespace vx::bench
{

namespace
{

// On a core that is never quiet, measure all the same, and say so.
constexpr std::size_t kMaxTriesPerSample = 20;
constexpr std::chrono::seconds kMaxPatience{10};

// How often the kernel took the CPU away from this thread.
long preemptions()
{
    rusage usage{};
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nivcsw;
}

template <typename Combine>
Sampling combine(const Pairs& pairs, Combine of_pair)
{
    Sampling sampling;
    sampling.discarded = pairs.first.discarded;
    for (std::size_t i = 0; i < pairs.first.values.size(); ++i)
        sampling.values.push_back(of_pair(pairs.first.values[i], pairs.second.values[i]));
    return sampling;
}

} // namespace

Pairs sample_pairs(Calibration& calibration, const Block& first, const Block& second, std::size_t count,
                   std::size_t samples)
{
    first(count), second(count); // caches, page faults, branch predictors
    Pairs pairs;
    const auto give_up = std::chrono::steady_clock::now() + kMaxPatience;
    const double units = 2 * static_cast<double>(count);
    for (std::size_t tries = 0; pairs.first.values.size() < samples; ++tries) {
        const long preempted = preemptions();
        const bool was_quiet = calibration.is_quiet();
        std::uint64_t of_first = first(count);
        std::uint64_t of_second = second(count);
        of_second += second(count);
        of_first += first(count);
        const bool is_quiet = calibration.is_quiet() && preemptions() == preempted;
        const bool is_patient = tries < kMaxTriesPerSample * samples && std::chrono::steady_clock::now() < give_up;
        if ((was_quiet && is_quiet) || !is_patient) {
            pairs.first.values.push_back(static_cast<double>(of_first) / units);
            pairs.second.values.push_back(static_cast<double>(of_second) / units);
        } else {
            ++pairs.first.discarded;
            ++pairs.second.discarded;
        }
    }
    return pairs;
}

Sampling difference(const Pairs& pairs)
{
    return combine(pairs, [](double first, double second) { return first - second; });
}

Sampling ratio(const Pairs& pairs)
{
    return combine(pairs, [](double first, double second) { return first / second; });
}

} // namespace vx::bench
