// SPDX-License-Identifier: BSD-3-Clause
// What an af_packet port of the underlay lets through, by libpcap's interpreter of the same instructions.
#include "dataplane/net/headers.h"
#include "dataplane/port/kernel/underlay_filter.h"
#include "tests/support/kernel_bpf.h"

#include <catch2/catch.hpp>

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

using namespace vx;

namespace
{

using Octets = std::vector<std::uint8_t>;

IpAddress ip(std::string_view text)
{
    return *IpAddress::parse(text);
}

Octets operator+(Octets a, const Octets& b)
{
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

Octets address(std::string_view text)
{
    const IpAddress parsed = ip(text);
    return {parsed.bytes().begin(), parsed.bytes().begin() + parsed.bit_count() / 8};
}

Octets ethernet(std::uint16_t type, const Octets& rest)
{
    return Octets{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2} +
           Octets{static_cast<std::uint8_t>(type >> 8), static_cast<std::uint8_t>(type)} + rest;
}

Octets ipv4_packet(std::string_view to, std::uint8_t protocol, const Octets& payload, std::uint16_t fragment = 0,
                   std::size_t options = 0)
{
    const auto size = static_cast<std::uint8_t>(0x45 + options);
    return Octets{size,
                  0,
                  0,
                  0,
                  0,
                  0,
                  static_cast<std::uint8_t>(fragment >> 8),
                  static_cast<std::uint8_t>(fragment),
                  64,
                  protocol,
                  0,
                  0} +
           address("198.51.100.9") + address(to) + Octets(4 * options) + payload;
}

Octets ipv6_packet(std::string_view to, std::uint8_t protocol, const Octets& payload)
{
    return Octets{0x60, 0, 0, 0, 0, 0, protocol, 64} + address("2001:db8::9") + address(to) + payload;
}

Octets udp(std::uint16_t port)
{
    return {0x80, 0, static_cast<std::uint8_t>(port >> 8), static_cast<std::uint8_t>(port), 0, 0, 0, 0};
}

Octets icmp(std::uint8_t type, const Octets& about = {})
{
    return Octets{type, 0, 0, 0, 0, 0, 0, 0} + about;
}

constexpr std::uint8_t kIcmp = 1, kTcp = 6, kUdp = 17, kIcmp6 = 58, kHopByHop = 0;

Octets v4(std::string_view to, std::uint8_t protocol, const Octets& payload, std::uint16_t fragment = 0,
          std::size_t options = 0)
{
    return ethernet(0x0800, ipv4_packet(to, protocol, payload, fragment, options));
}
Octets v6(std::string_view to, std::uint8_t protocol, const Octets& payload)
{
    return ethernet(0x86dd, ipv6_packet(to, protocol, payload));
}

struct Filter {
    std::vector<sock_filter> code;

    bool takes(const Octets& frame, std::uint32_t packet_type = PACKET_HOST) const
    {
        return test::run_bpf(code, frame, {.packet_type = packet_type}) != 0;
    }
};

const ServedTraffic kServed{{ip("192.0.2.1"), ip("192.0.2.5"), ip("2001:db8::1"), ip("2001:db8::5")}, {4789, 8472}};
const std::vector<IpAddress> kKernels{ip("192.0.2.5"), ip("192.0.2.7"), ip("2001:db8::5"), ip("2001:db8::7")};

} // namespace

TEST_CASE(
    "all that is sent to an address of vxd's own passes the underlay's filter, so that it is served or dropped by "
    "name")
{
    const Filter filter{underlay_filter(kServed, kKernels)};
    for (const std::uint8_t protocol : {kIcmp, kTcp, kUdp})
        for (const std::uint16_t fragment : std::initializer_list<std::uint16_t>{0, 0x2000, 0x2001, 0x00b9})
            CHECK(filter.takes(v4("192.0.2.1", protocol, udp(53), fragment)));
    for (const std::uint8_t protocol : {kIcmp6, kTcp, kUdp, kHopByHop})
        CHECK(filter.takes(v6("2001:db8::1", protocol, udp(53))));
}

TEST_CASE("what goes out does not pass an af_packet port's filters")
{
    const Octets frame = v4("192.0.2.1", kUdp, udp(4789));
    for (const Filter& filter : {Filter{underlay_filter(kServed, kKernels)}, Filter{incoming_filter()}}) {
        CHECK(filter.takes(frame));
        CHECK(filter.takes(frame, PACKET_OTHERHOST));
        CHECK_FALSE(filter.takes(frame, PACKET_OUTGOING));
    }
}

TEST_CASE("ARP and Neighbor Discovery that everybody hears, or that is to vxd, pass the underlay's filter")
{
    const Filter filter{underlay_filter(kServed, kKernels)};
    Octets arp = ethernet(0x0806, Octets(24) + address("192.0.2.7"));
    CHECK_FALSE(filter.takes(arp)); // an answer to the kernel
    arp[0] = 0xff;
    CHECK(filter.takes(arp));
    for (const char* own : {"192.0.2.1", "192.0.2.5"})
        CHECK(filter.takes(ethernet(0x0806, Octets(24) + address(own))));
    CHECK(filter.takes(v6("ff02::1:ff00:1", kIcmp6, icmp(135))));
    CHECK(filter.takes(v6("ff02::1", kIcmp6, icmp(136))));
    CHECK(filter.takes(v6("2001:db8::5", kIcmp6, icmp(136))));
    CHECK_FALSE(filter.takes(v6("ff02::16", kIcmp6, icmp(143))));
    CHECK_FALSE(filter.takes(v6("ff02::fb", kUdp, udp(5353))));
}

TEST_CASE("queries of listener discovery pass the underlay's filter behind options of any size; reports do not")
{
    const Filter filter{underlay_filter(kServed, kKernels)};
    for (const int units : {0, 1, 5, 255}) {
        const auto size = static_cast<std::uint8_t>(units);
        const std::size_t padding = size * 8U + 6U;
        const Octets options = Octets{kIcmp6, size} + Octets(padding);
        for (const char* to : {"ff02::1", "ff02::1:ff00:1"})
            CHECK(filter.takes(v6(to, kHopByHop, options + icmp(130))));
        for (const int type : {131, 132, 135, 143})
            CHECK_FALSE(filter.takes(v6("ff02::1", kHopByHop, options + icmp(static_cast<std::uint8_t>(type)))));
        CHECK_FALSE(filter.takes(v6("ff02::1", kHopByHop, options)));
        CHECK_FALSE(filter.takes(v6("ff02::1", kHopByHop, Octets{kUdp, size} + Octets(padding) + icmp(130))));
    }
    CHECK(filter.takes(v6("ff02::1", kIcmp6, icmp(130)))); // to be dropped by name
}

TEST_CASE("what is for the kernel alone does not pass the underlay's filter")
{
    const Filter filter{underlay_filter(kServed, kKernels)};
    for (const std::uint8_t protocol : {kIcmp, kTcp, kUdp}) {
        CHECK_FALSE(filter.takes(v4("192.0.2.7", protocol, udp(4789))));
        CHECK_FALSE(filter.takes(v4("192.0.2.255", protocol, udp(4789))));
    }
    for (const std::uint8_t protocol : {kIcmp6, kTcp, kUdp})
        CHECK_FALSE(filter.takes(v6("2001:db8::7", protocol, udp(4789))));
    CHECK_FALSE(filter.takes(ethernet(0x88cc, Octets(46)))); // LLDP
    CHECK_FALSE(filter.takes(ethernet(0x0800, Octets(15)))); // no room for an address
    CHECK_FALSE(filter.takes(Octets(13)));
}

TEST_CASE("of an address that the kernel has too, VXLAN and ICMP's errors about it pass the underlay's filter")
{
    const Filter filter{underlay_filter(kServed, kKernels)};
    for (const std::uint16_t port : std::initializer_list<std::uint16_t>{4789, 8472}) {
        CHECK(filter.takes(v4("192.0.2.5", kUdp, udp(port))));
        CHECK(filter.takes(v4("192.0.2.5", kUdp, udp(port), 0, 3)));   // with options
        CHECK(filter.takes(v4("192.0.2.5", kUdp, udp(port), 0x2000))); // a first fragment
        CHECK(filter.takes(v6("2001:db8::5", kUdp, udp(port))));
        CHECK(filter.takes(v4("192.0.2.5", kIcmp, icmp(3, ipv4_packet("192.0.2.9", kUdp, udp(port))))));
        CHECK(filter.takes(v6("2001:db8::5", kIcmp6, icmp(2, ipv6_packet("2001:db8::a", kUdp, udp(port))))));
        CHECK(filter.takes(v6("2001:db8::5", kIcmp6, icmp(1, ipv6_packet("2001:db8::a", kUdp, udp(port))))));
    }
    CHECK_FALSE(filter.takes(v4("192.0.2.5", kUdp, udp(53))));
    CHECK_FALSE(filter.takes(v4("192.0.2.5", kTcp, udp(4789))));
    CHECK_FALSE(filter.takes(v4("192.0.2.5", kUdp, udp(4789), 0x00b9)));
    CHECK_FALSE(filter.takes(v4("192.0.2.5", kIcmp, icmp(8))));
    CHECK_FALSE(filter.takes(v4("192.0.2.5", kIcmp, icmp(3, ipv4_packet("192.0.2.9", kTcp, udp(4789))))));
    CHECK_FALSE(filter.takes(v4("192.0.2.5", kIcmp, icmp(3, ipv4_packet("192.0.2.9", kUdp, udp(53))))));
    CHECK_FALSE(filter.takes(v4("192.0.2.5", kIcmp, icmp(3))));
    CHECK_FALSE(filter.takes(v6("2001:db8::5", kUdp, udp(53))));
    CHECK_FALSE(filter.takes(v6("2001:db8::5", kIcmp6, icmp(128))));
    CHECK_FALSE(filter.takes(v6("2001:db8::5", kIcmp6, icmp(135)))); // the kernel answers it
    CHECK_FALSE(filter.takes(v6("2001:db8::5", kIcmp6, icmp(2, ipv6_packet("2001:db8::a", kTcp, udp(4789))))));
}

TEST_CASE("an underlay's filter is right for as many addresses as a program holds, and lets all pass beyond")
{
    ServedTraffic served{{}, {4789}};
    const std::size_t count = GENERATE(0, 1, 100, 300, 5000);
    for (std::size_t i = 0; i < count; ++i) {
        served.addresses.push_back(IpAddress::v4(0x0a000000 + static_cast<std::uint32_t>(i)));
        if (i < 100)
            served.addresses.push_back(ip("2001:db8:1::" + std::to_string(i)));
    }
    const std::vector<IpAddress> kernels{ip("10.0.0.0"), ip("2001:db8:1::0")};
    const Filter filter{underlay_filter(served, kernels)};
    CHECK(filter.code.size() <= BPF_MAXINSNS);
    for (std::size_t i = 1; i < count; ++i)
        CHECK(filter.takes(v4(IpAddress::v4(0x0a000000 + static_cast<std::uint32_t>(i)).to_string(), kTcp, udp(1))));
    if (count == 5000)
        return;
    CHECK(filter.takes(v4("10.0.0.0", kUdp, udp(4789))) == (count > 0));
    CHECK(filter.takes(v6("2001:db8:1::", kUdp, udp(4789))) == (count > 0));
    CHECK(filter.takes(v6("2001:db8:1::1", kTcp, udp(4789))) == (count > 1));
    CHECK_FALSE(filter.takes(v4("10.0.0.0", kTcp, udp(4789))));
    CHECK_FALSE(filter.takes(v4("10.1.0.0", kUdp, udp(4789))));
}
