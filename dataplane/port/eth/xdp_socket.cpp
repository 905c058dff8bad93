// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/port/eth/xdp_socket.h"

#include <dirent.h>
#include <linux/if_xdp.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>

namespace vx
{

namespace
{

std::optional<XdpSocket> xdp_socket(int fd)
{
    int domain = 0;
    socklen_t size = sizeof(domain);
    struct stat status;
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 || domain != AF_XDP || fstat(fd, &status) != 0)
        return std::nullopt;
    return XdpSocket{fd, status.st_ino};
}

} // namespace

std::vector<XdpSocket> xdp_sockets(std::span<const XdpSocket> known)
{
    std::vector<XdpSocket> found;
    const std::unique_ptr<DIR, int (*)(DIR*)> directory{opendir("/proc/self/fd"), closedir};
    while (const dirent* entry = directory == nullptr ? nullptr : readdir(directory.get())) {
        const auto socket = xdp_socket(std::atoi(entry->d_name)); // "." and ".." are 0, which is no such socket
        if (socket && std::find(known.begin(), known.end(), *socket) == known.end() && socket->fd != 0)
            found.push_back(*socket);
    }
    std::sort(found.begin(), found.end(), [](const XdpSocket& a, const XdpSocket& b) { return a.fd < b.fd; });
    return found;
}

bool is_open(const XdpSocket& socket)
{
    return xdp_socket(socket.fd) == socket;
}

std::uint64_t missed_frames(const XdpSocket& socket)
{
    xdp_statistics statistics{};
    socklen_t size = sizeof(statistics);
    getsockopt(socket.fd, SOL_XDP, XDP_STATISTICS, &statistics, &size);
    return statistics.rx_ring_full;
}

} // namespace vx
