// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/port/kernel/underlay_filter.h"

#include "dataplane/net/headers.h"
#include "dataplane/port/kernel/bpf_program.h"

#include <linux/if_packet.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace vx
{

namespace
{

// Places in a frame. The kernel has taken out VLAN tags. A load behind the frame's end refuses it.
constexpr std::uint32_t kType = offsetof(EthernetHeader, type);
constexpr std::uint32_t kDestinationPort = offsetof(UdpHeader, destination_port);
constexpr std::uint32_t kQuote = 8; // in an ICMP error: the packet that it is about
constexpr std::uint32_t kL4v6 = kL3 + sizeof(Ipv6Header);

constexpr std::uint8_t kIcmpUnreachable = 3;  // RFC 792
constexpr std::uint8_t kIcmp6Unreachable = 1; // RFC 4443
constexpr std::uint8_t kIcmp6TooBig = 2;

std::uint32_t big_word(const std::byte* at)
{
    return load_big<std::uint32_t>(at);
}

// What the code behind the choice of an address needs to know of it.
struct Choice {
    std::span<const IpAddress> addresses;
    std::span<const IpAddress> kernels;

    bool is_shared(const IpAddress& address) const
    {
        return std::find(kernels.begin(), kernels.end(), address) != kernels.end();
    }
};

// Accepts what is sent to one of our own addresses, jumps with what is sent to a shared one, refuses the rest.
std::vector<BpfProgram::Place> choose(BpfProgram& program, const Choice& choice, Family family)
{
    std::vector<BpfProgram::Place> shared;
    const std::uint32_t words = family == Family::kIpv4 ? 1 : 4;
    const std::uint32_t at = static_cast<std::uint32_t>(
        kL3 + (family == Family::kIpv4 ? offsetof(Ipv4Header, destination) : offsetof(Ipv6Header, destination)));
    for (const IpAddress& address : choice.addresses) {
        if (address.family() != family)
            continue;
        for (std::uint32_t i = 0; i < words; ++i) {
            program.word(at + 4 * i);
            program.if_is(big_word(reinterpret_cast<const std::byte*>(address.bytes().data()) + std::size_t{4} * i),
                          static_cast<std::uint8_t>(2 * (words - i - 1) + 1)); // the next address
        }
        if (choice.is_shared(address))
            shared.push_back(program.jump());
        else
            program.accept();
    }
    program.refuse();
    return shared;
}

// To a shared address: VXLAN, and ICMP's errors about it. Fragments after the first do not say what they are of.
void shared_v4(BpfProgram& program, std::vector<BpfProgram::Place>& ports)
{
    program.half(kL3 + offsetof(Ipv4Header, fragment));
    program.if_any(0x1fff);
    program.refuse();
    program.skip_ipv4_header(kL3);
    program.byte(kL3 + offsetof(Ipv4Header, protocol));
    program.if_not(ip_protocol::kUdp);
    const BpfProgram::Place not_udp = program.jump();
    program.half_behind(kL3 + kDestinationPort);
    ports.push_back(program.jump());
    program.land(not_udp);
    program.if_not(ip_protocol::kIcmp);
    program.refuse();
    program.byte_behind(kL3);
    program.if_not(kIcmpUnreachable);
    program.refuse();
    program.byte_behind(kL3 + kQuote + offsetof(Ipv4Header, protocol));
    program.if_not(ip_protocol::kUdp);
    program.refuse();
    program.half_behind(kL3 + kQuote + sizeof(Ipv4Header) + kDestinationPort); // ours have no options
    ports.push_back(program.jump());
}

void shared_v6(BpfProgram& program, std::vector<BpfProgram::Place>& ports)
{
    program.byte(kL3 + offsetof(Ipv6Header, next_header));
    program.if_not(ip_protocol::kUdp);
    const BpfProgram::Place not_udp = program.jump();
    program.half(kL4v6 + kDestinationPort);
    ports.push_back(program.jump());
    program.land(not_udp);
    program.if_not(ip_protocol::kIcmp6);
    program.refuse();
    program.byte(kL4v6);
    program.if_is(IcmpHeader::kNeighborAdvertisement); // an answer to us, or to the kernel
    program.accept();
    program.if_is(kIcmp6Unreachable);
    const BpfProgram::Place unreachable = program.jump();
    program.if_not(kIcmp6TooBig);
    program.refuse();
    program.land(unreachable);
    program.byte(kL4v6 + kQuote + offsetof(Ipv6Header, next_header));
    program.if_not(ip_protocol::kUdp);
    program.refuse();
    program.half(kL4v6 + kQuote + sizeof(Ipv6Header) + kDestinationPort);
    ports.push_back(program.jump());
}

// A broadcast may be news of a neighbour's; an answer to the kernel is none to us.
void arp(BpfProgram& program, const Choice& choice)
{
    program.byte(offsetof(EthernetHeader, destination));
    program.if_any(1);
    program.accept();
    program.word(kL3 + offsetof(ArpPacket, target_ip));
    for (const IpAddress& address : choice.addresses)
        if (address.is_v4()) {
            program.if_is(address.v4_host());
            program.accept();
        }
    program.refuse();
}

void ipv6_groups(BpfProgram& program)
{
    program.byte(kL3 + offsetof(Ipv6Header, destination));
    program.if_is(0xff);
    const BpfProgram::Place group = program.jump();
    const BpfProgram::Place other = program.jump();
    program.land(group);
    program.byte(kL3 + offsetof(Ipv6Header, next_header));
    program.if_is(ip_protocol::kHopByHop);
    const BpfProgram::Place options = program.jump();
    program.if_not(ip_protocol::kIcmp6);
    program.refuse();
    program.byte(kL4v6);
    program.if_is(IcmpHeader::kNeighborSolicitation);
    program.accept();
    program.if_is(IcmpHeader::kNeighborAdvertisement);
    program.accept();
    const BpfProgram::Place plain = program.jump();
    program.land(options);
    program.byte(kL4v6);
    program.if_not(ip_protocol::kIcmp6);
    program.refuse();
    program.skip_options_v6(kL4v6);
    program.byte_behind(kL4v6 + 8);
    program.land(plain);
    program.if_is(IcmpHeader::kListenerQuery);
    program.accept();
    program.refuse();
    program.land(other);
}

// Sockets of a group hear what goes out on Linux before 6.2, whatever they say.
void refuse_outgoing(BpfProgram& program)
{
    program.byte(static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_PKTTYPE));
    program.if_is(PACKET_OUTGOING);
    program.refuse();
}

} // namespace

