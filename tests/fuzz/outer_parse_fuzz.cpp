// SPDX-License-Identifier: BSD-3-Clause
// parse_outer() over any frame from the underlay. An input is three bytes and the frame: how many bytes of it lie
// beyond the head, how many fewer both are in the second try, and whether the IPv4 header checksum is made right (or
// hardly any input would get past it).
#include "dataplane/net/parse.h"
#include "tests/fuzz/target.h"

#include <algorithm>

namespace vx::fuzz
{

namespace
{

constexpr std::size_t kMaxFrame = 65535; // an mbuf chain's; offsets are 16 bits

void make_checksum_right(std::byte* frame, std::size_t size)
{
    if (size < kL3 + sizeof(Ipv4Header))
        return;
    auto& ip = *reinterpret_cast<Ipv4Header*>(frame + kL3);
    if (ip.size() < sizeof(Ipv4Header) || kL3 + ip.size() > size)
        return;
    ip.checksum = std::uint16_t{0};
    store(&ip.checksum, checksum_finish(checksum_add(0, &ip, ip.size())));
}

bool is_outer_reason(DropReason reason)
{
    switch (reason) {
    case DropReason::outer_truncated:
    case DropReason::outer_not_ip:
    case DropReason::outer_ip_malformed:
    case DropReason::outer_ip_checksum:
    case DropReason::outer_fragment:
    case DropReason::outer_udp_length:
        return true;
    default:
        return false;
    }
}

void check_udp(Bytes head, std::size_t frame_size, const OuterHeaders& outer)
{
    require(outer.protocol == ip_protocol::kUdp, "kUdp is UDP");
    require(outer.l4_offset + sizeof(UdpHeader) <= head.size(), "the UDP header lies in the head");
    require(outer.udp_length >= sizeof(UdpHeader), "a UDP length counts its header");
    require(std::size_t{outer.l4_offset} + outer.udp_length <= frame_size, "the UDP datagram lies in the frame");
    const auto& udp = header_at<UdpHeader>(head, outer.l4_offset);
    require(outer.destination_port == udp.destination_port.host(), "the port is the header's");
    require(outer.udp_length == udp.length.host(), "the length is the header's");
    require(outer.has_udp_checksum == (udp.checksum != Be16{0}), "a checksum of zero is none");
    require(outer.inner_offset() == outer.l4_offset + std::size_t{16}, "the inner frame is behind UDP and VXLAN");
    // What decap() reads next, where the frame is in one piece.
    if (head.size() == frame_size) {
        const std::uint64_t pseudo =
            outer.is_v6 ? pseudo_sum_v6(header_at<Ipv6Header>(head, kL3), ip_protocol::kUdp, outer.udp_length)
                        : pseudo_sum_v4(header_at<Ipv4Header>(head, kL3), ip_protocol::kUdp, outer.udp_length);
        const std::uint64_t sum = checksum_add(pseudo, head.data() + outer.l4_offset, outer.udp_length);
        require(checksum_is_right(sum) == (checksum_finish(sum) == 0), "a right checksum leaves nothing");
    }
}

void check_ip(Bytes head, const OuterHeaders& outer)
{
    require(outer.l4_offset <= head.size(), "the IP header lies in the head");
    const std::uint16_t type = header_at<EthernetHeader>(head, 0).type.host();
    require(type == (outer.is_v6 ? ether_type::kIpv6 : ether_type::kIpv4), "is_v6 is the EtherType's");
    if (outer.is_v6) {
        const auto& ip = header_at<Ipv6Header>(head, kL3);
        require(outer.l4_offset == kL3 + sizeof(Ipv6Header), "IPv6 has no options");
        require(outer.ecn == (ip.traffic_class() & 3) && outer.protocol == ip.next_header, "fields are IPv6's");
        return;
    }
    const auto& ip = header_at<Ipv4Header>(head, kL3);
    require(outer.l4_offset == kL3 + ip.size(), "IPv4 options are stepped over");
    require(outer.ecn == (ip.tos & 3) && outer.protocol == ip.protocol, "fields are IPv4's");
    require(checksum_is_right(checksum_add(0, &ip, ip.size())), "only right checksums pass");
    require(!ip.is_fragment(), "fragments do not pass");
}

void check(Bytes head, std::size_t frame_size, const OuterHeaders& outer)
{
    switch (outer.kind) {
    case OuterHeaders::Kind::kDrop:
        return require(is_outer_reason(outer.reason), "the reason is one of an outer header");
    case OuterHeaders::Kind::kArp:
        return require(header_at<EthernetHeader>(head, 0).type.host() == ether_type::kArp, "kArp is ARP");
    case OuterHeaders::Kind::kLocal:
        require(outer.protocol != ip_protocol::kUdp, "UDP is never kLocal");
        return check_ip(head, outer);
    case OuterHeaders::Kind::kUdp:
        check_ip(head, outer);
        return check_udp(head, frame_size, outer);
    }
}

bool is_same(const OuterHeaders& a, const OuterHeaders& b)
{
    return a.kind == b.kind && a.is_v6 == b.is_v6 && a.ecn == b.ecn && a.protocol == b.protocol &&
           a.l4_offset == b.l4_offset && a.destination_port == b.destination_port && a.udp_length == b.udp_length &&
           a.has_udp_checksum == b.has_udp_checksum && (a.kind != OuterHeaders::Kind::kDrop || a.reason == b.reason);
}

bool is_truncated(const OuterHeaders& outer)
{
    return outer.kind == OuterHeaders::Kind::kDrop && outer.reason == DropReason::outer_truncated;
}

} // namespace

void outer_parse(Input input)
{
    if (input.size() < 3 || input.size() > kMaxFrame)
        return;
    const std::uint8_t beyond = input[0], less = input[1];
    const bool fixes_checksum = (input[2] & 1) != 0;
    Input frame = input.subspan(3);
    ExactCopy whole{frame};
    if (fixes_checksum)
        make_checksum_right(whole.data(), frame.size());
    frame = {reinterpret_cast<const std::uint8_t*>(whole.data()), frame.size()};
    const std::size_t head_size = frame.size() - std::min<std::size_t>(beyond, frame.size());
    const ExactCopy head{frame.first(head_size)};
    const OuterHeaders outer = parse_outer(head.view(), frame.size());
    check(head.view(), frame.size(), outer);

    // Cutting off the end changes nothing, or is noticed.
    const ExactCopy shorter_head{frame.first(head_size - std::min<std::size_t>(less, head_size))};
    const OuterHeaders of_shorter_head = parse_outer(shorter_head.view(), frame.size());
    check(shorter_head.view(), frame.size(), of_shorter_head);
    require(is_same(of_shorter_head, outer) || is_truncated(of_shorter_head),
            "a shorter head is the same or truncated");
    const std::size_t shorter_size = std::max(frame.size() - std::min<std::size_t>(less, frame.size()), head_size);
    const OuterHeaders of_shorter_frame = parse_outer(head.view(), shorter_size);
    check(head.view(), shorter_size, of_shorter_frame);
    require(is_same(of_shorter_frame, outer) || is_truncated(of_shorter_frame),
            "a shorter frame is the same or truncated");
}

} // namespace vx::fuzz
