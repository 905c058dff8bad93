// SPDX-License-Identifier: BSD-3-Clause
#include "control/base/event_loop.h"

#include "control/base/log.h"
#include "control/base/memory_reserve.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace vx
{

namespace
{

constexpr std::chrono::seconds kReportPeriod{10};

timespec to_timespec(std::chrono::nanoseconds duration)
{
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration);
    return {.tv_sec = seconds.count(), .tv_nsec = (duration - seconds).count()};
}

} // namespace

Result<std::unique_ptr<EventLoop>> EventLoop::create()
{
    FileDescriptor epoll(epoll_create1(EPOLL_CLOEXEC));
    if (!epoll)
        return vx::error("event loop: epoll_create1: {}", std::strerror(errno));
    FileDescriptor wake_event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!wake_event)
        return vx::error("event loop: eventfd: {}", std::strerror(errno));
    const int wake_fd = wake_event.get();
    std::unique_ptr<EventLoop> loop(new EventLoop(std::move(epoll), std::move(wake_event)));
    auto watched = loop->watch(wake_fd, EPOLLIN, [wake_fd](std::uint32_t) {
        std::uint64_t count = 0;
        [[maybe_unused]] const ssize_t size = read(wake_fd, &count, sizeof(count));
    });
    if (!watched)
        return std::move(watched).error();
    return loop;
}

Result<> EventLoop::watch(int fd, std::uint32_t events, Callback callback)
{
    const std::uint64_t number = ++last_number_;
    epoll_event event{};
    event.events = events;
    event.data.u64 = number;
    // What may throw comes first: the kernel is told of nothing that we do not know.
    const auto watch = watches_.emplace(number, Watch{fd, std::make_shared<const Callback>(std::move(callback))}).first;
    int status = -1;
    try {
        const auto named = numbers_.try_emplace(fd, number);
        status = !named.second ? EEXIST : epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : errno;
        if (status != 0 && named.second)
            numbers_.erase(named.first);
    } catch (const std::bad_alloc&) {
        status = ENOMEM;
    }
    if (status == 0)
        return Ok{};
    watches_.erase(watch);
    return vx::error("event loop: watch descriptor {}: {}", fd, std::strerror(status));
}

Result<> EventLoop::change(int fd, std::uint32_t events)
{
    const auto found = numbers_.find(fd);
    if (found == numbers_.end())
        return vx::error("event loop: descriptor {} is not watched", fd);
    epoll_event event{};
    event.events = events;
    event.data.u64 = found->second;
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) != 0)
        return vx::error("event loop: change descriptor {}: {}", fd, std::strerror(errno));
    return Ok{};
}

void EventLoop::unwatch(int fd)
{
    const auto found = numbers_.find(fd);
    if (found == numbers_.end())
        return;
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
    watches_.erase(found->second);
    numbers_.erase(found);
}

Result<> EventLoop::own(FileDescriptor fd, Callback callback)
{
    const int number = fd.get();
    owned_[number] = std::move(fd);
    auto watched = watch(number, EPOLLIN, std::move(callback));
    if (!watched)
        owned_.erase(number);
    return watched;
}

void EventLoop::unwatch_and_close(int fd)
{
    if (owned_.contains(fd)) {
        unwatch(fd);
        owned_.erase(fd);
    }
}

Result<int> EventLoop::every(std::chrono::nanoseconds period, std::function<void()> callback)
{
    return start_timer(period, std::move(callback));
}

Result<int> EventLoop::alarm(std::function<void()> callback)
{
    return start_timer({}, std::move(callback)); // of no period: not set
}

void EventLoop::set_alarm(int alarm, std::chrono::nanoseconds after)
{
    const itimerspec time{.it_interval = {}, .it_value = to_timespec(std::max(after, std::chrono::nanoseconds{1}))};
    timerfd_settime(alarm, 0, &time, nullptr); // fails for no timer of ours
}

Result<int> EventLoop::start_timer(std::chrono::nanoseconds period, std::function<void()> callback)
{
    FileDescriptor timer(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    const itimerspec times{.it_interval = to_timespec(period), .it_value = to_timespec(period)};
    if (!timer || timerfd_settime(timer.get(), 0, &times, nullptr) != 0)
        return vx::error("event loop: a timer of {} ns: {}", period.count(), std::strerror(errno));
    const int fd = timer.get();
    auto watched = own(std::move(timer), [fd, callback = std::move(callback)](std::uint32_t) {
        std::uint64_t expirations = 0;
        if (read(fd, &expirations, sizeof(expirations)) == sizeof(expirations))
            callback();
    });
    if (!watched)
        return std::move(watched).error();
    return fd;
}

Result<> EventLoop::on_signals(std::initializer_list<int> signals, std::function<void(int signal)> callback)
{
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : signals)
        sigaddset(&set, signal);
    if (const int rc = pthread_sigmask(SIG_BLOCK, &set, nullptr); rc != 0)
        return vx::error("event loop: block signals: {}", std::strerror(rc));
    FileDescriptor signal_fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signal_fd)
        return vx::error("event loop: signalfd: {}", std::strerror(errno));
    const int fd = signal_fd.get();
    return own(std::move(signal_fd), [fd, callback = std::move(callback)](std::uint32_t) {
        signalfd_siginfo info{};
        if (read(fd, &info, sizeof(info)) == sizeof(info))
            callback(static_cast<int>(info.ssi_signo));
    });
}

void EventLoop::stop()
{
    is_stopping_.store(true, std::memory_order_release);
    const std::uint64_t one = 1;
    // It fails only when the counter is full, and then the loop is awake anyway.
    [[maybe_unused]] const ssize_t written = write(wake_event_.get(), &one, sizeof(one));
}

// What goes wrong goes wrong again soon, and often.
void EventLoop::report(const std::exception& failure) noexcept
{
    ++failures_;
    const auto now = std::chrono::steady_clock::now();
    if (failures_ != 1 && now - reported_ < kReportPeriod)
        return;
    reported_ = now;
    log_error("the control thread could not do what was due, and will try again: {} ({} times so far)",
              words_of(failure), failures_);
}

Result<> EventLoop::run()
{
    std::array<epoll_event, 64> events;
    while (!is_stopping_.load(std::memory_order_acquire)) {
        const int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
        if (count < 0 && errno != EINTR)
            return vx::error("event loop: epoll_wait: {}", std::strerror(errno));
        for (int i = 0; i < count; ++i) {
            const epoll_event& event = events[static_cast<std::size_t>(i)];
            const std::uint64_t number = event.data.u64; // packed: no reference can be made to it
            const auto found = watches_.find(number);
            if (found == watches_.end())
                continue;                                 // ended by a callback of this turn
            const auto callback = found->second.callback; // lives through its own unwatch()
            try {
                (*callback)(event.events);
            } catch (const std::exception& failure) {
                report(failure);
            }
        }
    }
    is_stopping_.store(false, std::memory_order_relaxed);
    return Ok{};
}

} // namespace vx
