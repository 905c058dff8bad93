// SPDX-License-Identifier: BSD-3-Clause
#include "control/stream_connection.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>

namespace vx
{

namespace
{

constexpr std::chrono::seconds kLast{5}; // for what a client that had enough is yet to read
constexpr int kLookMilliseconds = 100;

} // namespace

StreamConnection::StreamConnection(FileDescriptor client, std::string first)
    : client_(std::move(client)), wake_event_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)), output_(std::move(first))
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

} // namespace vx
