// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/port/vnet_header.h"

namespace vx
{

namespace
{

constexpr std::uint16_t kNowhere = 0xffff; // beyond the first segment of any frame

Gso gso_of(const VnetHeader& header) noexcept
{
    switch (header.gso_type & ~VnetHeader::kGsoEcn) { // the TCP header says it too
    case VnetHeader::kGsoTcp4:
        return Gso::kTcp4;
    case VnetHeader::kGsoTcp6:
        return Gso::kTcp6;
    case VnetHeader::kGsoUdp:
        return Gso::kUdp;
    default:
        return Gso::kNone;
    }
}

} // namespace

void note_offloads(rte_mbuf* frame, const VnetHeader& header) noexcept
{
    const bool needs_checksum = (header.flags & VnetHeader::kNeedsChecksum) != 0;
    if (needs_checksum || header.gso_type != VnetHeader::kNoGso) {
        mark_partial_checksum(frame);
        MbufNote& note = note_of(frame);
        note = {};
        note.checksum_start = header.checksum_start;
        note.checksum_offset = header.checksum_offset;
        note.gso = gso_of(header);
        note.gso_size = header.gso_size;
        const bool is_unknown = header.gso_type != VnetHeader::kNoGso && (!needs_checksum || note.gso == Gso::kNone);
        if (is_unknown || std::size_t{header.checksum_start} + header.checksum_offset + 2 > rte_pktmbuf_pkt_len(frame))
            note.checksum_start = kNowhere;
    } else if ((header.flags & VnetHeader::kDataValid) != 0) {
        frame->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    }
}

VnetHeader vnet_header_of(const rte_mbuf* frame) noexcept
{
    VnetHeader header{};
    if (!has_partial_checksum(frame))
        return header;
    const MbufNote& note = note_of(frame);
    header.flags = VnetHeader::kNeedsChecksum;
    header.checksum_start = note.checksum_start;
    header.checksum_offset = note.checksum_offset;
    if (note.gso == Gso::kNone)
        return header;
    header.gso_size = note.gso_size;
    if (note.gso == Gso::kUdp) {
        header.gso_type = VnetHeader::kGsoUdp;
        header.header_size = static_cast<std::uint16_t>(note.checksum_start + sizeof(UdpHeader));
        return header;
    }
    const auto& tcp = header_at<TcpHeader>(head_of(frame), note.checksum_start);
    header.gso_type = note.gso == Gso::kTcp4 ? VnetHeader::kGsoTcp4 : VnetHeader::kGsoTcp6;
    if ((tcp.flags & TcpHeader::kCwr) != 0)
        header.gso_type |= VnetHeader::kGsoEcn;
    header.header_size = static_cast<std::uint16_t>(note.checksum_start + tcp.size());
    return header;
}

} // namespace vx
