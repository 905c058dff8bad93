// SPDX-License-Identifier: BSD-3-Clause
// A file descriptor and the duty to close it.
#pragma once

#include <unistd.h>

#include <utility>

namespace vx
{

class Fd
{
public:
    static constexpr int kNone = -1;

    Fd() = default;
    explicit Fd(int fd) : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, kNone)) {}
    Fd& operator=(Fd&& other) noexcept
    {
        std::swap(fd_, other.fd_);
        return *this;
    }
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    ~Fd() { close(); }

    explicit operator bool() const { return fd_ >= 0; }
    int get() const { return fd_; }
    int release() { return std::exchange(fd_, kNone); }
    void close()
    {
        if (fd_ >= 0)
            ::close(std::exchange(fd_, kNone));
    }

private:
    int fd_ = kNone;
};

} // namespace vx
