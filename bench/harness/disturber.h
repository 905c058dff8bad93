// SPDX-License-Identifier: BSD-3-Clause
// A thread on another CPU that does something at full speed while a block is measured, and sleeps between blocks.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>

namespace vx::bench
{

class Disturber
{
public:
    // `work` is done again and again, a few microseconds each, while it may.
    Disturber(unsigned cpu, std::function<void()> work);
    ~Disturber();
    Disturber(const Disturber&) = delete;
    Disturber& operator=(const Disturber&) = delete;

    void resume(); // returns when the work has been done once
    void pause();  // returns when it is being done no more
    std::uint64_t times() const { return times_.load(std::memory_order_relaxed); } // that it was done
    std::uint64_t ticks_running() const { return ticks_running_; }                 // between resume() and pause()

private:
    enum class State { kStarting, kPaused, kPausing, kRunning, kEnding };
    void run(unsigned cpu);

    std::function<void()> work_;
    std::atomic<State> state_{State::kStarting};
    std::atomic<std::uint64_t> times_{0};
    std::uint64_t ticks_running_ = 0;
    std::uint64_t resumed_at_ = 0;
    std::thread thread_;
};

} // namespace vx::bench
