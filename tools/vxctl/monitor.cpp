// SPDX-License-Identifier: BSD-3-Clause
#include "tools/vxctl/monitor.h"

#include "tools/vxctl/client.h"
#include "tools/vxctl/terminal.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace vx
{

int run_monitor(Request request, const std::string& socket_path)
{
    auto client = Client::stream(std::move(request), socket_path);
    if (!client)
        return fail(client.error());
    // Who has read enough, as `| head`, is no trouble.
    const auto ended = [](int status) { return errno == EPIPE ? kDone : status; };
    if (const int status = print(STDOUT_FILENO, client->take_rest()); status != kDone)
        return ended(status);
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
        if (const int status = print(STDOUT_FILENO, {chunk.data(), static_cast<std::size_t>(size)}); status != kDone)
            return ended(status);
    }
}

} // namespace vx
