// SPDX-License-Identifier: BSD-3-Clause
// The AF_PACKET and AF_XDP sockets that DPDK's drivers open and do not show: found among the process's descriptors, to
// sleep on, to tune and, where the driver forgets it, to close.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <vector>

namespace vx
{

struct PacketSocket {
    int fd;
    int domain;  // AF_PACKET or AF_XDP
    ino_t inode; // tells it from a later one with the same fd
    friend bool operator==(const PacketSocket&, const PacketSocket&) = default;
};

// Those of this process now, except `known`, by ascending fd.
std::vector<PacketSocket> packet_sockets(std::span<const PacketSocket> known = {});

bool is_open(const PacketSocket& socket);

// Frames that found the socket's receive ring full; the drivers do not count them. AF_PACKET: since the last call.
std::uint64_t missed_frames(const PacketSocket& socket);

// For a socket of net_af_packet: frames that this host sends are not received (they went out, they did not come in),
// and a full transmit ring's worth of them may be on its way at once, or the rest would lie there until the next burst.
void tune_af_packet(const PacketSocket& socket, int ring_bytes);

} // namespace vx
