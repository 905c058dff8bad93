// SPDX-License-Identifier: BSD-3-Clause
// What the stages need of an rte_mbuf, and the notes that vxd keeps in it: work still owed to the packet (a partial
// L4 checksum, segmentation), and where a punted or injected frame belongs.
#pragma once

#include "dataplane/base/result.h"
#include "dataplane/net/offload.h"
#include "dataplane/net/parse.h"

#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace vx
{

// Travels in the mbuf. Valid parts depend on who made the mbuf: those about checksum and segmentation only with
// has_partial_checksum(); link and reason only on the punt and inject rings.
struct MbufNote {
    static constexpr std::uint16_t kNowhere = 0xffff; // a checksum_start beyond the first segment of any frame

    std::uint16_t checksum_start = 0;  // first byte of the L4 header, from the start of the frame
    std::uint16_t checksum_offset = 0; // where in the L4 header the checksum field lies
    Gso gso = Gso::kNone;
    std::uint8_t outer_size = 0; // of a GSO frame's outer headers; 0: none
    std::uint16_t gso_size = 0;  // payload of each of its segments but the last, bytes
    std::uint16_t link = 0;      // LinkId: where the frame came in (punt) or leaves from (inject)
    std::uint8_t reason = 0;     // PuntReason
    bool is_numbered = false;    // packet_id_of() is set (punt)
};
static_assert(sizeof(MbufNote) == 12);

// Registers the note, the number and the flag below, in DPDK's dynamic mbuf area; once, after EAL start. Set before any
// worker runs.
Result<> register_mbuf_note();
extern int mbuf_note_offset;
extern int packet_id_offset;

inline MbufNote& note_of(rte_mbuf* mbuf) noexcept
{
    return *RTE_MBUF_DYNFIELD(mbuf, mbuf_note_offset, MbufNote*);
}
inline const MbufNote& note_of(const rte_mbuf* mbuf) noexcept
{
    return *RTE_MBUF_DYNFIELD(mbuf, mbuf_note_offset, const MbufNote*);
}

// The number that a frame has while captures look at it (capture/probe.h); else it is not set.
inline std::uint64_t& packet_id_of(rte_mbuf* mbuf) noexcept
{
    return *RTE_MBUF_DYNFIELD(mbuf, packet_id_offset, std::uint64_t*);
}

// The L4 checksum in the data is not right yet; the sender, on this machine, left it to us. TAP, vhost-user and
// af_packet ports receive such frames. A flag of vxd's own: drivers set DPDK's RX_L4_CKSUM_NONE too, without a note of
// what is missing.
inline constexpr unsigned kMbufPartialBit = 40; // the highest that DPDK leaves to applications; drivers take the lowest
inline constexpr std::uint64_t kMbufPartialFlag = std::uint64_t{1} << kMbufPartialBit;
inline bool has_partial_checksum(const rte_mbuf* mbuf) noexcept
{
    return (mbuf->ol_flags & kMbufPartialFlag) != 0;
}
inline void mark_partial_checksum(rte_mbuf* mbuf) noexcept
{
    mbuf->ol_flags |= kMbufPartialFlag;
}
inline void clear_partial_checksum(rte_mbuf* mbuf) noexcept
{
    mbuf->ol_flags &= ~kMbufPartialFlag;
}

// A port that a frame was to leave by will never take it: it is larger than the MTU, or of no shape that its driver can
// send. Set by Port::tx(), which leaves it to the caller, with others that found the port full.
inline constexpr unsigned kMbufUnfitBit = 39;
inline constexpr std::uint64_t kMbufUnfitFlag = std::uint64_t{1} << kMbufUnfitBit;
inline bool is_unfit(const rte_mbuf* mbuf) noexcept
{
    return (mbuf->ol_flags & kMbufUnfitFlag) != 0;
}
inline void mark_unfit(rte_mbuf* mbuf) noexcept
{
    mbuf->ol_flags |= kMbufUnfitFlag;
}

// Whether it is larger than what may be sent, and to be cut; see offload/gso.h.
inline bool is_gso(const rte_mbuf* mbuf) noexcept
{
    return has_partial_checksum(mbuf) && note_of(mbuf).gso != Gso::kNone;
}

// The bytes that may be read at `data()`: the first segment. A header is never assembled from two.
inline Bytes head_of(const rte_mbuf* mbuf) noexcept
{
    return {rte_pktmbuf_mtod(mbuf, const std::byte*), rte_pktmbuf_data_len(mbuf)};
}
inline std::byte* data_of(rte_mbuf* mbuf) noexcept
{
    return rte_pktmbuf_mtod(mbuf, std::byte*);
}

// Precondition: there is so much headroom.
inline void grow_front(rte_mbuf* mbuf, std::size_t size) noexcept
{
    mbuf->data_off = static_cast<std::uint16_t>(mbuf->data_off - size);
    // pkt_len and data_len at once; data_len does not overflow into what lies behind it.
    static_assert(offsetof(rte_mbuf, data_len) == offsetof(rte_mbuf, pkt_len) + 4);
    store(&mbuf->pkt_len, load<std::uint64_t>(&mbuf->pkt_len) + size * 0x1'0000'0001ULL);
}

// Precondition: the first segment has so much.
inline void shrink_front(rte_mbuf* mbuf, std::size_t size) noexcept
{
    mbuf->data_off = static_cast<std::uint16_t>(mbuf->data_off + size);
    store(&mbuf->pkt_len, load<std::uint64_t>(&mbuf->pkt_len) - size * 0x1'0000'0001ULL);
}

// Takes priority tags out of a frame, and returns how much shorter it is. What is noted of it keeps its place.
// Precondition: the first segment holds an Ethernet header.
[[gnu::noinline]] inline std::size_t take_out_priority_tags(rte_mbuf* mbuf) noexcept
{
    const std::size_t size = priority_tags_size(head_of(mbuf));
    if (size == 0) [[likely]]
        return 0;
    std::memmove(data_of(mbuf) + size, data_of(mbuf), offsetof(EthernetHeader, type));
    shrink_front(mbuf, size);
    if (has_partial_checksum(mbuf)) {
        MbufNote& note = note_of(mbuf);
        note.checksum_start =
            note.checksum_start < size ? MbufNote::kNowhere : static_cast<std::uint16_t>(note.checksum_start - size);
        note.outer_size = static_cast<std::uint8_t>(note.outer_size - std::min<std::size_t>(note.outer_size, size));
    }
    return size;
}

// Sum of `size` bytes from `offset`, over all segments. Precondition: offset + size <= pkt_len.
std::uint64_t checksum_of_chain(const rte_mbuf* mbuf, std::size_t offset, std::size_t size) noexcept;

inline std::uint64_t checksum_add(std::uint64_t sum, const rte_mbuf* mbuf, std::size_t offset,
                                  std::size_t size) noexcept
{
    if (offset + size <= rte_pktmbuf_data_len(mbuf)) [[likely]]
        return checksum_add(sum, rte_pktmbuf_mtod_offset(mbuf, const std::byte*, offset), size);
    return checksum_carry(sum, checksum_of_chain(mbuf, offset, size));
}

// Takes `size` bytes off the end, over all segments. Precondition: size <= pkt_len.
void trim_chain(rte_mbuf* mbuf, std::size_t size) noexcept;

inline void trim_tail(rte_mbuf* mbuf, std::size_t size) noexcept
{
    if (mbuf->nb_segs == 1) [[likely]]
        rte_pktmbuf_trim(mbuf, static_cast<std::uint16_t>(size));
    else
        trim_chain(mbuf, size);
}

// Computes the partial checksum that the frame's sender left to us, and clears the flag. False if the note does not
// fit the frame; the frame is unchanged then. `frame_sum` gets the running sum of the whole frame as it is afterwards.
// Precondition: !is_gso(mbuf).
inline bool complete_checksum(rte_mbuf* mbuf, std::uint64_t* frame_sum = nullptr) noexcept
{
    const MbufNote& note = note_of(mbuf);
    const std::size_t start = note.checksum_start;
    const std::size_t field = start + note.checksum_offset;
    if (field + 2 > rte_pktmbuf_data_len(mbuf) || field < start)
        return false;
    // The field holds the pseudo header's sum, so summing from `start` includes it.
    const std::uint64_t sum = checksum_add(0, mbuf, start, rte_pktmbuf_pkt_len(mbuf) - start);
    const auto pseudo = load<std::uint16_t>(data_of(mbuf) + field);
    store(data_of(mbuf) + field, checksum_finish_udp(sum));
    clear_partial_checksum(mbuf);
    if (frame_sum != nullptr) // from `start` on, a right checksum makes it the complement of the pseudo header's sum
        *frame_sum = start % 2 == 0 ? checksum_add(static_cast<std::uint16_t>(~pseudo), mbuf, 0, start)
                                    : checksum_add(0, mbuf, 0, rte_pktmbuf_pkt_len(mbuf));
    return true;
}

} // namespace vx
