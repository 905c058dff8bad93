// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/net/headers.h"
#include "dataplane/net/ip.h"
#include "dataplane/net/mac.h"

#include <arpa/inet.h>
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <random>
#include <set>
#include <string>
#include <string_view>

namespace
{

using namespace vx;

IpAddress random_address(std::mt19937_64& random)
{
    std::array<std::uint8_t, 16> bytes;
    for (std::uint8_t& byte : bytes)
        byte = random() % 3 == 0 ? std::uint8_t{0} : static_cast<std::uint8_t>(random());
    return random() % 2 == 0 ? IpAddress::v4_from_wire(bytes.data()) : IpAddress::v6_from_wire(bytes.data());
}

bool bit_of(const IpAddress& address, unsigned bit)
{
    return (address.bytes()[bit / 8] >> (7 - bit % 8) & 1) != 0;
}

IpAddress ip(const char* text)
{
    return *IpAddress::parse(text);
}
IpPrefix prefix(const char* text)
{
    return *IpPrefix::parse(text);
}

} // namespace

TEST_CASE("a MAC survives its number and its text")
{
    std::mt19937_64 random(1);
    for (int round = 0; round < 10000; ++round) {
        const std::uint64_t value = random() & 0xffffffffffff;
        const Mac mac = Mac::from_u64(value);
        REQUIRE(mac.to_u64() == value);
        REQUIRE(Mac::parse(mac.to_string()) == mac);
    }
}

TEST_CASE("a MAC's number has the first byte on the wire at the top")
{
    const Mac mac{{0x02, 0x42, 0xac, 0x12, 0x14, 0x03}};
    CHECK(mac.to_u64() == 0x0242ac121403);
    CHECK(mac.to_string() == "02:42:ac:12:14:03");
    CHECK(Mac::parse("02:42:AC:12:14:03") == mac);
    CHECK(Mac::parse("2:42:ac:12:14:3") == mac); // as ip(8) takes it
}

TEST_CASE("what is not quite a MAC is refused")
{
    for (const char* text :
         {"", "02:42:ac:12:14", "02:42:ac:12:14:", "02:42:ac::14:02", "02:42:ac:12:14:022", "02:42:ac:12:14:02 ",
          "02-42-ac-12-14-02", "0x:42:ac:12:14:02", "-2:42:ac:12:14:02", "+2:42:ac:12:14:02", "02:42:ac:12:14:0g",
          " 2:42:ac:12:14:02", "02:42:ac:12:14-02", "02:42:ac:12:14:02:"})
        CHECK_FALSE(Mac::parse(text));
}

TEST_CASE("group, broadcast, zero and unicast addresses are told apart")
{
    CHECK(Mac::broadcast().is_group());
    CHECK(Mac::broadcast().is_broadcast());
    CHECK(Mac::parse("01:00:5e:00:00:01")->is_group());
    CHECK_FALSE(Mac::parse("01:00:5e:00:00:01")->is_broadcast());
    CHECK(Mac{}.is_zero());
    CHECK_FALSE(Mac{}.is_unicast());
    CHECK(Mac::parse("02:00:00:00:00:01")->is_unicast());
}

TEST_CASE("an address survives its text")
{
    std::mt19937_64 random(2);
    for (int round = 0; round < 10000; ++round) {
        const IpAddress address = random_address(random);
        INFO(address.to_string());
        REQUIRE(IpAddress::parse(address.to_string()) == address);
    }
}

TEST_CASE("an IPv4 address survives its number")
{
    std::mt19937_64 random(3);
    for (int round = 0; round < 10000; ++round) {
        const auto value = static_cast<std::uint32_t>(random());
        REQUIRE(IpAddress::v4(value).v4_host() == value);
    }
    CHECK(IpAddress::v4(0xc0000201).to_string() == "192.0.2.1");
}

TEST_CASE("what is not quite an address is refused")
{
    for (const char* text : {"", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.4 ", " 1.2.3.4", "1.2.3.4/24", ":",
                             "::1::", "1:2:3:4:5:6:7:8:9", "::g", "0x7f.1", "fe80::1%eth0"})
        CHECK_FALSE(IpAddress::parse(text));
    CHECK_FALSE(IpAddress::parse(std::string_view("1.2.3.4\0", 8)));
}

