// SPDX-License-Identifier: BSD-3-Clause
// Setting the ECN field of an IP packet in place, RFC 3168; the IPv4 header checksum follows.
#pragma once

#include "dataplane/net/headers.h"

#include <cstdint>
#include <cstring>

namespace vx
{

inline void set_ecn(Ipv4Header& ip, std::uint8_t ecn) noexcept
{
    const std::uint8_t old_tos = ip.tos;
    ip.tos = static_cast<std::uint8_t>((old_tos & ~3) | ecn);
    // RFC 1624 equation 3; the TOS is the low byte of the first word in network order.
    std::uint32_t sum = static_cast<std::uint16_t>(~ip.checksum.host());
    sum += static_cast<std::uint16_t>(~std::uint32_t{old_tos}) + std::uint32_t{ip.tos};
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    ip.checksum = static_cast<std::uint16_t>(~sum & 0xffff);
}

inline void set_ecn(Ipv6Header& ip, std::uint8_t ecn) noexcept
{
    ip.version_class_label = (ip.version_class_label.host() & ~(3U << 20)) | (std::uint32_t{ecn} << 20);
}

} // namespace vx
