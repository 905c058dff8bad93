// SPDX-License-Identifier: BSD-3-Clause
// IP addresses and prefixes of either family, as values.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace vx
{

enum class Family : std::uint8_t { kIpv4 = 4, kIpv6 = 6 };

// An IPv4 or IPv6 address. IPv4 lies in the first four bytes, the rest is zero, so equality is one comparison.
class IpAddress
{
public:
    constexpr IpAddress() = default; // 0.0.0.0
    static IpAddress v4(std::uint32_t host_order);
    static IpAddress v4_from_wire(const void* four_bytes);
    static IpAddress v6_from_wire(const void* sixteen_bytes);
    static std::optional<IpAddress> parse(std::string_view text); // dotted quad or RFC 4291 text, nothing else

    Family family() const { return family_; }
    bool is_v4() const { return family_ == Family::kIpv4; }
    bool is_v6() const { return family_ == Family::kIpv6; }
    unsigned bit_count() const { return is_v4() ? 32 : 128; }
    std::uint32_t v4_host() const; // precondition: is_v4()
    const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }

    bool is_unspecified() const;
    bool is_multicast() const;         // 224.0.0.0/4, ff00::/8
    bool is_loopback() const;          // 127.0.0.0/8, ::1
    bool is_limited_broadcast() const; // 255.255.255.255
    bool is_unicast() const;           // what a host can have and be sent to: no martian (martian.h)
    bool is_link_local() const;        // 169.254.0.0/16, fe80::/10
    std::string to_string() const;

    friend bool operator==(const IpAddress&, const IpAddress&) = default;
    friend std::strong_ordering operator<=>(const IpAddress& a, const IpAddress& b);

private:
    std::array<std::uint8_t, 16> bytes_{};
    Family family_ = Family::kIpv4;
};

// An address with a prefix length. host bits are kept ("192.0.2.1/24" of an interface); network() clears them.
class IpPrefix
{
public:
    IpPrefix() = default;
    // Precondition: length <= address.bit_count().
    IpPrefix(const IpAddress& address, unsigned length) : address_(address), length_(static_cast<std::uint8_t>(length))
    {
    }
    // "192.0.2.1/24", or a bare address (length 32 or 128).
    static std::optional<IpPrefix> parse(std::string_view text);
    static IpPrefix default_route(Family family);

    const IpAddress& address() const { return address_; }
    unsigned length() const { return length_; }
    IpPrefix network() const;
    bool has_host_bits() const { return network().address() != address_; }
    bool contains(const IpAddress& other) const;
    // The directed broadcast address; nothing for IPv6 and for /31 and /32.
    std::optional<IpAddress> broadcast() const;
    std::string to_string() const; // always with the length

    friend bool operator==(const IpPrefix&, const IpPrefix&) = default;
    friend std::strong_ordering operator<=>(const IpPrefix& a, const IpPrefix& b);

private:
    IpAddress address_;
    std::uint8_t length_ = 0;
};

} // namespace vx

template <>
struct std::hash<vx::IpAddress> {
    std::size_t operator()(const vx::IpAddress& address) const noexcept;
};
