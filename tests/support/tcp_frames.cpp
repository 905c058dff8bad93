// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/tcp_frames.h"

#include "tests/support/ports.h"

#include <algorithm>
#include <cstring>

namespace vx::test
{

namespace
{

void put16(Frame& frame, std::size_t value)
{
    frame.push_back(static_cast<std::uint8_t>(value >> 8));
    frame.push_back(static_cast<std::uint8_t>(value));
}

void put32(Frame& frame, std::size_t value)
{
    put16(frame, value >> 16 & 0xffff);
    put16(frame, value & 0xffff);
}

void set16(Frame& frame, std::size_t at, std::uint32_t value)
{
    frame[at] = static_cast<std::uint8_t>(value >> 8);
    frame[at + 1] = static_cast<std::uint8_t>(value);
}

// RFC 1071 section 4.1, in big-endian words; `begin` is at an even distance from where summing begins.
std::uint32_t sum_of(const Frame& frame, std::size_t begin, std::size_t end)
{
    std::uint64_t sum = 0;
    for (std::size_t i = begin; i < end; ++i)
        sum += (i - begin) % 2 == 0 ? std::uint32_t{frame[i]} << 8 : frame[i];
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint32_t>(sum);
}

std::uint32_t fold(std::uint32_t sum)
{
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

void put_ip(Frame& frame, const FlowShape& shape, std::size_t l4_size)
{
    const std::size_t protocol = shape.is_udp ? 17 : 6;
    const std::size_t extra = shape.ip_extra.size();
    const std::size_t begin = frame.size();
    if (shape.is_v4) {
        put16(frame, (0x45 + extra / 4) << 8 | shape.tos);
        put16(frame, 20 + extra + l4_size);
        put16(frame, shape.id);
        put16(frame, shape.may_be_fragmented ? 0 : 0x4000);
        put16(frame, std::size_t{shape.ttl} << 8 | protocol);
        put16(frame, 0);
        put32(frame, 0x0a000000U + shape.host);
        put32(frame, 0x0a000063);
        frame.insert(frame.end(), shape.ip_extra.begin(), shape.ip_extra.end());
        set16(frame, begin + 10, ~sum_of(frame, begin, frame.size()));
        return;
    }
    put32(frame, std::size_t{6} << 28 | std::size_t{shape.tos} << 20 | 0x12345);
    put16(frame, extra + l4_size);
    put16(frame, (extra == 0 ? protocol : 60) << 8 | shape.ttl);
    for (const std::uint8_t last : {shape.host, std::uint8_t{0x63}}) {
        put16(frame, 0xfd00);
        frame.insert(frame.end(), 13, 0);
        frame.push_back(last);
    }
    frame.insert(frame.end(), shape.ip_extra.begin(), shape.ip_extra.end());
    if (extra != 0)
        frame[begin + 40] = static_cast<std::uint8_t>(protocol);
}

} // namespace

Frame frame_of(const FlowShape& shape, const Frame& payload, Checksum checksum)
{
    Frame frame{0x02, 0, 0, 0, 0, 0x63, 0x02, 0, 0, 0, 0, shape.host};
    for (std::size_t i = 0; i < shape.tags; ++i) {
        put16(frame, i + 1 == shape.tags ? 0x8100 : 0x88a8);
        put16(frame, 5 + i);
    }
    put16(frame, shape.is_v4 ? 0x0800 : 0x86dd);
    const std::size_t l4_size = shape.headers_size() - shape.l4() + payload.size();
    put_ip(frame, shape, l4_size);
    put16(frame, shape.source_port);
    put16(frame, 80);
    const std::size_t field = frame.size() + (shape.is_udp ? 2 : 12);
    if (shape.is_udp) {
        put16(frame, l4_size);
        put16(frame, 0);
    } else {
        put32(frame, shape.sequence);
        put32(frame, shape.acknowledgment);
        put16(frame, (5 + shape.options.size() / 4) << 12 | std::size_t{shape.reserved} << 8 | shape.flags);
        put16(frame, shape.window);
        put32(frame, 0); // checksum, urgent
        frame.insert(frame.end(), shape.options.begin(), shape.options.end());
    }
    frame.insert(frame.end(), payload.begin(), payload.end());

    const std::size_t addresses = shape.l3() + (shape.is_v4 ? 12 : 8);
    std::uint32_t sum = sum_of(frame, addresses, addresses + (shape.is_v4 ? 8 : 32)) + (shape.is_udp ? 17U : 6U) +
                        static_cast<std::uint32_t>(l4_size) + shape.checksum_error;
    if (checksum == Checksum::kPartial) {
        set16(frame, field, fold(sum));
        return frame;
    }
    sum = ~fold(sum + sum_of(frame, shape.l4(), frame.size())) & 0xffff;
    set16(frame, field, sum == 0 ? 0xffff : sum);
    return frame;
}

std::vector<Frame> segments_of(const FlowShape& shape, const Frame& payload, std::size_t size)
{
    std::vector<Frame> segments;
    FlowShape next = shape;
    for (std::size_t at = 0; at < payload.size(); at += size) {
        const std::size_t end = std::min(at + size, payload.size());
        next.flags = shape.flags;
        if (end != payload.size())
            next.flags &= static_cast<std::uint8_t>(~(FlowShape::kPsh | FlowShape::kFin));
        if (at != 0)
            next.flags &= static_cast<std::uint8_t>(~FlowShape::kCwr);
        segments.push_back(frame_of(next, {payload.begin() + static_cast<std::ptrdiff_t>(at),
                                           payload.begin() + static_cast<std::ptrdiff_t>(end)}));
        ++next.id;
        next.sequence += static_cast<std::uint32_t>(size);
    }
    return segments;
}

rte_mbuf* chain_of(const Frame& frame, std::size_t headers_size, std::mt19937_64& random)
{
    const auto below = [&](std::size_t limit) { return static_cast<std::size_t>(random() % limit); };
    rte_mbuf* const head = packet_pool().alloc();
    std::size_t at = std::min({frame.size(), headers_size + below(700), std::size_t{rte_pktmbuf_tailroom(head)}});
    std::memcpy(rte_pktmbuf_append(head, static_cast<std::uint16_t>(at)), frame.data(), at);
    while (at < frame.size()) {
        rte_mbuf* const piece = packet_pool().alloc();
        const std::size_t size = std::min(frame.size() - at, 1 + below(2000));
        std::memcpy(rte_pktmbuf_append(piece, static_cast<std::uint16_t>(size)), frame.data() + at, size);
        rte_pktmbuf_chain(head, piece);
        at += size;
    }
    return head;
}

MbufNote gso_note(const FlowShape& shape, std::size_t size)
{
    return {.checksum_start = static_cast<std::uint16_t>(shape.l4()),
            .checksum_offset = static_cast<std::uint16_t>(shape.is_udp ? 6 : 16),
            .gso = shape.is_udp  ? Gso::kUdp
                   : shape.is_v4 ? Gso::kTcp4
                                 : Gso::kTcp6,
            .gso_size = static_cast<std::uint16_t>(size)};
}

Frame random_payload(std::mt19937_64& random, std::size_t size)
{
    Frame payload(size);
    for (std::uint8_t& byte : payload)
        byte = static_cast<std::uint8_t>(random());
    return payload;
}

} // namespace vx::test
