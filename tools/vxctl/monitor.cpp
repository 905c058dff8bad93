// SPDX-License-Identifier: BSD-3-Clause
#include "tools/vxctl/monitor.h"

#include "tools/vxctl/client.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

namespace vx
{

namespace
{

constexpr int kDone = 0, kUsage = 1, kRefused = 2;

int fail(const Error& failure)
{
    std::fprintf(stderr, "vxctl: %s\n", failure.message.c_str());
    return failure.kind == Error::Kind::kUsage ? kUsage : kRefused;
}

bool print(std::string_view text)
{
    while (!text.empty()) {
        const ssize_t size = write(STDOUT_FILENO, text.data(), text.size());
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return false;
        text.remove_prefix(static_cast<std::size_t>(size));
    }
    return true;
}

} // namespace

int run_monitor(Request request, const std::string& socket_path)
{
    request.method = Method::kStream;
    auto encoded = encode_request(request);
    if (!encoded)
        return fail(encoded.error());
    auto client = Client::connect(socket_path);
    if (!client)
        return fail(client.error());
    const auto response = client->run(*std::move(encoded));
    if (!response)
        return fail(response.error());
    if (!response->failures.empty())
        return fail(response->failures.front().error);
    if (!print(client->take_rest()))
        return kDone;
    std::array<char, 64 << 10> chunk;
    for (;;) {
        // Who reads stdout may go while nothing happens.
        std::array<pollfd, 2> waiting{pollfd{client->fd(), POLLIN, 0}, pollfd{STDOUT_FILENO, 0, 0}};
        if (poll(waiting.data(), waiting.size(), -1) < 0 && errno == EINTR)
            continue;
        if ((waiting[1].revents & (POLLERR | POLLHUP)) != 0)
            return kDone;
        const ssize_t size = recv(client->fd(), chunk.data(), chunk.size(), 0);
        if (size < 0 && errno == EINTR)
            continue;
        if (size <= 0)
            return fail(error("vxd has ended"));
        if (!print({chunk.data(), static_cast<std::size_t>(size)}))
            return kDone;
    }
}

} // namespace vx