std::vector<sock_filter> incoming_filter()
{
    BpfProgram program;
    refuse_outgoing(program);
    program.accept();
    return program.take();
}

std::vector<sock_filter> underlay_filter(const ServedTraffic& served, std::span<const IpAddress> kernels)
{
    const Choice choice{served.addresses, kernels};
    BpfProgram program;
    std::vector<BpfProgram::Place> ports;
    refuse_outgoing(program);
    program.half(kType);
    program.if_not(ether_type::kArp);
    const BpfProgram::Place not_arp = program.jump();
    arp(program, choice);
    program.land(not_arp);
    program.if_not(ether_type::kIpv4);
    const BpfProgram::Place not_v4 = program.jump();
    const auto v4 = choose(program, choice, Family::kIpv4);
    program.land(v4);
    if (!v4.empty())
        shared_v4(program, ports);
    program.land(not_v4);
    program.if_not(ether_type::kIpv6);
    program.refuse();
    ipv6_groups(program);
    const auto v6 = choose(program, choice, Family::kIpv6);
    program.land(v6);
    if (!v6.empty())
        shared_v6(program, ports);
    program.land(ports);
    for (const std::uint16_t port : served.udp_ports) {
        program.if_is(port);
        program.accept();
    }
    program.refuse();
    return program.size() <= BPF_MAXINSNS ? program.take() : incoming_filter(); // hundreds of addresses
}

} // namespace vx
