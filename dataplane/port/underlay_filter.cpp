// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/port/underlay_filter.h"

#include "dataplane/net/headers.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace vx
{

namespace
{

// Places in a frame. The kernel has taken out VLAN tags. A load behind the frame's end refuses it.
constexpr std::uint32_t kL3 = sizeof(EthernetHeader);
constexpr std::uint32_t kType = offsetof(EthernetHeader, type);
constexpr std::uint32_t kPort = offsetof(UdpHeader, destination_port);
constexpr std::uint32_t kQuote = 8; // in an ICMP error: the packet that it is about
constexpr std::uint32_t kL4v6 = kL3 + sizeof(Ipv6Header);

constexpr std::uint8_t kIcmpUnreachable = 3;  // RFC 792
constexpr std::uint8_t kIcmp6Unreachable = 1; // RFC 4443
constexpr std::uint8_t kIcmp6TooBig = 2;

class Program
{
public:
    void byte(std::uint32_t at) { add(BPF_LD | BPF_B | BPF_ABS, at); }
    void half(std::uint32_t at) { add(BPF_LD | BPF_H | BPF_ABS, at); }
    void word(std::uint32_t at) { add(BPF_LD | BPF_W | BPF_ABS, at); }
    void skip_ipv4_header() { add(BPF_LDX | BPF_B | BPF_MSH, kL3); } // for the next two
    void skip_options_v6() // the same, with a hop-by-hop header in place of it; that has to be there beside
    {
        byte(kL4v6 + 1); // in units of 8 bytes, the first not counted
        add(BPF_ALU | BPF_LSH | BPF_K, 3);
        add(BPF_MISC | BPF_TAX, 0);
    }
    void byte_behind(std::uint32_t at) { add(BPF_LD | BPF_B | BPF_IND, at); }
    void half_behind(std::uint32_t at) { add(BPF_LD | BPF_H | BPF_IND, at); }
    void accept() { add(BPF_RET | BPF_K, 0xffffffff); }
    void refuse() { add(BPF_RET | BPF_K, 0); }
    // The next instruction is for what was loaded if it is the value, or is not, or has one of the bits.
    void if_is(std::uint32_t value, std::uint8_t otherwise = 1) { add(BPF_JMP | BPF_JEQ | BPF_K, value, 0, otherwise); }
    void if_not(std::uint32_t value) { add(BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0); }
    void if_any(std::uint32_t bits) { add(BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1); }

    using Place = std::size_t;
    // Leaves a jump, which lands where land() is called.
    Place jump()
    {
        add(BPF_JMP | BPF_JA, 0);
        return code_.size() - 1;
    }
    void land(Place jump) { code_[jump].k = static_cast<std::uint32_t>(code_.size() - jump - 1); }
    void land(std::span<const Place> jumps)
    {
        for (const Place jump : jumps)
            land(jump);
    }
    std::size_t size() const { return code_.size(); }
    std::vector<sock_filter> take() { return std::move(code_); }

private:
    void add(int code, std::uint32_t value, std::uint8_t if_true = 0, std::uint8_t if_false = 0)
    {
        code_.push_back({static_cast<std::uint16_t>(code), if_true, if_false, value});
    }
    std::vector<sock_filter> code_;
};

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
std::vector<Program::Place> choose(Program& program, const Choice& choice, Family family)
{
    std::vector<Program::Place> shared;
    const std::uint32_t words = family == Family::kIpv4 ? 1 : 4;
    const std::uint32_t at =
        kL3 + static_cast<std::uint32_t>(family == Family::kIpv4 ? offsetof(Ipv4Header, destination)
                                                                 : offsetof(Ipv6Header, destination));
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
void shared_v4(Program& program, std::vector<Program::Place>& ports)
{
    program.half(kL3 + offsetof(Ipv4Header, fragment));
    program.if_any(0x1fff);
    program.refuse();
    program.skip_ipv4_header();
    program.byte(kL3 + offsetof(Ipv4Header, protocol));
    program.if_not(ip_protocol::kUdp);
    const Program::Place not_udp = program.jump();
    program.half_behind(kL3 + kPort);
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
    program.half_behind(kL3 + kQuote + sizeof(Ipv4Header) + kPort); // ours have no options
    ports.push_back(program.jump());
}

void shared_v6(Program& program, std::vector<Program::Place>& ports)
{
    program.byte(kL3 + offsetof(Ipv6Header, next_header));
    program.if_not(ip_protocol::kUdp);
    const Program::Place not_udp = program.jump();
    program.half(kL4v6 + kPort);
    ports.push_back(program.jump());
    program.land(not_udp);
    program.if_not(ip_protocol::kIcmp6);
    program.refuse();
    program.byte(kL4v6);
    program.if_is(IcmpHeader::kNeighborAdvertisement); // an answer to us, or to the kernel
    program.accept();
    program.if_is(kIcmp6Unreachable);
    const Program::Place unreachable = program.jump();
    program.if_not(kIcmp6TooBig);
    program.refuse();
    program.land(unreachable);
    program.byte(kL4v6 + kQuote + offsetof(Ipv6Header, next_header));
    program.if_not(ip_protocol::kUdp);
    program.refuse();
    program.half(kL4v6 + kQuote + sizeof(Ipv6Header) + kPort);
    ports.push_back(program.jump());
}

// A broadcast may be news of a neighbour's; an answer to the kernel is none to us.
void arp(Program& program, const Choice& choice)
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

void ipv6_groups(Program& program)
{
    program.byte(kL3 + offsetof(Ipv6Header, destination));
    program.if_is(0xff);
    const Program::Place group = program.jump();
    const Program::Place other = program.jump();
    program.land(group);
    program.byte(kL3 + offsetof(Ipv6Header, next_header));
    program.if_is(ip_protocol::kHopByHop);
    const Program::Place options = program.jump();
    program.if_not(ip_protocol::kIcmp6);
    program.refuse();
    program.byte(kL4v6);
    program.if_is(IcmpHeader::kNeighborSolicitation);
    program.accept();
    program.if_is(IcmpHeader::kNeighborAdvertisement);
    program.accept();
    const Program::Place plain = program.jump();
    program.land(options);
    program.byte(kL4v6);
    program.if_not(ip_protocol::kIcmp6);
    program.refuse();
    program.skip_options_v6();
    program.byte_behind(kL4v6 + 8);
    program.land(plain);
    program.if_is(IcmpHeader::kListenerQuery);
    program.accept();
    program.refuse();
    program.land(other);
}

std::vector<sock_filter> accept_all()
{
    Program program;
    program.accept();
    return program.take();
}

} // namespace

std::vector<sock_filter> underlay_filter(const ServedTraffic& served, std::span<const IpAddress> kernels)
{
    const Choice choice{served.addresses, kernels};
    Program program;
    std::vector<Program::Place> ports;
    program.half(kType);
    program.if_not(ether_type::kArp);
    const Program::Place not_arp = program.jump();
    arp(program, choice);
    program.land(not_arp);
    program.if_not(ether_type::kIpv4);
    const Program::Place not_v4 = program.jump();
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
    return program.size() <= BPF_MAXINSNS ? program.take() : accept_all(); // hundreds of addresses
}

} // namespace vx
