// SPDX-License-Identifier: BSD-3-Clause
#include "bench/harness/disturber.h"

#include "bench/harness/clock.h"

#include <utility>

namespace vx::bench
{

Disturber::Disturber(unsigned cpu, std::function<void()> work)
    : work_(std::move(work)), thread_([this, cpu] { run(cpu); })
{
    // It begins on our CPU; under a real-time policy it would never leave it while we spin.
    state_.wait(State::kStarting, std::memory_order_acquire);
}

Disturber::~Disturber()
{
    pause();
    state_.store(State::kEnding, std::memory_order_release);
    state_.notify_all();
    thread_.join();
}

void Disturber::run(unsigned cpu)
{
    pin_to(cpu);
    for (;;) {
        State state = state_.load(std::memory_order_acquire);
        if (state == State::kEnding)
            return;
        if (state == State::kRunning) {
            work_();
            times_.fetch_add(1, std::memory_order_release);
            continue;
        }
        if (state == State::kPausing || state == State::kStarting) {
            state_.store(State::kPaused, std::memory_order_release);
            state_.notify_all();
        }
        state_.wait(State::kPaused, std::memory_order_acquire);
    }
}

void Disturber::resume()
{
    const std::uint64_t before = times();
    state_.store(State::kRunning, std::memory_order_release);
    state_.notify_all();
    while (times_.load(std::memory_order_acquire) == before)
        _mm_pause();
    resumed_at_ = ticks();
}

void Disturber::pause()
{
    if (state_.load(std::memory_order_acquire) != State::kRunning)
        return;
    state_.store(State::kPausing, std::memory_order_release);
    ticks_running_ += ticks() - resumed_at_;
    while (state_.load(std::memory_order_acquire) != State::kPaused)
        _mm_pause();
}

} // namespace vx::bench
