// SPDX-License-Identifier: BSD-3-Clause
// TCP and UDP frames made to order, with checksums of their own: written apart from the data plane's, byte by byte.
#pragma once

#include "dataplane/dpdk/mbuf.h"
#include "tests/support/network.h"

#include <cstdint>
#include <random>
#include <vector>

namespace vx::test
{

// What the segments of a frame have in common, and how they follow each other.
struct FlowShape {
    bool is_v4 = true;
    bool is_udp = false;
    std::size_t tags = 0;               // VLAN tags
    std::vector<std::uint8_t> ip_extra; // options of IPv4, a destination options header of IPv6: a multiple of 8 bytes
    std::vector<std::uint8_t> options;  // of TCP, a multiple of 4 bytes
    std::uint8_t host = 1;              // of the source address
    std::uint16_t source_port = 40000;
    std::uint8_t tos = 0;
    std::uint8_t ttl = 64;
    std::uint16_t id = 1;
    bool may_be_fragmented = false;
    std::uint32_t sequence = 1000;
    std::uint32_t acknowledgment = 77;
    std::uint16_t window = 500;
    std::uint8_t flags = 0x10;        // ACK
    std::uint8_t reserved = 0;        // bits between TCP's header size and flags, which are flags too by now (AE)
    std::uint16_t checksum_error = 0; // is added to what its checksum covers

    static constexpr std::uint8_t kFin = 1, kSyn = 2, kPsh = 8, kAck = 16, kEce = 0x40, kCwr = 0x80;

    std::size_t l3() const { return 14 + 4 * tags; }
    std::size_t l4() const { return l3() + (is_v4 ? 20 : 40) + ip_extra.size(); }
    std::size_t headers_size() const { return l4() + (is_udp ? 8 : 20 + options.size()); }
};

enum class Checksum : std::uint8_t { kWhole, kPartial };

// One frame. Of a partial checksum, what is in its field is the pseudo header's sum.
Frame frame_of(const FlowShape& shape, const Frame& payload, Checksum checksum = Checksum::kWhole);
// What cutting gives: frames of `size` bytes of payload, the last of what is left.
std::vector<Frame> segments_of(const FlowShape& shape, const Frame& payload, std::size_t size);
// One mbuf chain, with pieces of random size behind headers that lie in one.
rte_mbuf* chain_of(const Frame& frame, std::size_t headers_size, std::mt19937_64& random);
// The note that a GSO frame of that shape has.
MbufNote gso_note(const FlowShape& shape, std::size_t size);

Frame random_payload(std::mt19937_64& random, std::size_t size);

} // namespace vx::test
