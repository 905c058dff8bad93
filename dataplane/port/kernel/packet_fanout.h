// SPDX-License-Identifier: BSD-3-Clause
// The frames of an underlay interface, spread over the sockets of its port: a tenant that sends more than vxd receives
// fills the ring of one socket, and neither those of most others, nor that of ARP, Neighbor Discovery and ICMP, which
// tunnels live on. packet(7), PACKET_FANOUT.
#pragma once

#include "dataplane/base/result.h"

#include <linux/filter.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace vx
{

class PacketFanout
{
public:
    static constexpr unsigned kSockets = 8; // the first for what is no VXLAN

    // Which socket gets a frame that comes in: VXLAN to one of these UDP ports the one that its VNI tells, so that a
    // flow stays in order; a fragment, which is lost anyway, one of these by its sender; all else the first.
    static std::vector<sock_filter> program(std::span<const std::uint16_t> udp_ports);

    // The next socket, which is bound. From then on all of them together hear each frame once, which goes to the first
    // until there is a program. Fails with the kernel's reason; EINVAL: the interface is down, on kernels before 6.13.
    Result<> join(int socket);
    unsigned count() const { return count_; }

    // Precondition: all have joined.
    Result<> set_program(int socket, std::vector<sock_filter> program) const;

private:
    unsigned count_ = 0;   // sockets
    std::uint16_t id_ = 0; // of the group, which the kernel has chosen
};

} // namespace vx
