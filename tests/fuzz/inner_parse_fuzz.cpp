// SPDX-License-Identifier: BSD-3-Clause
// parse_inner(), skip_ipv6_extensions() and priority_tags_size() over any frame, and the changes that are made to inner
// headers in place: set_ecn() and decrement_ttl(). An input is three bytes and the frame: how many bytes of it lie
// beyond the head, the new ECN bits, and where the walk over extension headers begins.
#include "dataplane/net/ecn.h"
#include "dataplane/net/parse.h"
#include "tests/fuzz/target.h"

#include <algorithm>

namespace vx::fuzz
{

namespace
{

void check_extensions(Bytes head, std::size_t offset, std::uint8_t protocol)
{
    const Ipv6Payload payload = skip_ipv6_extensions(head, offset, protocol);
    require(payload.offset >= offset && payload.offset <= offset + std::size_t{4} * 256 * 8, "the walk is bounded");
    require((payload.offset - offset) % 8 == 0, "extension headers come in eights");
    if (payload.has_ports) {
        require(payload.offset + 4 <= head.size(), "ports lie in the head");
        require(begins_with_ports(payload.protocol), "ports are of a protocol that has them");
    }
}

void check_priority_tags(Bytes head)
{
    const std::size_t size = priority_tags_size(head);
    require(size % 4 == 0 && size <= 16, "a few tags are looked at");
    require(size + kL3 <= head.size(), "an EtherType is behind the tags");
}

bool is_same(const InnerFrame& a, const InnerFrame& b)
{
    return a.flow_hash == b.flow_hash && a.ether_type == b.ether_type && a.ecn == b.ecn && a.is_ip == b.is_ip;
}

bool is_checksum_right(const Ipv4Header& ip)
{
    return checksum_is_right(checksum_add(0, &ip, ip.size()));
}

// A wrong checksum has to stay wrong, so that the receiver still sees it.
void check_changes_v4(ExactCopy& frame, std::uint8_t ecn, const InnerFrame& before)
{
    auto& ip = *reinterpret_cast<Ipv4Header*>(frame.data() + kL3);
    if (kL3 + ip.size() > frame.view().size())
        return;
    const bool was_right = is_checksum_right(ip);
    const std::uint8_t tos = ip.tos;
    set_ecn(ip, ecn);
    require(ip.tos == ((tos & 0xfc) | ecn), "set_ecn changes the ECN bits only");
    require(is_checksum_right(ip) == was_right, "set_ecn keeps the checksum right or wrong");
    if (const std::uint8_t ttl = ip.ttl; ttl > 0) {
        decrement_ttl(ip);
        require(ip.ttl == ttl - 1, "decrement_ttl takes one");
        require(is_checksum_right(ip) == was_right, "decrement_ttl keeps the checksum right or wrong");
    }
    const InnerFrame after = parse_inner(frame.view());
    require(after.ecn == ecn && after.flow_hash == before.flow_hash,
            "the flow is the same after set_ecn, decrement_ttl");
}

void check_changes_v6(ExactCopy& frame, std::uint8_t ecn, const InnerFrame& before)
{
    auto& ip = *reinterpret_cast<Ipv6Header*>(frame.data() + kL3);
    const std::uint32_t word = ip.version_class_label.host();
    set_ecn(ip, ecn);
    require((ip.version_class_label.host() ^ word) >> 22 == 0 &&
                ((ip.version_class_label.host() ^ word) & 0xfffff) == 0,
            "set_ecn changes the ECN bits only");
    const InnerFrame after = parse_inner(frame.view());
    require(after.ecn == ecn && after.flow_hash == before.flow_hash, "the flow is the same after set_ecn");
}

} // namespace

void inner_parse(Input input)
{
    if (input.size() < 3)
        return;
    const std::uint8_t beyond = input[0], start = input[2];
    const auto ecn = static_cast<std::uint8_t>(input[1] & 3);
    const Input frame = input.subspan(3);
    ExactCopy head{frame.first(frame.size() - std::min<std::size_t>(beyond, frame.size()))};
    check_extensions(head.view(), std::min<std::size_t>(start, head.view().size()), input[1]);
    if (head.view().size() < kL3)
        return; // parse() drops it before

    check_priority_tags(head.view());
    const InnerFrame inner = parse_inner(head.view());
    require(inner.ether_type == header_at<EthernetHeader>(head.view(), 0).type.host(), "the EtherType is the frame's");
    const std::uint16_t port = source_port(inner.flow_hash);
    require(port >= kFirstEphemeralPort, "the source port is one of 49152-65535");
    // What lies elsewhere in memory, in an odd place, is the same frame.
    const ExactCopy longer{Input{input.data() + 2, head.view().size() + 1}};
    require(is_same(parse_inner(longer.view().subspan(1)), inner), "the same bytes give the same result");
    if (!inner.is_ip) {
        require(inner.ecn == 0, "only IP has ECN bits");
        return;
    }
    require(inner.ether_type == ether_type::kIpv4 || inner.ether_type == ether_type::kIpv6, "IP has IP's EtherType");
    if (inner.ether_type == ether_type::kIpv4)
        check_changes_v4(head, ecn, inner);
    else
        check_changes_v6(head, ecn, inner);
    for (std::uint8_t outer = 0; outer < 4; ++outer) {
        const EcnAction action = ecn_decapsulate(outer, inner.ecn);
        require((action == EcnAction::kDrop) == (outer == 3 && inner.ecn == 0), "only CE around not-ECT is dropped");
    }
}

} // namespace vx::fuzz
