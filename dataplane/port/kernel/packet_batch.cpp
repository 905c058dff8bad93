// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/port/kernel/packet_batch.h"

#include "dataplane/net/checksum.h"
#include "dataplane/port/kernel/packet_ring.h"

#include <cstring>

namespace vx
{

namespace
{

constexpr std::size_t kHeaderV4 = kL3 + sizeof(Ipv4Header) + sizeof(UdpHeader);
constexpr std::size_t kHeaderV6 = kL3 + sizeof(Ipv6Header) + sizeof(UdpHeader);
constexpr std::size_t kMaxPayload = 0xffff - sizeof(Ipv4Header) - sizeof(UdpHeader); // of all datagrams together

bool is_alike(const std::byte* one, const std::byte* other, std::size_t from, std::size_t to) noexcept
{
    return std::memcmp(one + from, other + from, to - from) == 0;
}

// Size of the headers in front of the payload of a datagram that might be one of many; 0 if it is none, or has options,
// is a fragment, is not complete or not as long as it says.
std::size_t datagram_header_size(const rte_mbuf* frame) noexcept
{
    const Bytes head = head_of(frame);
    if (head.size() <= kHeaderV6 || has_partial_checksum(frame))
        return 0;
    const Be16 type = header_at<EthernetHeader>(head, 0).type;
    const std::size_t size = rte_pktmbuf_pkt_len(frame);
    if (type == Be16{ether_type::kIpv4}) {
        const auto& ip = header_at<Ipv4Header>(head, kL3);
        const auto& udp = header_at<UdpHeader>(head, kHeaderV4 - sizeof(UdpHeader));
        return ip.version_ihl == 0x45 && ip.protocol == ip_protocol::kUdp && !ip.is_fragment() &&
                       kL3 + ip.total_length.host() == size &&
                       udp.length.host() == ip.total_length.host() - sizeof(Ipv4Header)
                   ? kHeaderV4
                   : 0;
    }
    if (type == Be16{ether_type::kIpv6}) {
        const auto& ip = header_at<Ipv6Header>(head, kL3);
        const auto& udp = header_at<UdpHeader>(head, kHeaderV6 - sizeof(UdpHeader));
        return ip.version() == 6 && ip.next_header == ip_protocol::kUdp &&
                       kL3 + sizeof(Ipv6Header) + ip.payload_length.host() == size && udp.length == ip.payload_length
                   ? kHeaderV6
                   : 0;
    }
    return 0;
}

// Whether two datagrams, both with headers of this size, differ in lengths, ID and checksums alone.
bool is_one_flow(const rte_mbuf* one, const rte_mbuf* other, std::size_t header_size) noexcept
{
    const std::byte* const a = head_of(one).data();
    const std::byte* const b = head_of(other).data();
    if (header_size == kHeaderV4)
        return is_alike(a, b, 0, kL3 + offsetof(Ipv4Header, total_length)) &&
               is_alike(a, b, kL3 + offsetof(Ipv4Header, fragment), kL3 + offsetof(Ipv4Header, checksum)) &&
               is_alike(a, b, kL3 + offsetof(Ipv4Header, source), kHeaderV4 - sizeof(UdpHeader) + 4);
    return is_alike(a, b, 0, kL3 + offsetof(Ipv6Header, payload_length)) &&
           is_alike(a, b, kL3 + offsetof(Ipv6Header, next_header), kHeaderV6 - sizeof(UdpHeader) + 4);
}

// Makes the headers of a datagram those of a larger one, with this payload and a partial checksum.
void set_payload_size(std::byte* headers, std::size_t header_size, std::size_t payload) noexcept
{
    auto& udp = *reinterpret_cast<UdpHeader*>(headers + header_size - sizeof(UdpHeader));
    udp.length = Be16{static_cast<std::uint16_t>(sizeof(UdpHeader) + payload)};
    if (header_size == kHeaderV4) {
        auto& ip = *reinterpret_cast<Ipv4Header*>(headers + kL3);
        ip.total_length = Be16{static_cast<std::uint16_t>(sizeof(Ipv4Header) + sizeof(UdpHeader) + payload)};
        ip.checksum = Be16{0};
        store(&ip.checksum, checksum_finish(checksum_add(0, &ip, sizeof(ip))));
        store(&udp.checksum, checksum_fold(pseudo_sum_v4(ip, ip_protocol::kUdp, udp.length.host())));
    } else {
        auto& ip = *reinterpret_cast<Ipv6Header*>(headers + kL3);
        ip.payload_length = udp.length;
        store(&udp.checksum, checksum_fold(pseudo_sum_v6(ip, ip_protocol::kUdp, udp.length.host())));
    }
}

} // namespace

void PacketBatch::fill(std::span<rte_mbuf* const> frames) noexcept
{
    while (!frames.empty() && count_ < kMaxMessages) {
        const std::size_t room = kMaxPieces - piece_count_;
        if (1U + frames[0]->nb_segs > room)
            return;
        const std::size_t header_size = max_frame_ == 0 ? 0 : datagram_header_size(frames[0]);
        const std::size_t size = header_size == 0 ? 1 : bundle_size(frames, header_size);
        if (size == 1)
            add_frame(frames[0]);
        else
            add_bundle(frames.first(size), header_size);
        frames = frames.subspan(size);
    }
}

std::size_t PacketBatch::frames_before(std::size_t message_count) const noexcept
{
    std::size_t frames = 0;
    for (std::size_t i = 0; i < message_count; ++i)
        frames += headers_[i].frame_count;
    return frames;
}

// How many of the frames one may stand for: of one flow, and of one size but for the last.
std::size_t PacketBatch::bundle_size(std::span<rte_mbuf* const> frames, std::size_t header_size) const noexcept
{
    const std::size_t first_size = rte_pktmbuf_pkt_len(frames[0]);
    if (first_size > max_frame_)
        return 1;
    std::size_t payload = first_size - header_size;
    std::size_t pieces = piece_count_ + 2 + frames[0]->nb_segs;
    std::size_t count = 1;
    for (std::size_t last_size = first_size; count < frames.size() && last_size == first_size; ++count) {
        const rte_mbuf* const frame = frames[count];
        last_size = rte_pktmbuf_pkt_len(frame);
        pieces += frame->nb_segs;
        payload += last_size - header_size;
        if (last_size > first_size || pieces > kMaxPieces || payload > kMaxPayload ||
            datagram_header_size(frame) != header_size || !is_one_flow(frames[0], frame, header_size))
            break;
    }
    return count;
}

void PacketBatch::add_frame(rte_mbuf* frame) noexcept
{
    Header& header = headers_[count_];
    header.vnet = vnet_header_of(frame);
    header.frame_count = 1;
    begin_message(header);
    add_pieces(frame, 0);
    end_message();
}

void PacketBatch::add_bundle(std::span<rte_mbuf* const> frames, std::size_t header_size) noexcept
{
    const std::size_t l4 = header_size - sizeof(UdpHeader);
    Header& header = headers_[count_];
    header.frame_count = frames.size();
    header.vnet = {};
    header.vnet.flags = VnetHeader::kNeedsChecksum;
    header.vnet.gso_type = VnetHeader::kGsoUdp;
    header.vnet.header_size = static_cast<std::uint16_t>(header_size);
    header.vnet.gso_size = static_cast<std::uint16_t>(rte_pktmbuf_pkt_len(frames[0]) - header_size);
    header.vnet.checksum_start = static_cast<std::uint16_t>(l4);
    header.vnet.checksum_offset = offsetof(UdpHeader, checksum);
    std::memcpy(header.datagram.data(), head_of(frames[0]).data(), header_size);
    begin_message(header);
    add_piece(header.datagram.data(), header_size);
    std::size_t payload = 0;
    for (rte_mbuf* const frame : frames) {
        payload += rte_pktmbuf_pkt_len(frame) - header_size;
        add_pieces(frame, header_size);
    }
    set_payload_size(header.datagram.data(), header_size, payload);
    end_message();
}

void PacketBatch::begin_message(Header& header) noexcept
{
    messages_[count_] = {};
    messages_[count_].msg_hdr.msg_iov = &pieces_[piece_count_];
    add_piece(&header.vnet, PacketRing::kVnetHeaderSize);
}

void PacketBatch::add_pieces(rte_mbuf* frame, std::size_t offset) noexcept
{
    for (rte_mbuf* segment = frame; segment != nullptr; segment = segment->next, offset = 0)
        add_piece(rte_pktmbuf_mtod_offset(segment, void*, offset), rte_pktmbuf_data_len(segment) - offset);
}

void PacketBatch::end_message() noexcept
{
    msghdr& message = messages_[count_].msg_hdr;
    message.msg_iovlen = static_cast<std::size_t>(&pieces_[piece_count_] - message.msg_iov);
    ++count_;
}

} // namespace vx
