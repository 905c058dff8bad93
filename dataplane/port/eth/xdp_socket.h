// SPDX-License-Identifier: BSD-3-Clause
// The AF_XDP sockets that DPDK's driver opens and does not show: found among the process's descriptors, to sleep on
// and, where the driver forgets it, to close.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <vector>

namespace vx
{

struct XdpSocket {
    int fd;
    ino_t inode; // tells it from a later one with the same fd
    friend bool operator==(const XdpSocket&, const XdpSocket&) = default;
};

// Those of this process now, except `known`, by ascending fd.
std::vector<XdpSocket> xdp_sockets(std::span<const XdpSocket> known = {});

bool is_open(const XdpSocket& socket);

// Frames that found the socket's receive ring full; the driver does not count them.
std::uint64_t missed_frames(const XdpSocket& socket);

} // namespace vx
