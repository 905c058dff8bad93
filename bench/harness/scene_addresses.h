// SPDX-License-Identifier: BSD-3-Clause
// Who is who in a scene, by number.
#pragma once

#include "dataplane/net/ip.h"
#include "dataplane/net/mac.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace vx::bench
{

inline constexpr Mac kUplinkMac{{0x02, 0, 0, 0, 0, 0x01}};
inline constexpr Mac kGatewayMac{{0x02, 0, 0, 0, 0, 0x02}};

inline Mac far_mac(std::size_t number)
{
    return Mac::from_u64(0x0200'0000'0000ULL | (number + 0x10000));
}

inline IpAddress host_address(Family family, std::size_t number)
{
    const IpAddress v4 = IpAddress::v4(0xc6120000U + static_cast<std::uint32_t>(number)); // 198.18.0.0/15, RFC 2544
    if (family == Family::kIpv4)
        return v4;
    std::array<std::uint8_t, 16> bytes{0x20, 0x01, 0x0d, 0xb8};
    std::memcpy(bytes.data() + 12, v4.bytes().data(), 4);
    return IpAddress::v6_from_wire(bytes.data());
}

// Where routed packets go: 10.0.0.0/8, one address an FDB entry.
inline std::uint32_t routed_address(std::size_t number)
{
    return 0x0a000000U + static_cast<std::uint32_t>(number);
}

} // namespace vx::bench
