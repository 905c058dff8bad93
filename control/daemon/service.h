// SPDX-License-Identifier: BSD-3-Clause
// What the service manager is told, sd_notify(3): that vxd is ready, reloads, ends, and is alive. Nothing is said where
// no service manager asked for it.
#pragma once

#include "dataplane/dataplane.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace vx
{

// Whether workers do anything. One that sleeps is to be woken before it is asked about again.
class ProgressWatch
{
public:
    // The indices of those whose clocks have stood still since the call before, or who meanwhile had a turn that lasted
    // `long_turn` ticks; none at the first.
    std::vector<std::size_t> stuck(std::span<const WorkerTotals> workers, std::uint64_t long_turn);

private:
    struct Seen {
        std::uint64_t ticks = 0;
        std::uint64_t long_turns = 0;
    };
    std::vector<Seen> seen_;
};

class Service
{
public:
    void ready(std::string_view status) const noexcept;
    void reloading() const noexcept; // until ready() is said again
    void stopping() const noexcept;

    // How often feed() is to be called: four times in the time that the manager waits for a sign of life. Nothing if it
    // does not wait for any.
    static std::optional<std::chrono::microseconds> feed_period();
    // The sign of life, if every worker has given one to us since the last time, and no turn of its loop has lasted as
    // long as that. Else the manager ends vxd, unless it comes to itself within the time.
    void feed(Dataplane& dataplane);

private:
    ProgressWatch progress_;
    bool is_stuck_ = false; // and that was logged
};

} // namespace vx
