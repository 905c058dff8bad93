// SPDX-License-Identifier: BSD-3-Clause
// Network namespaces: naming one, and doing something inside one without taking this thread there.
#pragma once

#include "dataplane/base/file_descriptor.h"
#include "dataplane/base/result.h"

#include <string>
#include <string_view>
#include <thread>

namespace vx
{

class Netns
{
public:
    // NAME as `ip netns` knows it, PID of a process that lives in it, or a PATH, which holds a '/'. "": our own.
    static Result<Netns> open(std::string_view text);
    // The one that a descriptor names; `text` for messages.
    static Netns of(FileDescriptor fd, std::string text) { return Netns{std::move(fd), std::move(text)}; }

    int fd() const { return fd_.get(); } // -1: our own

    // Runs `task`, which returns a Result, inside the namespace, on a thread that ends with it.
    template <typename Task>
    std::invoke_result_t<Task> run(Task&& task) const
    {
        if (!fd_)
            return task();
        std::invoke_result_t<Task> result = vx::error("unreachable");
        std::thread{[&] {
            auto entered = enter();
            result = entered ? task() : std::invoke_result_t<Task>{std::move(entered).error()};
        }}.join();
        return result;
    }

private:
    Netns(FileDescriptor fd, std::string text) : fd_(std::move(fd)), text_(std::move(text)) {}
    Result<> enter() const; // takes the calling thread there, for good

    FileDescriptor fd_; // none: our own
    std::string text_;
};

} // namespace vx
