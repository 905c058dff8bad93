// SPDX-License-Identifier: BSD-3-Clause
#include "tools/vxctl/client.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace vx
{

namespace
{

Error connect_error(const std::string& path, int reason)
{
    if (reason == EACCES || reason == EPERM)
        return error("{} may not be opened by this user; it is for root and for the members of the socket's group "
                     "(try sudo)",
                     path);
    if (reason == EAGAIN)
        return error("vxd on {} takes no connection", path);
    return error("connect to {}: {}", path, std::strerror(reason));
}

} // namespace

Error no_daemon(const std::string& path)
{
    const std::string option = path == kDefaultSocketPath ? "" : fmt::format(" --socket {}", path);
    return error("no vxd is listening on {} (start it with: vxd{})", path, option);
}

Result<Client> Client::connect(const std::string& path)
{
    auto client = find(path);
    if (!client)
        return std::move(client).error();
    if (!*client)
        return no_daemon(path);
    return std::move(**client);
}

Result<std::optional<Client>> Client::find(const std::string& path, std::chrono::seconds patience)
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof(address.sun_path))
        return Error{fmt::format("socket {}: a path of 1 to {} bytes is needed", path, sizeof(address.sun_path) - 1),
                     Error::Kind::kUsage};
    std::copy(path.begin(), path.end(), address.sun_path);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error("make a socket: {}", std::strerror(errno));
    Client client(fd);
    const timeval limit{.tv_sec = patience.count(), .tv_usec = 0}; // zero is none
    for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO})
        if (setsockopt(fd, SOL_SOCKET, option, &limit, sizeof(limit)) != 0)
            return error("a limit of {} s for {}: {}", patience.count(), path, std::strerror(errno));
    int status = 0;
    do
        status = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    while (status != 0 && errno == EINTR);
    if (status == 0)
        return std::optional<Client>{std::move(client)};
    if (errno == ENOENT || errno == ENOTDIR || errno == ECONNREFUSED)
        return std::optional<Client>{};
    return connect_error(path, errno);
}

Result<Client> Client::stream(Request request, const std::string& path)
{
    request.method = Method::kStream;
    auto encoded = encode_request(request);
    if (!encoded)
        return std::move(encoded).error();
    auto client = connect(path);
    if (!client)
        return client;
    const auto response = client->run(*std::move(encoded));
    if (!response)
        return response.error();
    if (!response->failures.empty())
        return response->failures.front().error;
    return client;
}

Client::Client(Client&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), line_(std::move(other.line_)), rest_(std::move(other.rest_))
{
}

Client::~Client()
{
    if (fd_ >= 0)
        close(fd_);
}

bool Client::send(std::string_view bytes)
{
    while (!bytes.empty()) {
        const ssize_t size = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return false;
        bytes.remove_prefix(static_cast<std::size_t>(size));
    }
    return true;
}

Result<std::optional<std::string>> Client::receive_line(Wait wait)
{
    std::array<char, 256 << 10> chunk;
    for (;;) {
        const ssize_t size = recv(fd_, chunk.data(), chunk.size(), wait == Wait::kNo ? MSG_DONTWAIT : 0);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0 && errno == EAGAIN && wait == Wait::kNo)
            return std::optional<std::string>{};
        if (size < 0 && errno == EAGAIN)
            return error("vxd does not answer");
        if (size < 0)
            return error("the connection to vxd broke: {}", std::strerror(errno));
        if (size == 0)
            return error("vxd closed the connection without an answer");
        const std::string_view bytes(chunk.data(), static_cast<std::size_t>(size));
        const std::size_t end = bytes.find('\n');
        line_ += bytes.substr(0, end);
        if (end != bytes.npos) {
            rest_ = bytes.substr(end + 1);
            return std::optional{std::exchange(line_, {})};
        }
    }
}

Result<Response> Client::run(std::string request)
{
    // Whether it could be sent or not, vxd says what it made of it.
    const bool is_sent = send(request);
    request.clear();
    auto line = receive_line(Wait::kYes);
    if (!line && !is_sent)
        return error("vxd closed the connection while the request was sent");
    if (!line)
        return std::move(line).error();
    return decode_response(**line);
}

Result<> Client::ask(std::string_view request)
{
    if (!send(request))
        return error("vxd has closed the connection");
    return Ok{};
}

Result<std::optional<Response>> Client::receive()
{
    auto line = receive_line(Wait::kNo);
    if (!line)
        return std::move(line).error();
    if (!*line)
        return std::optional<Response>{};
    auto response = decode_response(**line);
    if (!response)
        return std::move(response).error();
    return std::optional{*std::move(response)};
}

Result<std::string> Client::version()
{
    Request ping;
    ping.id = 0;
    ping.method = Method::kPing;
    auto request = encode_request(ping);
    if (!request)
        return std::move(request).error();
    if (!send(*request))
        return error("vxd closed the connection while the request was sent");
    const auto line = receive_line(Wait::kYes);
    if (!line)
        return line.error();
    return decode_pong(**line);
}

} // namespace vx
