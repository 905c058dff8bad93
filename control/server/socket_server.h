// SPDX-License-Identifier: BSD-3-Clause
// The config socket's server: many clients, one request at a time, in the event loop's thread.
//
// No client can stop another or make vxd grow without bound. A line that cannot become a request is answered with an
// error as soon as that is clear, and skipped up to a bound, then the client is closed. A client that does not read
// its replies is not read from any more, and closed, which is logged, when it makes no progress for a while. Who comes
// when all places are taken gets that of a client that does nothing (socket_places.h), or is told why not. A turn of
// the loop reads one chunk, handles one request and writes one chunk of each client. Whoever may only look
// (role_limits.h) has smaller bounds, and waits after what took long (ReaderShares). Where there is no memory for one
// of these, it is this client that is told so and closed.
#pragma once

#include "control/base/event_loop.h"
#include "control/base/memory_reserve.h"
#include "control/base/spare_descriptors.h"
#include "control/server/access.h"
#include "control/server/reader_shares.h"
#include "control/server/socket_places.h"
#include "control/server/unix_listener.h"
#include "control/wire/role_limits.h"
#include "control/wire/wire.h"

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace vx
{

struct SocketLimits {
    SocketPlaces places;
    std::size_t pending_output = std::size_t{64} << 10;        // above it, no further request of the client is handled
    std::size_t skipped_input = std::size_t{1} << 20;          // of a line that was refused
    std::size_t buffered = std::size_t{1} << 30;               // for all clients together
    std::chrono::milliseconds stall = std::chrono::minutes{1}; // in the middle of a request
    std::chrono::milliseconds unread = std::chrono::seconds{15};  // of a reply of which nothing is read
    std::chrono::milliseconds grace = std::chrono::seconds{1};    // after it a client that does nothing is idle
    std::chrono::milliseconds patience = std::chrono::seconds{2}; // as stall, when its place is wanted
};

class SocketServer
{
public:
    // Carries out a `run`. Called in the loop's thread; it must not destroy the server.
    using Handler = std::function<Response(const Request&)>;
    // Called now and then in the middle of reading a long request or writing a long reply: the work of others.
    using Meanwhile = std::function<void()>;

    // `loop` must outlive the server.
    static Result<std::unique_ptr<SocketServer>> start(
        EventLoop& loop, std::string path, std::string version, Handler handler, const SocketLimits& limits = {},
        AccessPolicy access = {}, Meanwhile meanwhile = [] {});
    ~SocketServer(); // closes every client, and removes the socket file
    SocketServer(const SocketServer&) = delete;
    SocketServer& operator=(const SocketServer&) = delete;

    const std::string& path() const { return listener_.path(); }
    std::size_t client_count() const { return clients_.size(); }

private:
    struct Client;

    SocketServer(EventLoop& loop, UnixListener listener, std::string version, Handler handler,
                 const SocketLimits& limits, AccessPolicy access, Meanwhile meanwhile);
    void accept();
    void admit(FileDescriptor newcomer);
    FileDescriptor take_connection();
    bool find_place(const FileDescriptor& newcomer, const Identity& peer);
    std::vector<SocketClient> places() const;
    void oust(const SocketClient& client);
    void report_ousted(const Client& client, std::chrono::milliseconds still);
    void report_refused(const std::string& why);
    void report_stalled(const Client& client, std::chrono::milliseconds still);
    void check_stalled();
    void serve(int fd, Client& client);
    void abandon(int fd, const std::exception& failure) noexcept;
    void turn(Client& client);
    bool read(Client& client);
    bool write(Client& client);
    void find_line(Client& client);
    bool handle_line(Client& client); // false: the client is served by somebody else now
    struct Answer {
        std::string text;
        StreamTaker stream;
        nlohmann::ordered_json id; // of the request, with a stream
    };
    Answer answer(Client& client, std::string line, std::optional<MemoryReserve::Use>& use);
    void refuse(Client& client, std::string message);
    bool skip(Client& client);
    std::size_t buffered() const;
    bool is_full(Role role, std::size_t more) const; // of what is buffered
    bool must_wait(Client& client);
    void serve_waiting();
    void close(int fd);

    EventLoop& loop_;
    UnixListener listener_;
    std::string version_;
    Handler handler_;
    SocketLimits limits_;
    AccessPolicy access_;
    Meanwhile meanwhile_;
    std::unordered_map<int, std::unique_ptr<Client>> clients_; // by descriptor
    int timer_ = -1;
    ReaderShares shares_;
    std::vector<int> waiting_;     // readers with a request, who came first is first
    const Client* next_ = nullptr; // of them, whose turn it is
    int alarm_ = -1;               // for them
    bool is_accepting_ = true;
    SpareDescriptors spare_;
    struct Reports { // not one for each
        std::chrono::steady_clock::time_point last{};
        std::size_t unreported = 0;
        bool is_due();
    };
    Reports ousted_, refused_, failed_, stalled_;
};

} // namespace vx
