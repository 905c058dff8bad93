// SPDX-License-Identifier: BSD-3-Clause
// The header in front of a frame with which the kernel, behind a TAP or a packet socket, says what it left undone, and
// is told so.
#pragma once

#include "dataplane/dpdk/mbuf.h"

#include <cstdint>

namespace vx
{

// virtio 1.4 section 5.1.6, legacy form, in host byte order; <linux/virtio_net.h> is not C++. A kernel that knows no
// tunnels leaves what lies behind the first ten bytes as it is.
struct VnetHeader {
    static constexpr std::uint8_t kNeedsChecksum = 1;
    static constexpr std::uint8_t kDataValid = 2;
    static constexpr std::uint8_t kTunnelChecksum = 8;
    enum : std::uint8_t { kNoGso = 0, kGsoTcp4 = 1, kGsoTcp6 = 4, kGsoUdp = 5 };
    enum : std::uint8_t { kTunnelV4 = 0x20, kTunnelV6 = 0x40, kGsoEcn = 0x80 }; // added to it

    std::uint8_t flags;
    std::uint8_t gso_type;
    std::uint16_t header_size;
    std::uint16_t gso_size;
    std::uint16_t checksum_start;
    std::uint16_t checksum_offset;
    std::uint16_t buffer_count;
    std::uint16_t hash[4];
    std::uint16_t outer_l4; // offsets, of a GSO frame in a tunnel
    std::uint16_t inner_l3;
};
static_assert(sizeof(VnetHeader) == 24);

// Notes in a frame that was received what its sender left undone. A note that makes no sense is one that the pipeline
// refuses.
void note_offloads(rte_mbuf* frame, const VnetHeader& header) noexcept;

// The header for a frame that is sent.
VnetHeader vnet_header_of(const rte_mbuf* frame) noexcept;

} // namespace vx
