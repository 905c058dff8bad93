// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/dpdk/mbuf.h"

#include <rte_errno.h>

#include <algorithm>
#include <utility>

namespace vx
{

int mbuf_note_offset = -1;
int packet_id_offset = -1;

Result<> register_mbuf_note()
{
    static const rte_mbuf_dynfield kField = {"vxd_note", sizeof(MbufNote), alignof(MbufNote), 0};
    const int offset = rte_mbuf_dynfield_register(&kField);
    if (offset < 0)
        return error("no room in DPDK's packet buffers for vxd's note of {} bytes: {}", sizeof(MbufNote),
                     rte_strerror(rte_errno));
    static const rte_mbuf_dynfield kId = {"vxd_packet_id", sizeof(std::uint64_t), alignof(std::uint64_t), 0};
    const int id_offset = rte_mbuf_dynfield_register(&kId);
    if (id_offset < 0)
        return error("no room in DPDK's packet buffers for a packet's number: {}", rte_strerror(rte_errno));
    static const rte_mbuf_dynflag kPartial = {"vxd_partial_checksum", 0};
    static const rte_mbuf_dynflag kUnfit = {"vxd_unfit", 0};
    for (const auto& [flag, bit] : {std::pair{&kPartial, kMbufPartialBit}, std::pair{&kUnfit, kMbufUnfitBit}})
        if (rte_mbuf_dynflag_register_bitnum(flag, bit) < 0)
            return error("flag {} of DPDK's packet buffers is not free: {}", bit, rte_strerror(rte_errno));
    mbuf_note_offset = offset;
    packet_id_offset = id_offset;
    return Ok{};
}

// A piece that starts at an odd distance from the beginning has its bytes in the other halves of the 16-bit words:
// its sum, byte-swapped, is what it adds (RFC 1071 section 2, byte order independence).
std::uint64_t checksum_of_chain(const rte_mbuf* mbuf, std::size_t offset, std::size_t size) noexcept
{
    for (; mbuf != nullptr && offset >= rte_pktmbuf_data_len(mbuf); mbuf = mbuf->next)
        offset -= rte_pktmbuf_data_len(mbuf);
    std::uint64_t sum = 0;
    bool is_odd = false;
    for (; mbuf != nullptr && size > 0; mbuf = mbuf->next, offset = 0) {
        const std::size_t piece = std::min<std::size_t>(size, rte_pktmbuf_data_len(mbuf) - offset);
        const std::uint16_t part =
            checksum_fold(checksum_add(0, rte_pktmbuf_mtod_offset(mbuf, const std::byte*, offset), piece));
        sum += is_odd ? __builtin_bswap16(part) : part;
        is_odd = is_odd != ((piece & 1) != 0);
        size -= piece;
    }
    return sum;
}

void trim_chain(rte_mbuf* mbuf, std::size_t size) noexcept
{
    std::size_t kept = rte_pktmbuf_pkt_len(mbuf) - size;
    mbuf->pkt_len = static_cast<std::uint32_t>(kept);
    mbuf->nb_segs = 1;
    rte_mbuf* segment = mbuf;
    while (kept > segment->data_len) { // it ends in a later segment
        kept -= segment->data_len;
        segment = segment->next;
        ++mbuf->nb_segs;
    }
    segment->data_len = static_cast<std::uint16_t>(kept);
    rte_mbuf* rest = segment->next;
    segment->next = nullptr;
    while (rest != nullptr) {
        rte_mbuf* next = rest->next;
        rte_pktmbuf_free_seg(rest);
        rest = next;
    }
}

} // namespace vx
