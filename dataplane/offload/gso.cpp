// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/offload/gso.h"

#include <cstring>

namespace vx
{

namespace
{

// 64 KiB in segments of the smallest payload that Linux's TCP sends with timestamps: TCP_MIN_SND_MSS without their 12
// bytes. More is somebody who wants to keep us busy.
constexpr std::size_t kMaxSegmentCount = 65536 / (48 - 12);
constexpr std::size_t kMaxDatagramCount = 128;  // Linux's UDP_MAX_SEGMENTS
constexpr std::uint16_t kReservedSize = 0xffff; // Linux's GSO_BY_FRAGS, which it takes from nobody

struct Ip {
    std::size_t l3 = 0; // 0: it is none
    bool is_v4 = false;
};

// Behind any VLAN tags.
Ip find_ip(Bytes head, std::size_t ethernet) noexcept
{
    std::size_t at = ethernet + offsetof(EthernetHeader, type);
    for (int tags = 0; tags <= 2 && at + 2 + sizeof(Ipv4Header) <= head.size(); ++tags, at += 4) {
        const std::uint16_t type = header_at<Be16>(head, at).host();
        if (type == ether_type::kIpv4 || type == ether_type::kIpv6)
            return {at + 2, type == ether_type::kIpv4};
        if (type != ether_type::kVlan && type != ether_type::kServiceVlan)
            break;
    }
    return {};
}

// Precondition: the header up to the upper layer, which begins at `l4`, may be read.
bool is_sound_v4(Bytes head, std::size_t l3, std::size_t l4, std::uint8_t protocol, std::size_t frame_size) noexcept
{
    const auto& ip = header_at<Ipv4Header>(head, l3);
    return ip.has_sound_version_and_size() && l3 + ip.size() == l4 && ip.protocol == protocol && !ip.is_fragment() &&
           l3 + ip.total_length.host() == frame_size;
}

bool is_sound_v6(Bytes head, std::size_t l3, std::size_t l4, std::uint8_t protocol, std::size_t frame_size) noexcept
{
    if (l3 + sizeof(Ipv6Header) > head.size())
        return false;
    const auto& ip = header_at<Ipv6Header>(head, l3);
    const Ipv6Payload payload = skip_ipv6_extensions(head, l3 + sizeof(Ipv6Header), ip.next_header);
    return ip.version() == 6 && payload.offset == l4 && payload.protocol == protocol &&
           l3 + sizeof(Ipv6Header) + ip.payload_length.host() == frame_size;
}

// A 16-bit word as it lies in memory, for sums; and what takes it out of one.
std::uint64_t word(Be16 value) noexcept
{
    return std::bit_cast<std::uint16_t>(value);
}
std::uint64_t minus(Be16 value) noexcept
{
    return static_cast<std::uint16_t>(~std::bit_cast<std::uint16_t>(value));
}

Be16 be16(std::size_t value) noexcept
{
    return Be16{static_cast<std::uint16_t>(value)};
}

template <typename Header>
Header& header_in(std::byte* headers, std::size_t offset) noexcept
{
    return *reinterpret_cast<Header*>(headers + offset);
}

} // namespace

bool gso_is_sound(const rte_mbuf* frame) noexcept
{
    const MbufNote& note = note_of(frame);
    const Bytes head = head_of(frame);
    const std::size_t l4 = note.checksum_start;
    const bool is_udp = note.gso == Gso::kUdp;
    const Ip ip = find_ip(head, 0);
    if (note.outer_size != 0 || ip.l3 == 0 || note.gso_size == 0 || note.gso_size == kReservedSize ||
        (!is_udp && note.gso != (ip.is_v4 ? Gso::kTcp4 : Gso::kTcp6)))
        return false;
    if (l4 + (is_udp ? sizeof(UdpHeader) : sizeof(TcpHeader)) > head.size() ||
        note.checksum_offset != (is_udp ? offsetof(UdpHeader, checksum) : offsetof(TcpHeader, checksum)))
        return false;
    const std::size_t headers_size = gso_header_size(frame);
    const std::size_t frame_size = rte_pktmbuf_pkt_len(frame);
    if (headers_size > std::min(head.size(), kMaxGsoHeaders) || headers_size >= frame_size ||
        (!is_udp && header_at<TcpHeader>(head, l4).size() < sizeof(TcpHeader)) ||
        (frame_size - headers_size - 1) / note.gso_size >= (is_udp ? kMaxDatagramCount : kMaxSegmentCount))
        return false;
    const std::uint8_t protocol = is_udp ? ip_protocol::kUdp : ip_protocol::kTcp;
    return (ip.is_v4 ? is_sound_v4 : is_sound_v6)(head, ip.l3, l4, protocol, frame_size);
}

bool make_outer_whole(rte_mbuf* frame) noexcept
{
    const std::size_t outer_size = note_of(frame).outer_size;
    const std::size_t l4 = outer_size - sizeof(VxlanHeader) - sizeof(UdpHeader);
    const std::size_t size = rte_pktmbuf_pkt_len(frame);
    if (size - sizeof(EthernetHeader) > 0xffff)
        return false;
    std::byte* const headers = data_of(frame);
    auto& udp = header_in<UdpHeader>(headers, l4);
    udp.length = be16(size - l4);
    std::uint64_t pseudo_sum = 0;
    if (outer_size == kOuterSizeV4) {
        auto& ip = header_in<Ipv4Header>(headers, sizeof(EthernetHeader));
        const std::uint64_t rest = minus(ip.checksum) + minus(ip.total_length);
        ip.total_length = be16(size - sizeof(EthernetHeader));
        store(&ip.checksum, checksum_finish(rest + word(ip.total_length)));
        pseudo_sum = pseudo_sum_v4(ip, ip_protocol::kUdp, udp.length.host());
    } else {
        auto& ip = header_in<Ipv6Header>(headers, sizeof(EthernetHeader));
        ip.payload_length = udp.length;
        pseudo_sum = pseudo_sum_v6(ip, ip_protocol::kUdp, udp.length.host());
    }
    if (udp.checksum != Be16{0})
        store(&udp.checksum, checksum_fold(pseudo_sum));
    return true;
}

// ---- cutting ---------------------------------------------------------------------------------------------------

Segmenter::Segmenter(const rte_mbuf* frame) noexcept
    : headers_(head_of(frame).data()), headers_size_(gso_header_size(frame)), outer_size_(note_of(frame).outer_size),
      l4_(note_of(frame).checksum_start), checksum_at_(l4_ + note_of(frame).checksum_offset), gso_(note_of(frame).gso),
      size_(gso_segment_size(frame) - headers_size_), left_(rte_pktmbuf_pkt_len(frame) - headers_size_), piece_(frame),
      at_(headers_size_)
{
    const Bytes head{headers_, headers_size_};
    const Ip ip = find_ip(head, outer_size_);
    l3_ = ip.l3;
    is_v4_ = ip.is_v4;
    const Be16 l4_size = be16(rte_pktmbuf_pkt_len(frame) - l4_);
    l4_sum_ = word(header_at<Be16>(head, checksum_at_)) + minus(l4_size);
    head_sum_ = checksum_add(0, headers_ + outer_size_, l4_ - outer_size_);
    if (is_v4_) {
        const auto& header = header_at<Ipv4Header>(head, l3_);
        ip_sum_ = minus(header.checksum) + minus(header.total_length) + minus(header.id);
    } else {
        head_sum_ = checksum_carry(head_sum_, minus(l4_size));
    }
}

rte_mbuf* Segmenter::next(rte_mempool* pool) noexcept
{
    rte_mbuf* segment = rte_pktmbuf_alloc(pool);
    if (segment == nullptr)
        return nullptr;
    std::byte* const headers = data_of(segment);
    std::memcpy(headers, headers_, headers_size_);
    segment->data_len = static_cast<std::uint16_t>(headers_size_);
    segment->pkt_len = static_cast<std::uint32_t>(headers_size_);
    const std::size_t size = std::min(left_, size_);
    const std::uint64_t payload_sum = copy_payload(segment, size, pool);
    if (rte_pktmbuf_pkt_len(segment) != headers_size_ + size) {
        rte_pktmbuf_free(segment);
        return nullptr;
    }
    left_ -= size;
    const Be16 l4_size = be16(headers_size_ - l4_ + size);
    finish_ip(headers, l4_size);
    const std::uint64_t pseudo_sum = finish_l4(headers, l4_size, payload_sum);
    if (outer_size_ != 0)
        finish_outer(headers, size_ - size, l4_size, ~pseudo_sum & 0xffff);
    ++index_;
    return segment;
}

// Appends to `segment`, by more buffers where one does not hold all; less than `size` if there are none.
std::uint64_t Segmenter::copy_payload(rte_mbuf* segment, std::size_t size, rte_mempool* pool) noexcept
{
    rte_mbuf* last = segment;
    std::uint64_t sum = 0;
    bool is_odd = false; // whether the next byte is in the other half of a 16-bit word
    while (size > 0) {
        for (; at_ == rte_pktmbuf_data_len(piece_); piece_ = piece_->next)
            at_ = 0;
        if (rte_pktmbuf_tailroom(last) == 0) {
            last->next = rte_pktmbuf_alloc(pool);
            if (last->next == nullptr)
                return sum;
            last = last->next;
            ++segment->nb_segs;
        }
        const std::size_t part =
            std::min({size, rte_pktmbuf_data_len(piece_) - at_, std::size_t{rte_pktmbuf_tailroom(last)}});
        const std::uint64_t part_sum = checksum_copy(data_of(last) + rte_pktmbuf_data_len(last),
                                                     rte_pktmbuf_mtod_offset(piece_, const std::byte*, at_), part);
        sum = checksum_carry(sum, is_odd ? __builtin_bswap16(checksum_fold(part_sum)) : part_sum);
        is_odd = is_odd != ((part & 1) != 0);
        last->data_len = static_cast<std::uint16_t>(last->data_len + part);
        segment->pkt_len += static_cast<std::uint32_t>(part);
        at_ += part;
        size -= part;
    }
    return sum;
}

// Length, and for IPv4 ID and checksum, by what they differ from the frame's (RFC 1624 equation 3).
void Segmenter::finish_ip(std::byte* headers, Be16 l4_size) const noexcept
{
    if (is_v4_) {
        auto& ip = header_in<Ipv4Header>(headers, l3_);
        ip.total_length = be16(l4_ - l3_ + l4_size.host());
        ip.id = be16(ip.id.host() + std::size_t{index_});
        store(&ip.checksum, checksum_finish(ip_sum_ + word(ip.total_length) + word(ip.id)));
    } else {
        header_in<Ipv6Header>(headers, l3_).payload_length = be16(l4_ - l3_ - sizeof(Ipv6Header) + l4_size.host());
    }
}

// Returns the sum of the pseudo header, folded.
std::uint64_t Segmenter::finish_l4(std::byte* headers, Be16 l4_size, std::uint64_t payload_sum) const noexcept
{
    if (gso_ == Gso::kUdp) {
        header_in<UdpHeader>(headers, l4_).length = l4_size;
    } else {
        auto& tcp = header_in<TcpHeader>(headers, l4_);
        tcp.sequence = static_cast<std::uint32_t>(tcp.sequence.host() + index_ * size_);
        if (left_ != 0)
            tcp.flags &= static_cast<std::uint8_t>(~(TcpHeader::kFin | TcpHeader::kPsh));
        if (index_ != 0)
            tcp.flags &= static_cast<std::uint8_t>(~TcpHeader::kCwr);
    }
    const std::uint16_t pseudo_sum = checksum_fold(l4_sum_ + word(l4_size));
    store(headers + checksum_at_, pseudo_sum);
    const std::uint64_t sum = checksum_add(payload_sum, headers + l4_, headers_size_ - l4_);
    store(headers + checksum_at_, checksum_finish_udp(sum));
    return pseudo_sum;
}

// The outer headers are right for the payload's full size, of which so much is missing. Of the UDP checksum, the sum of
// pseudo header, UDP and VXLAN header is there. What it covers inside has a sum that is known without another pass:
// L4 with a right checksum amounts to the complement of its pseudo header.
void Segmenter::finish_outer(std::byte* headers, std::size_t missing, Be16 l4_size,
                             std::uint64_t inner_l4_sum) const noexcept
{
    std::byte* const l4 = headers + outer_size_ - sizeof(VxlanHeader) - sizeof(UdpHeader);
    auto& udp = *reinterpret_cast<UdpHeader*>(l4);
    const Be16 full_length = udp.length;
    const Be16 length = be16(full_length.host() - missing);
    udp.length = length;
    if (outer_size_ == kOuterSizeV4) {
        auto& ip = header_in<Ipv4Header>(headers, sizeof(EthernetHeader));
        const std::uint64_t rest = minus(ip.checksum) + minus(ip.total_length);
        ip.total_length = be16(ip.total_length.host() - missing);
        store(&ip.checksum, checksum_finish(rest + word(ip.total_length)));
    } else {
        header_in<Ipv6Header>(headers, sizeof(EthernetHeader)).payload_length = length;
    }
    if (udp.checksum == Be16{0})
        return;
    // The length is summed twice, in UDP and pseudo header.
    const std::uint64_t outer_sum = minus(udp.checksum) + 2 * minus(full_length) + 2 * word(length);
    const std::uint64_t inner_sum = checksum_carry(head_sum_, is_v4_ ? 0 : word(l4_size));
    store(&udp.checksum, checksum_finish_udp(checksum_carry(outer_sum + inner_l4_sum, inner_sum)));
}

} // namespace vx
