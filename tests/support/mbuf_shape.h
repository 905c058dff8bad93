// SPDX-License-Identifier: BSD-3-Clause
// Frames as mbufs of a chosen shape: as ports hand them over, and as none should.
#pragma once

#include "dataplane/base/result.h"
#include "dataplane/dpdk/mbuf.h"
#include "tests/support/pcap.h"

#include <rte_mbuf.h>

#include <cstdint>
#include <optional>
#include <string_view>

namespace vx::test
{

struct MbufShape {
    enum class Buffers : std::uint8_t {
        kPool,  // as they come from the pool
        kExact, // of their own, ending where the segment ends, so that AddressSanitizer sees a read beyond it
    };
    Buffers buffers = Buffers::kPool;
    std::size_t headroom = RTE_PKTMBUF_HEADROOM;
    std::optional<std::size_t> first_segment; // its size; the others have 101 bytes. Absent: one segment
    // The frame's L4 checksum field is replaced by the pseudo header's sum, and noted as partial, as a TAP does it.
    bool is_partial = false;
    std::uint16_t gso_size = 0;   // of a frame that is_partial: it stands for many, each with so much payload
    std::optional<MbufNote> note; // noted so instead; the frame is left as it is

    std::uint64_t flags = 0; // more of ol_flags: what the port says of checksums

    // The words between the dots of "01-docker1.partial.split128.pcap": partial, gsoN, splitN, roomN, verified,
    // innergood, innerbad, innernone.
    Result<> add(std::string_view word);
};

// Precondition: a frame that is_partial holds TCP or UDP behind an IPv4 or IPv6 header, and destination options at
// most. nullptr: no mbuf left.
rte_mbuf* make_mbuf(rte_mempool* pool, Frame frame, const MbufShape& shape);
Frame bytes_of(const rte_mbuf* mbuf);

} // namespace vx::test
