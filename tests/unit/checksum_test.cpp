// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/net/checksum.h"

#include <catch2/catch.hpp>

#include <random>
#include <vector>

namespace
{

using namespace vx;

// RFC 1071 section 4.1 to the letter: big-endian 16-bit words, the odd byte padded with zero. Host order.
std::uint16_t reference(const std::vector<std::uint8_t>& bytes)
{
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        sum += i % 2 == 0 ? std::uint32_t{bytes[i]} << 8 : bytes[i];
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

std::uint16_t as_host(std::uint16_t stored)
{
    return load<Be16>(&stored).host();
}

std::vector<std::uint8_t> random_bytes(std::mt19937_64& random, std::size_t size)
{
    std::vector<std::uint8_t> bytes(size);
    for (std::uint8_t& byte : bytes)
        byte = static_cast<std::uint8_t>(random());
    return bytes;
}

Ipv4Header random_header(std::mt19937_64& random)
{
    Ipv4Header ip;
    const auto bytes = random_bytes(random, sizeof(ip));
    std::memcpy(&ip, bytes.data(), sizeof(ip));
    ip.version_ihl = 0x45;
    return ip;
}

void store_checksum(Ipv4Header& ip)
{
    ip.checksum = 0;
    const std::uint16_t value = checksum_finish(checksum_add(0, &ip, sizeof(ip)));
    ip.checksum = load<Be16>(&value);
}

} // namespace

TEST_CASE("the checksum equals RFC 1071's for every length and alignment")
{
    std::mt19937_64 random(1);
    for (std::size_t size = 0; size < 300; ++size) {
        const auto bytes = random_bytes(random, size);
        for (std::size_t shift = 0; shift < 4; ++shift) {
            std::vector<std::uint8_t> shifted(shift + size);
            std::copy(bytes.begin(), bytes.end(), shifted.begin() + static_cast<std::ptrdiff_t>(shift));
            const std::uint16_t value = checksum_finish(checksum_add(0, shifted.data() + shift, size));
            REQUIRE(as_host(value) == reference(bytes));
        }
    }
}

TEST_CASE("a sum of pieces equals the sum of the whole when all but the last are even")
{
    std::mt19937_64 random(2);
    for (int round = 0; round < 1000; ++round) {
        const auto bytes = random_bytes(random, 1 + random() % 200);
        const std::size_t cut = random() % (bytes.size() / 2 + 1) * 2;
        const std::uint64_t head = checksum_add(0, bytes.data(), cut);
        const std::uint64_t sum = checksum_add(head, bytes.data() + cut, bytes.size() - cut);
        REQUIRE(as_host(checksum_finish(sum)) == reference(bytes));
    }
}

TEST_CASE("the largest message of ones does not overflow the sum")
{
    const std::vector<std::uint8_t> bytes(65535, 0xff);
    CHECK(as_host(checksum_finish(checksum_add(0, bytes.data(), bytes.size()))) == reference(bytes));
    CHECK(checksum_fold(~std::uint64_t{0}) == 0xffff);
}

TEST_CASE("no carry is lost between words of ones")
{
    std::mt19937_64 random(4);
    for (std::size_t size = 0; size < 300; ++size)
        for (int round = 0; round < 20; ++round) {
            std::vector<std::uint8_t> bytes(size, 0xff);
            if (size > 0)
                bytes[random() % size] = static_cast<std::uint8_t>(random());
            REQUIRE(as_host(checksum_finish(checksum_add(0, bytes.data(), size))) == reference(bytes));
        }
}

TEST_CASE("a message with its checksum stored is right, and is wrong with any one bit flipped")
{
    std::mt19937_64 random(3);
    for (int round = 0; round < 100; ++round) {
        Ipv4Header ip = random_header(random);
        store_checksum(ip);
        REQUIRE(checksum_is_right(checksum_add(0, &ip, sizeof(ip))));
        for (std::size_t bit = 0; bit < 8 * sizeof(ip); ++bit) {
            Ipv4Header flipped = ip;
            reinterpret_cast<std::uint8_t*>(&flipped)[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
            REQUIRE_FALSE(checksum_is_right(checksum_add(0, &flipped, sizeof(flipped))));
        }
    }
}

TEST_CASE("decrementing the TTL keeps the checksum right, as a full computation would")
{
    std::mt19937_64 random(4);
    for (int round = 0; round < 200000; ++round) {
        Ipv4Header ip = random_header(random);
        if (ip.ttl == 0)
            continue;
        store_checksum(ip);
        Ipv4Header expected = ip;
        --expected.ttl;
        store_checksum(expected);
        decrement_ttl(ip);
        REQUIRE(ip.ttl == expected.ttl);
        REQUIRE(ip.checksum.host() == expected.checksum.host());
    }
}

TEST_CASE("decrementing the TTL keeps the checksum right for every checksum")
{
    for (std::uint32_t id = 0; id <= 0xffff; ++id) { // the id moves the checksum through all its values
        Ipv4Header ip{};
        ip.version_ihl = 0x45;
        ip.ttl = 64;
        ip.id = static_cast<std::uint16_t>(id);
        store_checksum(ip);
        decrement_ttl(ip);
        REQUIRE(checksum_is_right(checksum_add(0, &ip, sizeof(ip))));
    }
}

TEST_CASE("a UDP checksum is never sent as zero")
{
    CHECK(checksum_finish(0xffff) == 0);
    CHECK(checksum_finish_udp(0xffff) == 0xffff);
    CHECK(checksum_finish_udp(0x1234) == checksum_finish(0x1234));
}

TEST_CASE("the pseudo header's sum equals that of its bytes")
{
    std::mt19937_64 random(5);
    for (int round = 0; round < 1000; ++round) {
        const auto length = static_cast<std::uint16_t>(random());
        const auto protocol = static_cast<std::uint8_t>(random());
        const Ipv4Header v4 = random_header(random);
        std::vector<std::uint8_t> bytes(12);
        std::memcpy(bytes.data(), reinterpret_cast<const std::uint8_t*>(&v4) + 12, 8);
        bytes[9] = protocol;
        bytes[10] = static_cast<std::uint8_t>(length >> 8);
        bytes[11] = static_cast<std::uint8_t>(length & 0xff);
        REQUIRE(as_host(checksum_finish(pseudo_sum_v4(v4, protocol, length))) == reference(bytes));

        Ipv6Header v6;
        const auto noise = random_bytes(random, sizeof(v6));
        std::memcpy(&v6, noise.data(), sizeof(v6));
        const auto long_length = static_cast<std::uint32_t>(random());
        bytes.assign(40, 0);
        std::memcpy(bytes.data(), v6.source.data(), 16);
        std::memcpy(bytes.data() + 16, v6.destination.data(), 16);
        const Be32 wire_length{long_length};
        std::memcpy(bytes.data() + 32, &wire_length, 4);
        bytes[39] = protocol;
        REQUIRE(as_host(checksum_finish(pseudo_sum_v6(v6, protocol, long_length))) == reference(bytes));
    }
}
