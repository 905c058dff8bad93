// SPDX-License-Identifier: BSD-3-Clause
// Whether workers make progress. What is said to a service manager is tested end to end.
#include "control/service.h"

#include <catch2/catch.hpp>

using namespace vx;

namespace
{

WorkerTotals worker(std::uint64_t busy, std::uint64_t idle)
{
    WorkerTotals totals;
    totals.busy_ticks = busy;
    totals.idle_ticks = idle;
    return totals;
}

} // namespace

TEST_CASE("a worker whose clock stands still is stuck, until it goes on")
{
    ProgressWatch watch;
    using Stuck = std::vector<std::size_t>;
    CHECK(watch.stuck(std::vector{worker(1, 1), worker(0, 0)}).empty()); // nothing to compare with
    CHECK(watch.stuck(std::vector{worker(1, 2), worker(0, 0)}) == Stuck{1});
    CHECK(watch.stuck(std::vector{worker(1, 2), worker(0, 0)}) == Stuck{0, 1});
    CHECK(watch.stuck(std::vector{worker(2, 2), worker(0, 5)}).empty());
}
