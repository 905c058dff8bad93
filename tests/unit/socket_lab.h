// SPDX-License-Identifier: BSD-3-Clause
// A SocketServer in a thread of its own, in a folder that goes with the test, and clients that talk to it.
#pragma once

#include "control/server/socket_server.h"

#include <catch2/catch.hpp>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <atomic>
#include <cstdlib>
#include <stdexcept>
#include <thread>

namespace vx::test
{

struct Folder {
    Folder() { REQUIRE(mkdtemp(path.data()) != nullptr); }
    ~Folder() { std::system(("rm -rf " + path).c_str()); }
    std::string socket() const { return path + "/vxd.sock"; }
    std::string path = "/tmp/vxd-socket-XXXXXX";
};

// A server in its own thread; its handler answers with the words of each command, or with as many bytes as
// "big N" asks for.
class Server
{
public:
    explicit Server(const std::string& path, const SocketLimits& limits = {}) : loop_(EventLoop::create().value())
    {
        auto server = SocketServer::start(
            *loop_, path, "0.1.0", [this](const Request& request) { return handle(request); }, limits);
        if (!server)
            FAIL(server.error().message);
        server_ = *std::move(server);
        thread_ = std::thread([this] { loop_->run().has_value(); });
    }
    ~Server()
    {
        loop_->stop();
        thread_.join();
    }
    int handled() const { return handled_.load(std::memory_order_relaxed); }

private:
    Response handle(const Request& request)
    {
        handled_.fetch_add(1, std::memory_order_relaxed);
        Response response;
        for (const CommandView words : request.commands) {
            if (words[0] == "throw")
                throw std::runtime_error("a bug");
            if (words[0] == "big")
                response.outputs.push_back(std::string(std::stoul(std::string(words[1])), 'x'));
            else
                response.outputs.push_back(fmt::format("{}\n", fmt::join(words, " ")));
        }
        return response;
    }

    std::unique_ptr<EventLoop> loop_;
    std::unique_ptr<SocketServer> server_;
    std::atomic<int> handled_ = 0;
    std::thread thread_;
};

class Peer
{
public:
    explicit Peer(const std::string& path) : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0))
    {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof(address.sun_path) - 1);
        REQUIRE(connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
        const timeval limit{.tv_sec = 60, .tv_usec = 0}; // for what will never come; a slow machine is no failure
        setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    }
    std::size_t send(std::string_view bytes)
    {
        std::size_t sent = 0;
        while (sent < bytes.size()) {
            const ssize_t size = ::send(fd_.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
            if (size < 0)
                break;
            sent += static_cast<std::size_t>(size);
        }
        return sent; // how much of it was taken
    }
    // Without its '\n'; "" at the end of the connection.
    std::string line()
    {
        for (;;) {
            if (const std::size_t end = buffer_.find('\n'); end != buffer_.npos) {
                std::string line = buffer_.substr(0, end);
                buffer_.erase(0, end + 1);
                return line;
            }
            char chunk[65536];
            const ssize_t size = recv(fd_.get(), chunk, sizeof(chunk), 0);
            if (size <= 0)
                return "";
            buffer_.append(chunk, static_cast<std::size_t>(size));
        }
    }
    std::string ask(std::string_view text)
    {
        send(text);
        return line();
    }
    // Whether there is something to be read, or the end.
    bool is_readable() const
    {
        pollfd state{fd_.get(), POLLIN, 0};
        return poll(&state, 1, 0) == 1;
    }
    void shut() { shutdown(fd_.get(), SHUT_WR); }

private:
    FileDescriptor fd_;
    std::string buffer_;
};

inline constexpr std::string_view kPing = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n";
inline constexpr std::string_view kPong = R"({"jsonrpc":"2.0","id":1,"result":{"version":"0.1.0"}})";

inline std::string run_line(const CommandWords& words)
{
    Request request;
    request.id = 1;
    request.commands = {words};
    return encode_request(request).value();
}

} // namespace vx::test
