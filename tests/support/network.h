// SPDX-License-Identifier: BSD-3-Clause
// Network namespaces, veth pairs and raw sockets for tests of ports. All of it needs root.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace vx::test
{

using Frame = std::vector<std::uint8_t>;

// EtherType 0x88b5, IEEE's for experiments, then `size` - 14 bytes that count up.
Frame experimental_frame(std::size_t size);
bool is_experimental(const Frame& frame);

void run(const std::string& command); // a shell command that has to succeed
bool can_make_namespaces();

// The calling thread has a network namespace of its own while this lives.
class PrivateNetns
{
public:
    PrivateNetns();
    ~PrivateNetns();

private:
    int before_;
};

// A network namespace that another thread lives in.
class ForeignNetns
{
public:
    ForeignNetns();
    ~ForeignNetns();
    const std::string& path() const { return path_; }
    void run(std::function<void()> task);

private:
    std::string path_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::function<void()> task_;
    bool is_done_ = false;
    std::thread thread_;
};

// Sends and receives whole frames on an interface of the calling thread's namespace, as far as creation goes.
class RawSocket
{
public:
    explicit RawSocket(const std::string& interface);
    RawSocket(const RawSocket&) = delete;
    ~RawSocket();
    void send(const Frame& frame) const;
    Frame receive() const; // the next experimental frame; empty after a second without

private:
    int fd_;
};

} // namespace vx::test
