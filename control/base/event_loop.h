// SPDX-License-Identifier: BSD-3-Clause
// The control thread's loop: file descriptors, periodic timers and signals over one epoll instance.
//
// All of it belongs to the thread in run(), but for stop(), which any thread (not a signal handler) may call. A
// callback may watch, unwatch, cancel and stop, itself included. One that throws is logged, and the loop goes on: it is
// called again as if it had returned.
#pragma once

#include "dataplane/base/file_descriptor.h"
#include "dataplane/base/result.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <initializer_list>
#include <memory>
#include <unordered_map>

namespace vx
{

class EventLoop
{
public:
    using Callback = std::function<void(std::uint32_t events)>; // EPOLLIN | ...

    static Result<std::unique_ptr<EventLoop>> create();

    // `fd` stays the caller's, who calls unwatch() before closing it.
    Result<> watch(int fd, std::uint32_t events, Callback callback);
    Result<> change(int fd, std::uint32_t events); // 0: nothing for now
    void unwatch(int fd);

    // A periodic timer; what is returned is for cancel(). Turns that were missed are not made up for.
    Result<int> every(std::chrono::nanoseconds period, std::function<void()> callback);
    // A timer that goes off once, when it was set.
    Result<int> alarm(std::function<void()> callback);
    void set_alarm(int alarm,
                   std::chrono::nanoseconds after); // in place of what it was set to; at once if that is past
    void cancel(int timer) { unwatch_and_close(timer); }

    // Blocks the signals in the calling thread and hands them to the loop instead. Threads started later inherit the
    // block, so call it before any other thread exists. Once per loop.
    Result<> on_signals(std::initializer_list<int> signals, std::function<void(int signal)> callback);

    Result<> run(); // until stop(), which may come before
    void stop();
    std::uint64_t failures() const { return failures_; } // callbacks that threw

private:
    struct Watch {
        int fd;
        std::shared_ptr<const Callback> callback;
    };

    EventLoop(FileDescriptor epoll, FileDescriptor wake_event)
        : epoll_(std::move(epoll)), wake_event_(std::move(wake_event))
    {
    }
    Result<int> start_timer(std::chrono::nanoseconds period, std::function<void()> callback);
    Result<> own(FileDescriptor fd, Callback callback); // watch for EPOLLIN, and close with the loop
    void unwatch_and_close(int fd);
    void report(const std::exception& failure) noexcept;

    FileDescriptor epoll_;
    FileDescriptor wake_event_; // for stop()
    std::atomic<bool> is_stopping_ = false;
    // By a number that is never used again: an event that was fetched before its watch ended finds nothing, even when
    // the descriptor has come to mean another file meanwhile.
    std::unordered_map<std::uint64_t, Watch> watches_;
    std::unordered_map<int, std::uint64_t> numbers_; // by fd
    std::unordered_map<int, FileDescriptor> owned_;  // timers and the signalfd
    std::uint64_t last_number_ = 0;
    std::uint64_t failures_ = 0;
    std::chrono::steady_clock::time_point reported_{};
};

} // namespace vx
