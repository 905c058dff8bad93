// SPDX-License-Identifier: BSD-3-Clause
// Whether workers make progress. What is said to a service manager is tested end to end.
#include "control/daemon/service.h"
#include "control/watch/turn_watch.h"

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

constexpr std::uint64_t kLongTurn = 1000;

using Stuck = std::vector<std::size_t>;

} // namespace

TEST_CASE("a worker whose clock stands still is stuck, until it goes on")
{
    ProgressWatch watch;
    CHECK(watch.stuck(std::vector{worker(1, 1), worker(0, 0)}, kLongTurn).empty()); // nothing to compare with
    CHECK(watch.stuck(std::vector{worker(1, 2), worker(0, 0)}, kLongTurn) == Stuck{1});
    CHECK(watch.stuck(std::vector{worker(1, 2), worker(0, 0)}, kLongTurn) == Stuck{0, 1});
    CHECK(watch.stuck(std::vector{worker(2, 2), worker(0, 5)}, kLongTurn).empty());
}

TEST_CASE("a worker that had a turn as long as the watchdog waits gives no sign of life, though its clock goes on")
{
    ProgressWatch watch;
    WorkerTotals totals = worker(1, 1);
    totals.turns_by_log2_ticks[10] = 1; // before anybody looked
    CHECK(watch.stuck(std::vector{totals}, kLongTurn).empty());
    totals.busy_ticks += 5000;
    totals.turns_by_log2_ticks[9] = 3; // of 512 to 1023 ticks
    CHECK(watch.stuck(std::vector{totals}, kLongTurn).empty());
    totals.busy_ticks += 5000;
    ++totals.turns_by_log2_ticks[10];
    CHECK(watch.stuck(std::vector{totals}, kLongTurn) == Stuck{0});
    totals.busy_ticks += 5000;
    ++totals.turns_by_log2_ticks[20];
    CHECK(watch.stuck(std::vector{totals}, kLongTurn) == Stuck{0});
    totals.busy_ticks += 5000;
    CHECK(watch.stuck(std::vector{totals}, kLongTurn).empty());
}

TEST_CASE("turns are counted from the next power of two ticks on")
{
    WorkerTotals totals;
    totals.turns_by_log2_ticks[3] = 1;
    totals.turns_by_log2_ticks[4] = 10;
    totals.turns_by_log2_ticks[47] = 100;
    CHECK(turns_of_at_least(totals, 0) == 111);
    CHECK(turns_of_at_least(totals, 8) == 111);
    CHECK(turns_of_at_least(totals, 9) == 110);
    CHECK(turns_of_at_least(totals, 16) == 110);
    CHECK(turns_of_at_least(totals, 17) == 100);
    CHECK(turns_of_at_least(totals, UINT64_MAX) == 0);
}
