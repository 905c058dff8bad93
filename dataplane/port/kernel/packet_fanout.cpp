// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/port/kernel/packet_fanout.h"

#include "dataplane/net/headers.h"
#include "dataplane/port/kernel/bpf_program.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace vx
{

namespace
{

// PACKET_FANOUT_FLAG_IGNORE_OUTGOING, which Debian 12's headers lack. Linux before 6.2 takes no notice of it, so that
// the sockets' filters have to refuse what goes out.
constexpr unsigned kIgnoreOutgoing = 0x4000;

// Places in a frame: what comes in begins with the network header here. SKF_NET_OFF says so of all frames, but before
// Linux 6.16 it reaches no further than the headers that the sender named, and a bundle's VNI may lie behind them.
constexpr std::uint32_t at(std::size_t offset)
{
    return static_cast<std::uint32_t>(offset);
}
constexpr std::uint32_t kPort = offsetof(UdpHeader, destination_port);
constexpr std::uint8_t kFragmentHeader = 44; // RFC 8200
constexpr std::uint32_t kVni = sizeof(UdpHeader) + offsetof(VxlanHeader, vni_reserved);

} // namespace

std::vector<sock_filter> PacketFanout::program(std::span<const std::uint16_t> udp_ports)
{
    BpfProgram program;
    const auto if_udp_port = [&] { // of those; else the first socket
        std::vector<BpfProgram::Place> found;
        for (const std::uint16_t port : udp_ports) {
            program.if_is(port);
            found.push_back(program.jump());
        }
        program.answer(0);
        program.land(found);
    };
    program.half(static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_PROTOCOL)); // behind a tag, of which nothing is asked
    program.if_not(ETH_P_IP);
    const auto not_v4 = program.jump();
    program.half(at(offsetof(Ipv4Header, fragment)));
    program.if_any(0x3fff); // more fragments, or behind others
    const auto fragment_v4 = program.jump();
    program.byte(at(offsetof(Ipv4Header, protocol)));
    program.if_not(ip_protocol::kUdp);
    program.answer(0);
    program.skip_ipv4_header(at(0));
    program.half_behind(at(kPort));
    if_udp_port();
    program.word_behind(at(kVni));
    const auto vni_v4 = program.jump();
    program.land(not_v4);
    program.if_not(ETH_P_IPV6);
    program.answer(0);
    program.byte(at(offsetof(Ipv6Header, next_header)));
    program.if_is(kFragmentHeader);
    const auto fragment_v6 = program.jump();
    program.if_not(ip_protocol::kUdp);
    program.answer(0);
    program.half(at(sizeof(Ipv6Header) + kPort));
    if_udp_port();
    program.word(at(sizeof(Ipv6Header) + kVni));
    program.land(vni_v4);
    program.calculate(BPF_RSH, 8); // the reserved byte
    const auto hash = program.jump();
    program.land(fragment_v4);
    program.word(at(offsetof(Ipv4Header, source)));
    const auto sender_v4 = program.jump();
    program.land(fragment_v6);
    program.word(at(offsetof(Ipv6Header, source) + 12));
    program.land(sender_v4);
    program.land(hash);
    program.calculate(BPF_MUL, 0x9e3779b1); // Fibonacci hashing, so that neighbours are not together
    program.calculate(BPF_RSH, 16);
    program.calculate(BPF_MOD, kSockets - 1);
    program.calculate(BPF_ADD, 1);
    program.answer();
    return program.take();
}

Result<> PacketFanout::join(int socket)
{
    const unsigned flags = PACKET_FANOUT_CBPF | kIgnoreOutgoing;
    int group = static_cast<int>((flags | (count_ == 0 ? unsigned{PACKET_FANOUT_FLAG_UNIQUEID} : 0U)) << 16 | id_);
    socklen_t size = sizeof(group);
    if (setsockopt(socket, SOL_PACKET, PACKET_FANOUT, &group, size) != 0 ||
        (count_ == 0 && getsockopt(socket, SOL_PACKET, PACKET_FANOUT, &group, &size) != 0))
        return error("{}", std::strerror(errno));
    id_ = static_cast<std::uint16_t>(group);
    ++count_;
    return Ok{};
}

Result<> PacketFanout::set_program(int socket, std::vector<sock_filter> program) const
{
    const sock_fprog code{static_cast<unsigned short>(program.size()), program.data()};
    if (setsockopt(socket, SOL_PACKET, PACKET_FANOUT_DATA, &code, sizeof(code)) != 0)
        return error("{}", std::strerror(errno));
    return Ok{};
}

} // namespace vx
