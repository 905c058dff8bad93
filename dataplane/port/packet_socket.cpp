// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/port/packet_socket.h"

#include <dirent.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
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

std::optional<PacketSocket> packet_socket(int fd)
{
    int domain = 0;
    socklen_t size = sizeof(domain);
    struct stat status;
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 || fstat(fd, &status) != 0)
        return std::nullopt;
    if (domain != AF_PACKET && domain != AF_XDP)
        return std::nullopt;
    return PacketSocket{fd, domain, status.st_ino};
}

} // namespace

std::vector<PacketSocket> packet_sockets(std::span<const PacketSocket> known)
{
    std::vector<PacketSocket> found;
    const std::unique_ptr<DIR, int (*)(DIR*)> directory{opendir("/proc/self/fd"), closedir};
    while (const dirent* entry = directory == nullptr ? nullptr : readdir(directory.get())) {
        const auto socket = packet_socket(std::atoi(entry->d_name)); // "." and ".." are 0, which is no packet socket
        if (socket && std::find(known.begin(), known.end(), *socket) == known.end() && socket->fd != 0)
            found.push_back(*socket);
    }
    std::sort(found.begin(), found.end(), [](const PacketSocket& a, const PacketSocket& b) { return a.fd < b.fd; });
    return found;
}

bool is_open(const PacketSocket& socket)
{
    return packet_socket(socket.fd) == socket;
}

std::uint64_t missed_frames(const PacketSocket& socket)
{
    if (socket.domain == AF_PACKET) {
        tpacket_stats statistics{};
        socklen_t size = sizeof(statistics);
        getsockopt(socket.fd, SOL_PACKET, PACKET_STATISTICS, &statistics, &size);
        return statistics.tp_drops;
    }
    xdp_statistics statistics{};
    socklen_t size = sizeof(statistics);
    getsockopt(socket.fd, SOL_XDP, XDP_STATISTICS, &statistics, &size);
    return statistics.rx_ring_full;
}

void tune_af_packet(const PacketSocket& socket, int ring_bytes)
{
    sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<__u32>(SKF_AD_OFF + SKF_AD_PKTTYPE)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
    };
    const sock_fprog program{static_cast<unsigned short>(std::size(code)), code};
    setsockopt(socket.fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
    const int limit = 2 * ring_bytes; // a frame counts with its bookkeeping
    setsockopt(socket.fd, SOL_SOCKET, SO_SNDBUFFORCE, &limit, sizeof(limit));
}

} // namespace vx
