// SPDX-License-Identifier: BSD-3-Clause
#include "control/server/socket_client.h"

#include "control/base/log.h"
#include "control/base/memory_reserve.h"

#include <malloc.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <optional>
#include <vector>

namespace vx
{

namespace
{

constexpr std::size_t kChunk = 64 << 10;
constexpr std::size_t kWriteChunk = 256 << 10;
constexpr std::size_t kLargeRequest = 8 << 20;

} // namespace

Result<std::unique_ptr<SocketServer>> SocketServer::start(EventLoop& loop, std::string path, std::string version,
                                                          Handler handler, const SocketLimits& limits,
                                                          AccessPolicy access, Meanwhile meanwhile)
{
    // Who may change things may look.
    const std::optional<Group>& group = access.socket_group ? access.socket_group : access.admin_group;
    auto listener = UnixListener::open(std::move(path), group ? std::optional{group->id} : std::nullopt);
    if (!listener)
        return std::move(listener).error();
    std::unique_ptr<SocketServer> server(new SocketServer(loop, *std::move(listener), std::move(version),
                                                          std::move(handler), limits, std::move(access),
                                                          std::move(meanwhile)));
    auto watched =
        loop.watch(server->listener_.fd(), EPOLLIN, [self = server.get()](std::uint32_t) { self->accept(); });
    if (!watched)
        return std::move(watched).error();
    const auto period = std::clamp<std::chrono::milliseconds>(
        std::min(limits.stall, limits.unread) / 4, std::chrono::milliseconds{10}, std::chrono::milliseconds{1000});
    auto timer = loop.every(period, [self = server.get()] { self->check_stalled(); });
    if (!timer)
        return std::move(timer).error();
    server->timer_ = *timer;
    auto alarm = loop.alarm([self = server.get()] { self->serve_waiting(); });
    if (!alarm)
        return std::move(alarm).error();
    server->alarm_ = *alarm;
    return server;
}

SocketServer::SocketServer(EventLoop& loop, UnixListener listener, std::string version, Handler handler,
                           const SocketLimits& limits, AccessPolicy access, Meanwhile meanwhile)
    : loop_(loop), listener_(std::move(listener)), version_(std::move(version)), handler_(std::move(handler)),
      limits_(limits), access_(std::move(access)), meanwhile_(std::move(meanwhile))
{
}

SocketServer::~SocketServer()
{
    for (const auto& [fd, client] : clients_)
        loop_.unwatch(fd);
    loop_.unwatch(listener_.fd());
    loop_.cancel(timer_);
    loop_.cancel(alarm_);
}

// One turn of a client, and the end of it if there is no memory for that.
void SocketServer::serve(int fd, Client& client)
{
    try {
        turn(client);
    } catch (const std::exception& failure) {
        abandon(fd, failure);
    }
}

void SocketServer::abandon(int fd, const std::exception& failure) noexcept
{
    if (const auto found = clients_.find(fd); found != clients_.end()) {
        Client& client = *found->second;
        const std::string_view reply = std::string_view(client.output).substr(client.sent);
        if (say(client.fd, reply) == reply.size()) // else it would come in the middle of one
            say(client.fd, client.has_effect ? kNoMemoryForReply : kNoMemory);
        close(fd);
    }
    if (failed_.is_due())
        log_error("socket {}: a client had to be closed: {} ({} since the last report)", path(), words_of(failure),
                  std::exchange(failed_.unreported, 0));
}

void SocketServer::close(int fd)
{
    loop_.unwatch(fd);
    clients_.erase(fd);
    std::erase(waiting_, fd);
}

void SocketServer::check_stalled()
{
    spare_.refill();
    if (!is_accepting_)
        is_accepting_ = loop_.change(listener_.fd(), EPOLLIN).has_value();
    std::vector<int> stalled;
    for (const auto& [fd, client] : clients_) {
        if (client->is_between_requests() || client->is_waiting)
            continue;
        const auto still = std::chrono::steady_clock::now() - client->progress;
        if (still > (client->pending_output() != 0 ? limits_.unread : limits_.stall)) {
            stalled.push_back(fd);
            report_stalled(*client, std::chrono::duration_cast<std::chrono::milliseconds>(still));
        }
    }
    for (const int fd : stalled)
        close(fd);
    serve_waiting();
}

// One turn of a client; destroys it when it is done.
void SocketServer::turn(Client& client)
{
    const int fd = client.fd.get();
    // Before anything is read, what is buffered has to be dealt with: this is what bounds the buffer.
    const auto may_read = [&] {
        return !client.has_ended && client.line != Client::Line::kComplete &&
               client.pending_output() <= limits_.pending_output;
    };
    if (may_read() && !read(client))
        return close(fd);
    if (client.line == Client::Line::kComplete && client.pending_output() <= limits_.pending_output &&
        !must_wait(client) && !handle_line(client))
        return;
    if (!write(client))
        return close(fd);
    const bool has_work = client.line == Client::Line::kComplete || client.pending_output() > 0;
    if (client.has_ended && !has_work)
        return close(fd);
    // A complete line waits for its turn as a writable socket does.
    const bool can_go_on = client.pending_output() > 0 || (has_work && !client.is_waiting);
    const std::uint32_t events = (may_read() ? EPOLLIN : 0U) | (can_go_on ? EPOLLOUT : 0U);
    if (events != client.events && !loop_.change(fd, events))
        return close(fd);
    client.events = events;
}

// False when the connection is broken.
bool SocketServer::read(Client& client)
{
    std::array<char, kChunk> chunk;
    const ssize_t size = recv(client.fd.get(), chunk.data(), chunk.size(), 0);
    if (size < 0)
        return errno == EAGAIN || errno == EINTR;
    if (size == 0) {
        client.has_ended = true;
        if (client.line == Client::Line::kNone && !client.input.empty())
            refuse(client, "the connection ended in the middle of a request, which has no effect; expected a complete "
                           "JSON text ended by a newline");
        client.input.clear();
        return true;
    }
    if (client.pending_output() == 0) // else it is he who reads nothing
        client.progress = std::chrono::steady_clock::now();
    client.input.append(chunk.data(), static_cast<std::size_t>(size));
    find_line(client);
    if (client.input.size() > kChunk && is_full(client.peer.role, 0)) {
        client.input = {};
        client.line = Client::Line::kNone;
        client.has_ended = true;
        refuse(client, "vxd holds too many unfinished requests; try again later");
    }
    return true;
}

std::size_t SocketServer::buffered() const
{
    std::size_t size = 0;
    for (const auto& [fd, client] : clients_)
        size += client->input.size() + client->output.size();
    return size;
}

void SocketServer::refuse(Client& client, std::string message)
{
    client.output += encode_error({RpcCode::kParseError, std::move(message), {}});
}

// Drops input up to the end of a refused line. False when more has to come for that.
bool SocketServer::skip(Client& client)
{
    const std::size_t end = client.input.find('\n');
    client.skipped += std::min(end, client.input.size());
    client.input.erase(0, end == std::string::npos ? end : end + 1);
    client.scanned = 0;
    if (end != std::string::npos) {
        client.line = Client::Line::kNone;
        return true;
    }
    if (client.skipped > limits_.skipped_input)
        client.has_ended = true;
    return false;
}

void SocketServer::find_line(Client& client)
{
    if (client.line == Client::Line::kSkipped && !skip(client))
        return;
    while (client.line == Client::Line::kNone && client.scanned < client.input.size()) {
        std::size_t used = 0;
        const auto state = client.scanner.scan(std::string_view(client.input).substr(client.scanned), used);
        client.scanned += used;
        if (state == LineScanner::State::kLine) {
            client.line = Client::Line::kComplete;
        } else if (state == LineScanner::State::kRefused) {
            std::string why = client.scanner.refusal();
            if (client.scanner.is_over_size())
                why += fmt::format("; {} sends up to {} MiB",
                                   client.peer.role == Role::kAdmin ? "a client" : "whoever may only look",
                                   limits_of(client.peer.role).request >> 20);
            refuse(client, std::move(why));
            client.scanner.reset();
            client.line = Client::Line::kSkipped;
            client.skipped = 0;
            if (!skip(client))
                return;
        } else if (client.scanner.at_start()) {
            client.input.clear(); // blanks between requests
            client.scanned = 0;
        }
    }
}

bool SocketServer::handle_line(Client& client)
{
    // Not a copy where the line is all of the input, as a large batch is.
    std::string rest = client.input.substr(client.scanned);
    client.input.resize(client.scanned);
    std::string line = std::move(client.input);
    client.input = std::move(rest);
    client.scanned = 0;
    client.line = Client::Line::kNone;
    const std::size_t size = line.size();
    const auto begin = std::chrono::steady_clock::now();
    std::optional<MemoryReserve::Use> use; // what has an effect has an answer
    auto [reply, stream, id] = answer(client, std::move(line), use);
    if (size + reply.size() > kLargeRequest)
        malloc_trim(0); // what it took goes back, or it would be held for good
    if (client.peer.role != Role::kAdmin) {
        const auto end = std::chrono::steady_clock::now();
        shares_.charge(client.peer.uid, end - begin, end);
    }
    if (stream) {
        auto taken = stream(client.fd, client.output.substr(client.sent) + reply);
        if (taken) {
            const int number = client.number;
            loop_.unwatch(number);
            clients_.erase(number);
            return false;
        }
        reply = encode_error({RpcCode::kRefused, taken.error().message, std::move(id)});
    }
    if (reply.size() > limits_of(client.peer.role).reply || is_full(client.peer.role, reply.size()))
        reply = encode_error({RpcCode::kLimit,
                              fmt::format("the reply has {} bytes, which is too long; ask for less", reply.size()),
                              {}});
    client.output.erase(0, client.sent);
    client.sent = 0;
    if (client.output.empty())
        client.output = std::move(reply);
    else
        client.output += reply;
    client.has_effect = false;
    client.progress = std::chrono::steady_clock::now();
    find_line(client);
    return true;
}

SocketServer::Answer SocketServer::answer(Client& client, std::string line, std::optional<MemoryReserve::Use>& use)
{
    const std::int64_t begin_ms = Budget::worked_ms();
    Budget budget{limits_of(client.peer.role).budget, Budget::worked_ms, begin_ms};
    budget.set_pause([this](Budget::Pause) { meanwhile_(); });
    DecodedRequest request = [&]() -> DecodedRequest {
        try {
            return decode_request(line, budget);
        } catch (const OverBudget& over) {
            return RpcError{RpcCode::kLimit, fmt::format("reading the request takes {}; send less", over.what()), {}};
        }
    }();
    std::string{}.swap(line); // a large batch need not be held twice
    if (!request)
        return {encode_error(request.error()), {}, {}};
    if (request->method == Method::kPing)
        return {encode_pong(*request, version_), {}, {}};
    request->role = client.peer.role;
    request->uid = client.peer.uid;
    request->begin_ms = begin_ms;
    Response response;
    try {
        response = handler_(*request);
    } catch (const std::exception& failure) {
        return {encode_error(
                    {RpcCode::kInternalError,
                     fmt::format("vxd could not carry out this request, which has no effect: {}", words_of(failure)),
                     request->id}),
                {},
                {}};
    }
    client.has_effect = response.has_effect;
    if (response.has_effect)
        use.emplace(std::nothrow);
    StreamTaker stream = std::move(response.stream);
    Answer answer{encode_response(*request, std::move(response), meanwhile_), std::move(stream),
                  std::move(request->id)};
    if (!use)
        use.emplace(std::nothrow); // JSON is destroyed with memory
    return answer;
}

// False when the connection is broken.
bool SocketServer::write(Client& client)
{
    if (client.pending_output() == 0)
        return true;
    const ssize_t size = send(client.fd.get(), client.output.data() + client.sent,
                              std::min(client.pending_output(), kWriteChunk), MSG_NOSIGNAL);
    if (size < 0)
        return errno == EAGAIN || errno == EINTR;
    client.progress = std::chrono::steady_clock::now();
    client.sent += static_cast<std::size_t>(size);
    if (client.pending_output() == 0) {
        std::string{}.swap(client.output);
        client.sent = 0;
    }
    return true;
}

} // namespace vx
