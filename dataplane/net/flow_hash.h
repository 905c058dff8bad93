// SPDX-License-Identifier: BSD-3-Clause
// The hash of an inner flow that becomes the outer UDP source port (RFC 7348 section 5): CRC-32C over the words of
// the flow's identity, so that one flow keeps one path and different flows spread over ECMP legs and RSS queues.
#pragma once

#include "dataplane/net/headers.h"

#include <nmmintrin.h>

#include <cstdint>

namespace vx
{

// `ports` is the four bytes of both ports as they lie on the wire, 0 where there are none (fragments, other L4).
inline std::uint32_t flow_hash_v4(const Ipv4Header& ip, std::uint32_t ports) noexcept
{
    std::uint64_t hash = _mm_crc32_u64(0xffffffff, load<std::uint64_t>(&ip.source));
    hash = _mm_crc32_u64(hash, (std::uint64_t{ip.protocol} << 32) | ports);
    return static_cast<std::uint32_t>(hash);
}

inline std::uint32_t flow_hash_v6(const Ipv6Header& ip, std::uint8_t protocol, std::uint32_t ports) noexcept
{
    std::uint64_t hash = 0xffffffff;
    for (std::size_t word = 0; word < 4; ++word)
        hash = _mm_crc32_u64(hash, load<std::uint64_t>(ip.source.data() + 8 * word)); // source, then destination
    hash = _mm_crc32_u64(hash, (std::uint64_t{protocol} << 32) | ports);
    return static_cast<std::uint32_t>(hash);
}

// Frames that are not IP: both MACs and the EtherType.
inline std::uint32_t flow_hash_l2(const EthernetHeader& ethernet) noexcept
{
    std::uint64_t hash = _mm_crc32_u64(0xffffffff, load<std::uint64_t>(&ethernet));
    hash = _mm_crc32_u32(static_cast<std::uint32_t>(hash), load<std::uint32_t>(ethernet.source.bytes().data() + 2));
    return _mm_crc32_u16(static_cast<std::uint32_t>(hash), load<std::uint16_t>(&ethernet.type));
}

// RFC 7348 section 5: the source port lies in 49152-65535.
inline std::uint16_t source_port(std::uint32_t flow_hash) noexcept
{
    return static_cast<std::uint16_t>(kFirstEphemeralPort | (flow_hash & 0x3fff));
}

} // namespace vx
