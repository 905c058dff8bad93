// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/network.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <stdexcept>

namespace vx::test
{

Frame experimental_frame(std::size_t size)
{
    Frame frame = {0x02, 0, 0, 0, 0, 2, 0x02, 0, 0, 0, 0, 1, 0x88, 0xb5};
    while (frame.size() < size)
        frame.push_back(static_cast<std::uint8_t>(frame.size()));
    return frame;
}

bool is_experimental(const Frame& frame)
{
    return frame.size() >= 14 && frame[12] == 0x88 && frame[13] == 0xb5;
}

void run(const std::string& command)
{
    if (std::system(command.c_str()) != 0)
        throw std::runtime_error{"failed: " + command};
}

bool can_make_namespaces()
{
    bool can = false;
    std::thread{[&can] { can = unshare(CLONE_NEWNET) == 0; }}.join();
    return can;
}

PrivateNetns::PrivateNetns() : before_(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC))
{
    if (unshare(CLONE_NEWNET) != 0)
        throw std::runtime_error{"no network namespace of our own"};
    run("ip link set lo up");
}

PrivateNetns::~PrivateNetns()
{
    setns(before_, CLONE_NEWNET);
    close(before_);
}

ForeignNetns::ForeignNetns()
{
    thread_ = std::thread{[this] {
        unshare(CLONE_NEWNET);
        std::unique_lock lock{mutex_};
        path_ = "/proc/" + std::to_string(getpid()) + "/task/" + std::to_string(gettid()) + "/ns/net";
        changed_.notify_all();
        for (;;) {
            changed_.wait(lock, [this] { return is_done_ || task_; });
            if (is_done_)
                return;
            task_();
            task_ = nullptr;
            changed_.notify_all();
        }
    }};
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return !path_.empty(); });
}

ForeignNetns::~ForeignNetns()
{
    {
        const std::lock_guard lock{mutex_};
        is_done_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void ForeignNetns::run(std::function<void()> task)
{
    std::unique_lock lock{mutex_};
    task_ = std::move(task);
    changed_.notify_all();
    changed_.wait(lock, [this] { return !task_; });
}

RawSocket::RawSocket(const std::string& interface) : fd_(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL)))
{
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
    const int one = 1;
    if (address.sll_ifindex == 0 || setsockopt(fd_, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) != 0 ||
        bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
        throw std::runtime_error{"no raw socket on " + interface};
}

RawSocket::~RawSocket()
{
    close(fd_);
}

void RawSocket::send(const Frame& frame) const
{
    if (::send(fd_, frame.data(), frame.size(), 0) != static_cast<ssize_t>(frame.size()))
        throw std::runtime_error{"sending on a raw socket"};
}

Frame RawSocket::receive() const
{
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{1};
    while (std::chrono::steady_clock::now() < end) {
        pollfd waiting{fd_, POLLIN, 0};
        Frame frame(1U << 16);
        if (poll(&waiting, 1, 100) <= 0)
            continue;
        const ssize_t size = recv(fd_, frame.data(), frame.size(), 0);
        frame.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
        if (is_experimental(frame))
            return frame;
    }
    return {};
}

} // namespace vx::test
