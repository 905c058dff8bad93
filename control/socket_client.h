// SPDX-License-Identifier: BSD-3-Clause
// One client of the SocketServer, for its own source files.
#pragma once

#include "control/socket_server.h"

#include <sys/epoll.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>

namespace vx
{

struct SocketServer::Client {
    // What became of the bytes at the front of `input`.
    enum class Line : std::uint8_t { kNone, kComplete, kSkipped };

    FileDescriptor fd;
    pid_t pid = 0;
    uid_t user = 0;
    Role role = Role::kReader;
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
};

} // namespace vx
