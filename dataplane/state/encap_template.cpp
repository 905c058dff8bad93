// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/state/encap_template.h"

#include <algorithm>

namespace vx
{

namespace
{

template <std::size_t kSize, typename Header>
void put(std::array<std::byte, kSize>& out, std::size_t offset, const Header& header)
{
    std::memcpy(out.data() + offset, &header, sizeof(header));
}

} // namespace

EncapTemplate::EncapTemplate(LinkId vxlan, const IpAddress& remote) : vxlan_(vxlan), remote_(remote)
{
    if (!remote.is_v4())
        return;
    put(header_, kEtherType, Be16{ether_type::kIpv4});
    std::memcpy(header_.data() + kRemoteV4, remote.bytes().data(), 4);
}

EncapTemplate EncapTemplate::build(LinkId vxlan, const Path& path, const Tunnel& tunnel)
{
    EncapTemplate made{vxlan, tunnel.remote};
    made.path_ = &path;
    made.udp_checksum_ = tunnel.remote.is_v6() || tunnel.udp_checksum == Tunnel::UdpChecksum::kComputed;
    const auto dscp = static_cast<std::uint8_t>(tunnel.tos & ~3U);
    const bool is_v4 = tunnel.remote.is_v4();
    made.longest_ = std::min<std::uint32_t>(sizeof(EthernetHeader) + tunnel.mtu, 0xffff - kIpOverhead);
    if (is_v4 && !made.udp_checksum_)
        made.plain_longest_ = made.longest_;
    if (made.udp_checksum_)
        made.summed_longest_ = std::min<std::uint32_t>(made.longest_, kManyBytes - 1);
    put(made.header_, kEtherType, Be16{is_v4 ? ether_type::kIpv4 : ether_type::kIpv6});

    std::size_t at = kIp;
    std::uint64_t udp_sum = 0;
    if (is_v4) {
        Ipv4Header ip{};
        ip.version_ihl = 0x45;
        ip.tos = dscp;
        ip.fragment = Ipv4Header::kDontFragment; // RFC 7348 section 4.3: a VTEP must not fragment
        ip.ttl = tunnel.ttl;
        ip.protocol = ip_protocol::kUdp;
        std::memcpy(&ip.source, tunnel.local.bytes().data(), 4);
        std::memcpy(&ip.destination, tunnel.remote.bytes().data(), 4);
        udp_sum = pseudo_sum_v4(ip, ip_protocol::kUdp, 0);
        put(made.header_, at, ip);
        put(made.header_, kIpChecksum, __builtin_bswap16(checksum_fold(checksum_add(0, &ip, sizeof(ip)))));
        at += sizeof(ip);
    } else {
        Ipv6Header ip{};
        ip.version_class_label = (6U << 28) | (std::uint32_t{dscp} << 20);
        ip.next_header = ip_protocol::kUdp;
        ip.hop_limit = tunnel.ttl;
        ip.source = tunnel.local.bytes();
        ip.destination = tunnel.remote.bytes();
        udp_sum = pseudo_sum_v6(ip, ip_protocol::kUdp, 0);
        put(made.header_, at, ip);
        at += sizeof(ip);
    }
    UdpHeader udp{};
    udp.destination_port = tunnel.destination_port;
    put(made.header_, at, udp);
    at += sizeof(udp);
    VxlanHeader header{};
    header.flags = VxlanHeader::kFlagI;
    header.vni_reserved = tunnel.vni.value() << 8;
    put(made.header_, at, header);
    at += sizeof(header);
    udp_sum = checksum_add(udp_sum, &udp, sizeof(udp));
    made.udp_sum_ = checksum_fold(checksum_add(udp_sum, &header, sizeof(header)));
    made.size_ = static_cast<std::uint8_t>(kMacs + at);
    return made;
}

} // namespace vx
