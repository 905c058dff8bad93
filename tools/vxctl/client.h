// SPDX-License-Identifier: BSD-3-Clause
// The client's side of the config socket, vxctl's, the CNI plugin's and the exporter's: one request, one answer, or a
// stream of them.
#pragma once

#include "control/wire/wire.h"
#include "dataplane/base/result.h"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace vx
{

// What to say, and to do, where no vxd listens.
Error no_daemon(const std::string& path);

class Client
{
public:
    static Result<Client> connect(const std::string& path);
    // The same, but nothing where no vxd listens. With `patience`, one that does not go on for that long is an error.
    static Result<std::optional<Client>> find(const std::string& path,
                                              std::chrono::seconds patience = std::chrono::seconds::zero());

    Client(Client&& other) noexcept;
    Client& operator=(Client&&) = delete;
    ~Client();

    // One on which the stream runs that a request of one command is answered with; what came of it with the answer is
    // in take_rest().
    static Result<Client> stream(Request request, const std::string& path);

    // Sends an encoded request and waits for what becomes of its commands. An Error here is one of the connection or
    // the protocol; failed commands are in the Response.
    Result<Response> run(std::string request);
    // Of the daemon.
    Result<std::string> version();

    // The halves of run(), for who has other things to wait for: receive() when something has come to fd(). Nothing, as
    // long as that is not all of the answer.
    Result<> ask(std::string_view request);
    Result<std::optional<Response>> receive();

    int fd() const { return fd_; }
    // Of a stream, which follows the response: what has come with the response.
    std::string take_rest() { return std::exchange(rest_, {}); }

private:
    explicit Client(int fd) : fd_(fd) {}
    // False when vxd has closed its side; it may have said why before.
    bool send(std::string_view bytes);
    enum class Wait : std::uint8_t { kNo, kYes };
    // Nothing: all of it has not come, and Wait::kNo.
    Result<std::optional<std::string>> receive_line(Wait wait);

    int fd_;
    std::string line_; // as much of the answer as has come
    std::string rest_;
};

} // namespace vx
