// SPDX-License-Identifier: BSD-3-Clause
#include "control/watch/turn_watch.h"

#include "control/base/log.h"

#include <bit>

namespace vx
{

std::uint64_t turns_of_at_least(const WorkerTotals& worker, std::uint64_t ticks)
{
    std::uint64_t count = 0;
    for (std::size_t power = ticks == 0 ? 0 : static_cast<std::size_t>(std::bit_width(ticks - 1));
         power < worker.turns_by_log2_ticks.size(); ++power)
        count += worker.turns_by_log2_ticks[power];
    return count;
}

void TurnWatch::look(std::span<const WorkerTotals> workers, std::uint64_t tsc_hz, std::int64_t now_ms)
{
    if (now_ms - told_ms_ < kQuietMs)
        return;
    told_.resize(workers.size());
    for (std::size_t index = 0; index < workers.size(); ++index) {
        const std::uint64_t count = turns_too_long(workers[index], tsc_hz);
        if (count == told_[index])
            continue;
        log_warning("worker {}: {} turns of more than {} ms, in which it looked at no other port; is CPU {} its own?",
                    index, count - told_[index], kLongTurnMs, workers[index].cpu);
        told_[index] = count;
        told_ms_ = now_ms;
    }
}

} // namespace vx
