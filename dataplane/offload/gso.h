// SPDX-License-Identifier: BSD-3-Clause
// Frames larger than the MTU, which stand for many segments (generic segmentation offload), and their end: the cutting
// into segments for a port that wants them so. Outer headers that we put in front of one are those of its first
// segment, until it leaves uncut.
#pragma once

#include "dataplane/dpdk/mbuf.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace vx
{

// What a GSO frame's headers may come to, of which each segment has a copy: every buffer has room for it and for outer
// headers. All that IPv4, TCP and two VLAN tags can be is 142 bytes; the rest is for IPv6 extension headers.
inline constexpr std::size_t kMaxGsoHeaders = 512;

// Headers end where they say that they do, nothing is left over, and all of it lies in the first piece of memory. To be
// asked once of what a port hands over, or what it has inside. False of what has outer headers, or more than
// kMaxGsoHeaders. Precondition: is_gso(frame).
bool gso_is_sound(const rte_mbuf* frame) noexcept;

// Of all headers, up to the payload that is cut.
inline std::size_t gso_header_size(const rte_mbuf* frame) noexcept
{
    const MbufNote& note = note_of(frame);
    return note.checksum_start + (note.gso == Gso::kUdp
                                      ? sizeof(UdpHeader)
                                      : header_at<TcpHeader>(head_of(frame), note.checksum_start).size());
}

inline std::size_t gso_segment_count(const rte_mbuf* frame) noexcept
{
    const std::size_t size = note_of(frame).gso_size;
    return (rte_pktmbuf_pkt_len(frame) - gso_header_size(frame) + size - 1) / size;
}

// Bytes of the first segment, than which none is larger.
inline std::size_t gso_segment_size(const rte_mbuf* frame) noexcept
{
    return std::min<std::size_t>(gso_header_size(frame) + note_of(frame).gso_size, rte_pktmbuf_pkt_len(frame));
}

// Makes the outer headers those of the whole frame, for a port that takes it so. False if an IP packet holds no so
// much; the frame is unchanged then. Precondition: note_of(frame).outer_size != 0.
bool make_outer_whole(rte_mbuf* frame) noexcept;

// Cuts one frame, from its front to its end. All checksums are computed while the payload is copied; one that was wrong
// in the frame is wrong in each segment.
class Segmenter
{
public:
    // Precondition: gso_is_sound(frame), before outer headers were put in front. The frame has to outlive this.
    explicit Segmenter(const rte_mbuf* frame) noexcept;

    bool is_done() const { return left_ == 0; }
    // The next segment, in buffers of its own; nullptr if there are none. Precondition: !is_done().
    rte_mbuf* next(rte_mempool* pool) noexcept;

private:
    std::uint64_t copy_payload(rte_mbuf* segment, std::size_t size, rte_mempool* pool) noexcept;
    void finish_ip(std::byte* headers, Be16 l4_size) const noexcept;
    std::uint64_t finish_l4(std::byte* headers, Be16 l4_size, std::uint64_t payload_sum) const noexcept;
    void finish_outer(std::byte* headers, std::size_t missing, Be16 l4_size, std::uint64_t inner_sum) const noexcept;

    const std::byte* headers_;
    std::size_t headers_size_;
    std::size_t outer_size_;
    std::size_t l3_;
    std::size_t l4_;
    std::size_t checksum_at_;
    Gso gso_;
    bool is_v4_;
    std::size_t size_; // of a segment's payload
    std::size_t left_; // of the payload

    // Where the payload goes on.
    const rte_mbuf* piece_;
    std::size_t at_;

    std::uint16_t index_ = 0;    // of the next segment
    std::uint64_t ip_sum_ = 0;   // what an IPv4 header's checksum covers, without total length and ID
    std::uint64_t l4_sum_ = 0;   // the pseudo header's, without the length
    std::uint64_t head_sum_ = 0; // of the inner headers in front of L4; by IPv6 without the length
};

} // namespace vx
