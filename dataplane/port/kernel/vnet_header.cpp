// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/port/kernel/vnet_header.h"

namespace vx
{

namespace
{

Gso gso_of(const VnetHeader& header) noexcept
{
    constexpr unsigned kAdded = VnetHeader::kTunnelV4 | VnetHeader::kTunnelV6 | VnetHeader::kGsoEcn;
    switch (header.gso_type & ~kAdded) { // the TCP header says ECN too
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

// Of a GSO frame. A size that makes no sense is one that no outer headers have.
std::uint8_t outer_size_of(const VnetHeader& header) noexcept
{
    if ((header.gso_type & (VnetHeader::kTunnelV4 | VnetHeader::kTunnelV6)) == 0)
        return 0;
    const std::size_t size = header.inner_l3 - sizeof(EthernetHeader);
    return static_cast<std::uint8_t>(size <= 0xff ? size : 0xff);
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
        note.outer_size = outer_size_of(header);
        const bool is_unknown = header.gso_type != VnetHeader::kNoGso && (!needs_checksum || note.gso == Gso::kNone);
        if (is_unknown || std::size_t{header.checksum_start} + header.checksum_offset + 2 > rte_pktmbuf_pkt_len(frame))
            note.checksum_start = MbufNote::kNowhere;
    } else if ((header.flags & VnetHeader::kDataValid) != 0) {
        frame->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    }
}

namespace
{

void add_tunnel(VnetHeader& header, const rte_mbuf* frame) noexcept
{
    const std::size_t size = note_of(frame).outer_size;
    const std::size_t l4 = size - sizeof(VxlanHeader) - sizeof(UdpHeader);
    header.outer_l4 = static_cast<std::uint16_t>(l4);
    header.inner_l3 = static_cast<std::uint16_t>(size + sizeof(EthernetHeader));
    header.gso_type |= size == kOuterSizeV4 ? VnetHeader::kTunnelV4 : VnetHeader::kTunnelV6;
    if (header_at<UdpHeader>(head_of(frame), l4).checksum != Be16{0})
        header.flags |= VnetHeader::kTunnelChecksum;
}

} // namespace

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
    if (note.outer_size != 0)
        add_tunnel(header, frame);
    if (note.gso == Gso::kUdp) {
        header.gso_type |= VnetHeader::kGsoUdp;
        header.header_size = static_cast<std::uint16_t>(note.checksum_start + sizeof(UdpHeader));
        return header;
    }
    const auto& tcp = header_at<TcpHeader>(head_of(frame), note.checksum_start);
    header.gso_type |= note.gso == Gso::kTcp4 ? VnetHeader::kGsoTcp4 : VnetHeader::kGsoTcp6;
    if ((tcp.flags & TcpHeader::kCwr) != 0)
        header.gso_type |= VnetHeader::kGsoEcn;
    header.header_size = static_cast<std::uint16_t>(note.checksum_start + tcp.size());
    return header;
}

} // namespace vx