TEST_CASE("an IPv4 address is what inet_pton() takes for one")
{
    std::mt19937 random(5);
    const std::string_view alphabet = "0012345678925.....:a";
    int taken = 0;
    for (int round = 0; round < 200'000; ++round) {
        std::string text = fmt::format("{}.{}.{}.{}", random() % 300, random() % 30, random() % 300, random() % 3);
        for (auto edits = random() % 3; edits > 0; --edits)
            text[random() % text.size()] = alphabet[random() % alphabet.size()];
        std::uint8_t bytes[4];
        const bool is_address = inet_pton(AF_INET, text.c_str(), bytes) == 1;
        const auto address = IpAddress::parse(text);
        INFO(text);
        REQUIRE((address && address->is_v4()) == is_address);
        if (is_address)
            REQUIRE(*address == IpAddress::v4_from_wire(bytes));
        taken += is_address ? 1 : 0;
    }
    CHECK(taken > 10'000);
    CHECK(taken < 190'000);
}

TEST_CASE("addresses of different families are never equal")
{
    CHECK(ip("0.0.0.0") != ip("::"));
    CHECK((ip("0.0.0.0") <=> ip("::")) == std::strong_ordering::less);
}

TEST_CASE("kinds of addresses are told apart")
{
    CHECK(ip("239.255.255.255").is_multicast());
    CHECK_FALSE(ip("240.0.0.0").is_multicast());
    CHECK(ip("ff02::1").is_multicast());
    CHECK(ip("169.254.0.1").is_link_local());
    CHECK(ip("febf::1").is_link_local());
    CHECK_FALSE(ip("fec0::1").is_link_local());
    CHECK(ip("127.8.9.1").is_loopback());
    CHECK(ip("::1").is_loopback());
    CHECK_FALSE(ip("::2").is_loopback());
    for (const char* text : {"0.0.0.0", "0.255.255.255", "127.0.0.1", "224.0.0.1", "255.255.255.255", "::", "::1",
                             "ff02::1", "::ffff:192.0.2.1"})
        CHECK_FALSE(ip(text).is_unicast());
    for (const char* text : {"192.0.2.1", "1.0.0.0", "169.254.0.1", "240.0.0.1", "255.255.255.254", "2001:db8::1",
                             "fe80::1", "::2", "64:ff9b::c000:201"})
        CHECK(ip(text).is_unicast());
    CHECK(ip("255.255.255.255").is_limited_broadcast());
    CHECK(ip("::").is_unspecified());
}

TEST_CASE("a prefix contains exactly the addresses that share its leading bits")
{
    std::mt19937_64 random(4);
    for (int round = 0; round < 20000; ++round) {
        const IpAddress base = random_address(random);
        const IpPrefix p{base, static_cast<unsigned>(random() % (base.bit_count() + 1))};
        const IpAddress other = random() % 4 == 0 ? base : random_address(random);
        bool expected = other.family() == base.family();
        for (unsigned bit = 0; expected && bit < p.length(); ++bit)
            expected = bit_of(base, bit) == bit_of(other, bit);
        REQUIRE(p.contains(other) == expected);
        REQUIRE(p.contains(base));
        REQUIRE_FALSE(p.network().has_host_bits());
        REQUIRE(p.network().contains(base));
        REQUIRE(IpPrefix::parse(p.to_string()) == p);
    }
}

TEST_CASE("a prefix's broadcast address is its last, and /31 and /32 have none")
{
    CHECK(prefix("192.0.2.1/24").broadcast() == ip("192.0.2.255"));
    CHECK(prefix("10.1.2.3/0").broadcast() == ip("255.255.255.255"));
    CHECK(prefix("10.1.2.3/30").broadcast() == ip("10.1.2.3"));
    CHECK_FALSE(prefix("10.1.2.3/31").broadcast());
    CHECK_FALSE(prefix("10.1.2.3/32").broadcast());
    CHECK_FALSE(prefix("2001:db8::/64").broadcast());
}

TEST_CASE("what is not quite a prefix is refused")
{
    for (const char* text : {"192.0.2.1/33", "192.0.2.1/", "192.0.2.1/-1", "192.0.2.1/24x", "192.0.2.1/ 24", "/24",
                             "2001:db8::/129", "192.0.2.1/24/24"})
        CHECK_FALSE(IpPrefix::parse(text));
    CHECK(prefix("192.0.2.1").length() == 32);
    CHECK(prefix("2001:db8::1").length() == 128);
    CHECK(IpPrefix::default_route(Family::kIpv6) == prefix("::/0"));
}

TEST_CASE("a VNI has 24 bits, and the byte behind it in the header is ignored")
{
    CHECK(Vni::from(0));
    CHECK(Vni::from(0xffffff));
    CHECK_FALSE(Vni::from(0x1000000));
    CHECK(Vni::from_header_word(0x123456ff) == *Vni::from(0x123456));
}
