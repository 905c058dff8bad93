// SPDX-License-Identifier: BSD-3-Clause
// A MAC address: six bytes as they lie in an Ethernet header.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace vx
{

class Mac
{
public:
    constexpr Mac() = default;
    constexpr explicit Mac(const std::array<std::uint8_t, 6>& bytes) : bytes_(bytes) {}

    // "02:42:ac:12:14:02", two hexadecimal digits a byte, either case; nothing before or after.
    static std::optional<Mac> parse(std::string_view text);
    static constexpr Mac broadcast() { return Mac{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}; }

    // The address as a number whose top byte is the first byte on the wire; 48 bits.
    static constexpr Mac from_u64(std::uint64_t value)
    {
        Mac mac;
        if (!std::is_constant_evaluated()) { // no compiler finds this by itself
            const std::uint64_t bytes = __builtin_bswap64(value << 16);
            std::memcpy(mac.bytes_.data(), &bytes, 6);
            return mac;
        }
        for (int i = 5; i >= 0; --i, value >>= 8)
            mac.bytes_[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(value & 0xff);
        return mac;
    }
    std::uint64_t to_u64() const
    {
        std::uint64_t value = 0;
        std::memcpy(&value, bytes_.data(), 6);
        return __builtin_bswap64(value) >> 16;
    }

    constexpr bool is_group() const { return (bytes_[0] & 1) != 0; } // I/G bit: multicast or broadcast
    constexpr bool is_zero() const { return *this == Mac{}; }
    constexpr bool is_broadcast() const { return *this == broadcast(); }
    // A station's own address: neither a group address nor all zeros (the kernel's is_valid_ether_addr).
    constexpr bool is_unicast() const { return !is_group() && !is_zero(); }
    constexpr const std::array<std::uint8_t, 6>& bytes() const { return bytes_; }
    std::string to_string() const;

    friend constexpr bool operator==(const Mac&, const Mac&) = default;
    friend constexpr auto operator<=>(const Mac&, const Mac&) = default;

private:
    std::array<std::uint8_t, 6> bytes_{};
};

static_assert(sizeof(Mac) == 6);

} // namespace vx
