// SPDX-License-Identifier: BSD-3-Clause
// Turns of workers' loops that lasted too long: meanwhile, nobody else's frames were looked at. Workers have budgets by
// which a turn lasts a millisecond or two, so it is a fault, or the CPU was somebody else's.
#pragma once

#include "dataplane/dataplane.h"

#include <cstdint>
#include <span>
#include <vector>

namespace vx
{

// How many of a worker's turns lasted at least so long. What they are counted by has a bucket for each power of two
// ticks, so shorter ones than the next power are not seen.
std::uint64_t turns_of_at_least(const WorkerTotals& worker, std::uint64_t ticks);

// What `stats` and the log call too long.
inline constexpr std::uint64_t kLongTurnMs = 20;
inline std::uint64_t turns_too_long(const WorkerTotals& worker, std::uint64_t tsc_hz)
{
    return turns_of_at_least(worker, tsc_hz / 1000 * kLongTurnMs);
}

// Tells of them in the log, once a minute at most.
class TurnWatch
{
public:
    void look(std::span<const WorkerTotals> workers, std::uint64_t tsc_hz, std::int64_t now_ms);

private:
    static constexpr std::int64_t kQuietMs = 60'000;

    std::vector<std::uint64_t> told_; // by worker
    std::int64_t told_ms_ = -kQuietMs;
};

} // namespace vx
