// SPDX-License-Identifier: BSD-3-Clause
// What one request may take of the control thread: its time, and bytes for the answer. Whatever is as long as the
// network is (tables, configurations, scripts) is gone through with steps of the request's Budget. The step that is one
// too many throws OverBudget, from however deep inside a command: what the request did is taken back as with any
// failure, and Controller::run makes an error of it.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <exception>
#include <functional>
#include <iterator>
#include <limits>
#include <string>
#include <utility>

namespace vx
{

class OverBudget : public std::exception
{
public:
    explicit OverBudget(std::string why) : why_(std::move(why)) {}
    const char* what() const noexcept override { return why_.c_str(); }

private:
    std::string why_;
};

class Budget
{
public:
    struct Limits {
        std::chrono::milliseconds time = std::chrono::milliseconds::max();
        std::size_t bytes = std::numeric_limits<std::size_t>::max(); // of an answer, about, in memory
    };
    using Clock = std::function<std::int64_t()>; // milliseconds that only go on

    Budget() = default; // bounds nothing
    // The time runs from `begin_ms` on. `on_look` is called when the clock is looked at, in the middle of loops: it
    // must not touch what requests are about.
    Budget(const Limits& limits, Clock clock_ms, std::int64_t begin_ms, std::function<void()> on_look = nullptr)
        : limits_(limits), clock_ms_(std::move(clock_ms)), on_look_(std::move(on_look)), begin_ms_(begin_ms),
          next_look_(0)
    {
    }
    // What the calling thread has worked: it does not count against a request that others had the CPU meanwhile.
    static std::int64_t worked_ms()
    {
        timespec time{};
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
        return std::int64_t{time.tv_sec} * 1000 + time.tv_nsec / 1'000'000;
    }

    // One round of a loop, or what takes about as long as `count` of them. The clock is looked at now and then.
    void step(std::size_t count = 1)
    {
        steps_ += count;
        if (steps_ >= next_look_) [[unlikely]]
            look();
    }
    // The elements of a container, with a step for each. The container has to outlive what this returns.
    template <typename Container>
    auto each(const Container& container)
    {
        return Each<decltype(std::begin(container)), decltype(std::end(container))>{*this, std::begin(container),
                                                                                    std::end(container)};
    }
    template <typename Container>
    void each(const Container&& container) = delete;
    template <typename Container, typename Less>
    void sort(Container& container, Less less)
    {
        std::sort(container.begin(), container.end(), [&](const auto& a, const auto& b) {
            step();
            return less(a, b);
        });
    }

    // What is done now and then while it takes steps: the work of others.
    enum class Pause : std::uint8_t {
        kNone,
        kAnswers, // ARP, ND and ping, which change what is resolved
        kTurn,    // and whatever changes what is not configured: the FDB, interfaces
    };
    void set_pause(std::function<void(Pause)> pause) { pause_ = std::move(pause); }
    // While one lives a pause is no more than this: what is gone through must stay as it is.
    class AtMost
    {
    public:
        AtMost(Budget& budget, Pause most) : budget_(budget), before_(budget.most_)
        {
            budget_.most_ = std::min(before_, most);
        }
        ~AtMost() { budget_.most_ = before_; }
        AtMost(const AtMost&) = delete;
        AtMost& operator=(const AtMost&) = delete;

    private:
        Budget& budget_;
        Pause before_;
    };

    // Memory that is taken for the answer, and given back.
    void hold(std::size_t bytes)
    {
        held_ += bytes;
        if (held_ > limits_.bytes)
            throw OverBudget(fmt::format("an answer of more than {} MiB", limits_.bytes >> 20));
    }
    void release(std::size_t bytes) { held_ -= bytes; }

    std::size_t steps() const { return steps_; }

private:
    static constexpr std::size_t kStepsPerLook = 256;

    template <typename Iterator, typename End>
    class Each
    {
    public:
        Each(Budget& budget, Iterator begin, End end) : budget_(budget), begin_(begin), end_(end) {}
        class Cursor
        {
        public:
            Cursor(Budget& budget, Iterator at) : budget_(budget), at_(at) {}
            decltype(auto) operator*() { return *at_; }
            Cursor& operator++()
            {
                budget_.step();
                ++at_;
                return *this;
            }
            bool operator==(const End& end) const { return at_ == end; }

        private:
            Budget& budget_;
            Iterator at_;
        };
        Cursor begin() const { return {budget_, begin_}; }
        End end() const { return end_; }

    private:
        Budget& budget_;
        Iterator begin_;
        End end_;
    };

    void look()
    {
        if (!clock_ms_) {
            next_look_ = std::numeric_limits<std::size_t>::max();
            return;
        }
        next_look_ = steps_ + kStepsPerLook;
        if (on_look_)
            on_look_();
        if (pause_ && most_ != Pause::kNone)
            pause_(most_);
        if (std::chrono::milliseconds{clock_ms_() - begin_ms_} > limits_.time)
            throw OverBudget(fmt::format("more than {} ms of vxd's time", limits_.time.count()));
    }

    Limits limits_;
    Clock clock_ms_; // empty: there is no limit
    std::function<void()> on_look_;
    std::function<void(Pause)> pause_;
    Pause most_ = Pause::kTurn;
    std::int64_t begin_ms_ = 0;
    std::size_t steps_ = 0;
    std::size_t next_look_ = std::numeric_limits<std::size_t>::max();
    std::size_t held_ = 0;
};

} // namespace vx
