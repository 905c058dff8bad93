// SPDX-License-Identifier: BSD-3-Clause
// Source addresses that no host has, as they lie in an IP header: RFC 1812 section 5.3.7, RFC 4291 section 2. A
// subnet's broadcast address is one too, but says so only to who knows the subnet; its lowest address is a host's, as
// on Linux since 5.14, and so is 240/4, as on Linux since 2.6.25.
#pragma once

#include "dataplane/net/byteorder.h"

#include <array>
#include <cstdint>
#include <cstring>

namespace vx
{

// This network, loopback, multicast, broadcast.
inline bool is_martian_source(const Be32& address) noexcept
{
    const auto first = load<std::uint8_t>(&address);
    return first == 0 || first == 127 || (first & 0xf0) == 224 || address == Be32{0xffffffff};
}

// Unspecified, loopback, multicast, IPv4-mapped.
inline bool is_martian_source(const std::array<std::uint8_t, 16>& address) noexcept
{
    constexpr std::array<std::uint8_t, 16> kLoopback{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return address[0] == 0xff || address == std::array<std::uint8_t, 16>{} || address == kLoopback ||
           std::memcmp(address.data(), kMapped.data(), kMapped.size()) == 0;
}

} // namespace vx
