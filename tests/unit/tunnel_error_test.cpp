// SPDX-License-Identifier: BSD-3-Clause
// HostStack: what ICMP says of our tunnels' packets. It is counted under a name and logged, and nobody is answered.
#include "control/base/log.h"
#include "tests/unit/host_stack_lab.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>
#include <unistd.h>

using namespace vx;
using namespace vx::test;

namespace
{

class TunnelLab : public HostStackLab
{
public:
    TunnelLab()
    {
        for (const auto& [id, local] : {std::pair{kVxlan, "192.0.2.1"}, std::pair{kMember, "2001:db8:1::1"}}) {
            Link link = *model.find(id);
            link.vxlan()->local = ip(local);
            link.vxlan()->vni = *Vni::from(id.value);
            link.vxlan()->udp_port = 4789;
            model.put(link);
        }
    }
    std::optional<DropReason> receive_error(const Octets& frame)
    {
        return receive(kUplink, PuntReason::kUnderlay, frame);
    }
};

Octets udp_packet4(const char* source, const char* destination, std::uint16_t port, std::uint8_t protocol = 17)
{
    Octets packet(sizeof(Ipv4Header) + sizeof(UdpHeader));
    auto& header = *reinterpret_cast<Ipv4Header*>(packet.data());
    header.version_ihl = 0x45;
    header.total_length = 1500;
    header.fragment = Ipv4Header::kDontFragment;
    header.ttl = 64;
    header.protocol = protocol;
    std::memcpy(&header.source, ip(source).bytes().data(), 4);
    std::memcpy(&header.destination, ip(destination).bytes().data(), 4);
    reinterpret_cast<UdpHeader*>(packet.data() + sizeof(Ipv4Header))->destination_port = port;
    return packet;
}

Octets error4(std::uint8_t type, std::uint8_t code, const Octets& quote, std::uint16_t mtu = 0)
{
    Octets message(sizeof(IcmpHeader));
    message[0] = std::byte{type};
    message[1] = std::byte{code};
    message[6] = static_cast<std::byte>(mtu >> 8);
    message[7] = static_cast<std::byte>(mtu & 0xff);
    message.insert(message.end(), quote.begin(), quote.end());
    return icmp4_frame({kPeerMac, ip("198.51.100.254")}, {kUplinkMac, ip("192.0.2.1")}, 0, 7, std::move(message));
}

Octets error6(std::uint8_t type, std::uint8_t code, std::uint16_t mtu, std::uint16_t port = 4789)
{
    Octets message(sizeof(IcmpHeader) + sizeof(Ipv6Header) + sizeof(UdpHeader));
    message[0] = std::byte{type};
    message[1] = std::byte{code};
    message[6] = static_cast<std::byte>(mtu >> 8);
    message[7] = static_cast<std::byte>(mtu & 0xff);
    auto& header = *reinterpret_cast<Ipv6Header*>(message.data() + sizeof(IcmpHeader));
    header.version_class_label = 0x60000000;
    header.next_header = ip_protocol::kUdp;
    header.source = ip("2001:db8:1::1").bytes();
    header.destination = ip("2001:db8:2::2").bytes();
    reinterpret_cast<UdpHeader*>(message.data() + sizeof(IcmpHeader) + sizeof(Ipv6Header))->destination_port = port;
    return icmp6_frame({kPeerMac, ip("2001:db8:1::fe")}, {kUplinkMac, ip("2001:db8:1::1")}, 64, 0, std::move(message));
}

const Octets kOurs = udp_packet4("192.0.2.1", "203.0.113.7", 4789);

// What `act` writes to stderr.
template <typename Act>
std::string logged(Act act)
{
    std::fflush(stderr);
    const int saved = dup(2);
    std::FILE* const file = std::tmpfile();
    dup2(fileno(file), 2);
    act();
    std::fflush(stderr);
    dup2(saved, 2);
    close(saved);
    std::string text(static_cast<std::size_t>(lseek(fileno(file), 0, SEEK_END)), ' ');
    CHECK(pread(fileno(file), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
    std::fclose(file);
    return text;
}

bool has(const std::string& text, const char* part)
{
    return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE(
    "ICMP that calls a tunnel's packet too big is no packet for a service of ours, and names VTEP and MTU in the log")
{
    TunnelLab lab;
    std::optional<DropReason> verdict;
    const std::string text = logged([&] { verdict = lab.receive_error(error4(3, 4, kOurs, 1400)); });
    CHECK(verdict == DropReason::vtep_path_mtu);
    INFO(text);
    CHECK(has(text, "VTEP 203.0.113.7"));
    CHECK(has(text, "198.51.100.254 says that its MTU is 1400"));
    CHECK(has(text, "an MTU of 1350"));
    const std::string six = logged([&] { verdict = lab.receive_error(error6(2, 0, 1280)); });
    CHECK(verdict == DropReason::vtep_path_mtu);
    INFO(six);
    CHECK(has(six, "VTEP 2001:db8:2::2"));
    CHECK(has(six, "MTU is 1280"));
    CHECK(has(six, "an MTU of 1210"));
    CHECK(has(logged([&] { TunnelLab().receive_error(error4(3, 4, kOurs, 0)); }), "does not say which"));
    CHECK(has(logged([&] { TunnelLab().receive_error(error4(3, 4, kOurs, 20)); }), "an MTU of 0"));
    CHECK(lab.sent.empty());
}

TEST_CASE("ICMP that says that a tunnel's packet did not arrive names the VTEP, and why, in the log")
{
    struct Said {
        std::uint8_t type, code;
        const char* what;
    };
    for (const Said& said :
         {Said{3, 0, "network unreachable"}, Said{3, 1, "host unreachable"}, Said{3, 3, "port unreachable"},
          Said{3, 13, "administratively prohibited"}, Said{3, 15, "destination unreachable, code 15"},
          Said{11, 0, "TTL exceeded"}, Said{12, 0, "parameter problem"}}) {
        TunnelLab lab;
        std::optional<DropReason> verdict;
        const std::string text = logged([&] { verdict = lab.receive_error(error4(said.type, said.code, kOurs)); });
        INFO(text);
        CHECK(verdict == DropReason::vtep_unreachable);
        CHECK(has(text, "VTEP 203.0.113.7"));
        CHECK(has(text, said.what));
    }
    for (const Said& said : {Said{1, 0, "no route"}, Said{1, 4, "port unreachable"}, Said{1, 6, "code 6"},
                             Said{3, 0, "hop limit exceeded"}, Said{4, 0, "parameter problem"}}) {
        TunnelLab lab;
        std::optional<DropReason> verdict;
        const std::string text = logged([&] { verdict = lab.receive_error(error6(said.type, said.code, 0)); });
        INFO(text);
        CHECK(verdict == DropReason::vtep_unreachable);
        CHECK(has(text, said.what));
    }
}

TEST_CASE("an ICMP error about a packet that is no tunnel's of ours stays unserved, and logs nothing")
{
    TunnelLab lab;
    const std::string text = logged([&] {
        for (const Octets& quote :
             {udp_packet4("192.0.2.9", "203.0.113.7", 4789), udp_packet4("192.0.2.1", "203.0.113.7", 53),
              udp_packet4("192.0.2.1", "203.0.113.7", 4789, 6)})
            CHECK(lab.receive_error(error4(3, 4, quote, 1400)) == DropReason::local_unserved);
        CHECK(lab.receive_error(error6(2, 0, 1280, 53)) == DropReason::local_unserved);
        CHECK(lab.receive_error(error4(5, 1, kOurs)) == DropReason::local_unserved); // a redirect: it has arrived
        Octets wrong = error4(3, 4, kOurs, 1400);
        wrong.back() ^= std::byte{1};
        CHECK(lab.receive_error(wrong) == DropReason::local_unserved);
        // A quote of any length is not read beyond its end.
        for (std::size_t size = 0; size < kOurs.size(); ++size)
            CHECK(lab.receive_error(
                      error4(3, 4, Octets{kOurs.begin(), kOurs.begin() + static_cast<std::ptrdiff_t>(size)}, 1400)) ==
                  DropReason::local_unserved);
        // On a bridge's side nobody speaks about tunnels.
        CHECK(lab.receive(kPort, PuntReason::kLocal,
                          icmp4_frame({kPeerMac, ip("172.18.10.5")}, {kBridgeMac, ip("172.18.10.1")}, 0, 7, [] {
                              Octets message(sizeof(IcmpHeader) + kOurs.size());
                              message[0] = std::byte{3};
                              std::ranges::copy(kOurs, message.begin() + sizeof(IcmpHeader));
                              return message;
                          }())) == DropReason::local_unserved);
    });
    CHECK(text.empty());
}

TEST_CASE("a storm of ICMP errors writes a line for each VTEP a minute, for no more than a fixed number of them")
{
    TunnelLab lab;
    const auto lines = [&](auto act) {
        const std::string text = logged(act);
        return std::count(text.begin(), text.end(), '\n');
    };
    CHECK(lines([&] {
              for (int i = 0; i < 1000; ++i)
                  lab.receive_error(error4(3, 4, kOurs, 1400));
          }) == 1);
    CHECK(lines([&] { lab.receive_error(error4(3, 3, kOurs)); }) == 1); // another trouble
    lab.now += 59'999;
    CHECK(lines([&] { lab.receive_error(error4(3, 4, kOurs, 1400)); }) == 0);
    lab.now += 1;
    CHECK(lines([&] { lab.receive_error(error4(3, 4, kOurs, 1400)); }) == 1);
    const auto many = [&] {
        for (int i = 0; i < 256; ++i)
            lab.receive_error(error4(3, 4, udp_packet4("192.0.2.1", fmt::format("10.0.0.{}", i).c_str(), 4789), 1400));
    };
    CHECK(lines(many) < 64);
    lab.now += 60'000;
    CHECK(lines(many) == 64);
}
