// SPDX-License-Identifier: BSD-3-Clause
#include "control/watch/stream_connection.h"

#include "control/base/log.h"
#include "control/base/memory_reserve.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <exception>
#include <system_error>

namespace vx
{

namespace
{

constexpr std::chrono::seconds kLast{5}; // for what a client that had enough is yet to read
constexpr int kLookMilliseconds = 100;

} // namespace

Result<FileDescriptor> StreamConnection::make_wake_event()
{
    FileDescriptor event(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (!event)
        return error("an eventfd for the stream: {}", std::strerror(errno));
    return event;
}

StreamConnection::StreamConnection(FileDescriptor wake_event, std::string first)
    : wake_event_(std::move(wake_event)), output_(std::move(first))
{
}

void StreamConnection::append(std::string_view bytes)
{
    if (sent_ >= kRoom) { // a client that reads slowly but steadily
        output_.erase(0, sent_);
        sent_ = 0;
    }
    output_ += bytes;
}

bool StreamConnection::write()
{
    while (pending() != 0) {
        const ssize_t size = send(client_.get(), output_.data() + sent_, pending(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return errno == EAGAIN;
        sent_ += static_cast<std::size_t>(size);
    }
    output_.clear();
    sent_ = 0;
    return true;
}

StreamConnection::Client StreamConnection::wait(int milliseconds)
{
    const short events = pending() != 0 ? POLLIN | POLLOUT : POLLIN;
    std::array<pollfd, 2> waiting{pollfd{client_.get(), events, 0}, pollfd{wake_event_.get(), POLLIN, 0}};
    if (poll(waiting.data(), waiting.size(), milliseconds) <= 0)
        return Client::kStays;
    if (waiting[1].revents != 0) {
        std::uint64_t drained = 0;
        [[maybe_unused]] const auto size = read(wake_event_.get(), &drained, sizeof(drained));
        if (is_aborted_.load(std::memory_order_relaxed))
            return Client::kGone;
        if (is_finished_.load(std::memory_order_relaxed))
            return Client::kHadEnough;
    }
    if ((waiting[0].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0)
        return Client::kGone;
    if ((waiting[0].revents & POLLIN) == 0)
        return Client::kStays;
    std::array<char, 4096> ignored;
    return recv(client_.get(), ignored.data(), ignored.size(), MSG_DONTWAIT) == 0 ? Client::kHadEnough : Client::kStays;
}

bool StreamConnection::write_rest()
{
    const auto end = std::chrono::steady_clock::now() + kLast;
    while (write() && pending() != 0 && !is_aborted_.load(std::memory_order_relaxed) &&
           std::chrono::steady_clock::now() < end) {
        pollfd waiting{client_.get(), POLLOUT, 0};
        poll(&waiting, 1, kLookMilliseconds);
    }
    return pending() == 0;
}

void StreamConnection::wake()
{
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_event_.get(), &one, sizeof(one));
}

void StreamConnection::finish()
{
    is_finished_.store(true, std::memory_order_relaxed);
    wake();
}

void StreamConnection::abort()
{
    is_aborted_.store(true, std::memory_order_relaxed);
    wake();
}

Result<std::thread> start_stream_thread(const char* name, std::function<void()> run, std::function<void()> ended)
{
    try {
        return std::thread([name, run = std::move(run), ended = std::move(ended)] {
            pthread_setname_np(pthread_self(), name);
            try {
                run();
            } catch (const std::exception& failure) {
                log_warning("{}: a stream to a client ended early: {}", name, words_of(failure));
            }
            ended();
        });
    } catch (const std::system_error& failure) {
        return error("a thread for the stream: {} (is there a limit of processes or threads?)",
                     std::strerror(failure.code().value()));
    }
}

} // namespace vx
