// SPDX-License-Identifier: BSD-3-Clause
// One client of the SocketServer, for its own source files.
#pragma once

#include "control/server/socket_server.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace vx
{

struct SocketServer::Client {
    // What became of the bytes at the front of `input`.
    enum class Line : std::uint8_t { kNone, kComplete, kSkipped };

    FileDescriptor fd;
    int number = -1; // of it
    pid_t pid = 0;
    Identity peer;
    bool has_effect = false; // what is answered now was carried out
    std::string input;       // from the start of a line
    std::size_t scanned = 0; // bytes of `input` that the scanner has seen; with kComplete, the line's size
    LineScanner scanner;
    Line line = Line::kNone;
    std::size_t skipped = 0; // bytes of a refused line
    std::string output;
    std::size_t sent = 0;    // bytes of `output` that are gone
    bool has_ended = false;  // nothing more will be read
    bool is_waiting = false; // for a reader's turn
    std::uint32_t events = EPOLLIN;
    std::chrono::steady_clock::time_point progress = std::chrono::steady_clock::now();

    std::size_t pending_output() const { return output.size() - sent; }
    bool is_between_requests() const { return input.empty() && pending_output() == 0; }
    // It has done its part, which we have not looked at yet. Until it reads, its next request is nothing to us.
    bool waits_for_us() const
    {
        const bool is_to_read = pending_output() != 0;
        if (line == Line::kComplete && !is_to_read)
            return true;
        pollfd state{fd.get(), static_cast<short>(is_to_read ? POLLOUT : POLLIN), 0};
        return poll(&state, 1, 0) == 1 && (state.revents & (POLLIN | POLLOUT)) != 0;
    }
};

// For when there is no memory to make them.
inline constexpr std::string_view kNoMemory = R"({"jsonrpc":"2.0","id":null,"error":{"code":-32603,"message":)"
                                              R"("vxd has no memory left for this request, which has no effect"}})"
                                              "\n";
inline constexpr std::string_view kNoMemoryForReply =
    R"({"jsonrpc":"2.0","id":null,"error":{"code":-32603,"message":)"
    R"("the request was carried out, but vxd has no memory left for the reply"}})"
    "\n";

// The last that it hears: as much as it takes now. Returns how much that was.
inline std::size_t say(const FileDescriptor& socket, std::string_view line) noexcept
{
    const ssize_t size = send(socket.get(), line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return size > 0 ? static_cast<std::size_t>(size) : 0;
}

} // namespace vx
