// SPDX-License-Identifier: BSD-3-Clause
// The Internet checksum, RFC 1071. Sums are of 16-bit words as they lie in memory, so no byte is swapped anywhere;
// a finished checksum is stored with memcpy.
#pragma once

#include "dataplane/net/byteorder.h"
#include "dataplane/net/headers.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace vx
{

// Adds bytes to a running sum. Only the last piece of a message may have an odd length.
inline std::uint64_t checksum_add(std::uint64_t sum, const void* data, std::size_t size) noexcept
{
    const auto* at = static_cast<const std::uint8_t*>(data);
    // 32-bit words into a 64-bit sum cannot overflow below 2^32 words.
    for (; size >= 4; size -= 4, at += 4)
        sum += load<std::uint32_t>(at);
    if (size >= 2) {
        sum += load<std::uint16_t>(at);
        at += 2;
        size -= 2;
    }
    if (size == 1)
        sum += *at;
    return sum;
}

// Folds a running sum to 16 bits; 0xffff for a message whose stored checksum is right.
inline std::uint16_t checksum_fold(std::uint64_t sum) noexcept
{
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(sum);
}

// The same for a sum of a few 16-bit words, below 2^31.
inline std::uint16_t checksum_fold_small(std::uint32_t sum) noexcept
{
    sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(sum + (sum >> 16));
}

inline std::uint16_t checksum_finish(std::uint64_t sum) noexcept
{
    return static_cast<std::uint16_t>(~checksum_fold(sum));
}

// For UDP (RFC 768, RFC 8200 section 8.1): a computed zero is sent as all ones.
inline std::uint16_t checksum_finish_udp(std::uint64_t sum) noexcept
{
    const std::uint16_t value = checksum_finish(sum);
    return value == 0 ? std::uint16_t{0xffff} : value;
}

inline bool checksum_is_right(std::uint64_t sum) noexcept
{
    return checksum_fold(sum) == 0xffff;
}

// Precondition: all of the header, options included, may be read.
inline bool ipv4_checksum_is_right(const Ipv4Header& ip) noexcept
{
    if (ip.size() != sizeof(Ipv4Header)) [[unlikely]]
        return checksum_is_right(checksum_add(0, &ip, ip.size()));
    // Five words: the carries of their sum are at most 4, and two folds are enough.
    std::uint64_t sum = 0;
    for (std::size_t word = 0; word < 5; ++word)
        sum += load<std::uint32_t>(reinterpret_cast<const std::uint8_t*>(&ip) + 4 * word);
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    return sum == 0xffff || sum == 0x1fffe;
}

// The pseudo header's sum, RFC 768 and RFC 8200 section 8.1. `length` counts bytes of the L4 header and payload.
inline std::uint64_t pseudo_sum_v4(const Ipv4Header& ip, std::uint8_t protocol, std::uint32_t length) noexcept
{
    const Be16 tail[2] = {Be16{protocol}, Be16{static_cast<std::uint16_t>(length)}};
    return checksum_add(checksum_add(0, &ip.source, 8), tail, 4);
}

inline std::uint64_t pseudo_sum_v6(const Ipv6Header& ip, std::uint8_t protocol, std::uint32_t length) noexcept
{
    const Be32 tail[2] = {Be32{length}, Be32{protocol}};
    return checksum_add(checksum_add(0, &ip.source, 32), tail, 8);
}

// Decrements the TTL and patches the checksum, RFC 1624 equation 3 (as the kernel's ip_decrease_ttl).
inline void decrement_ttl(Ipv4Header& ip) noexcept
{
    std::uint32_t sum = ip.checksum.host() + 0x0100U;
    sum += sum >= 0xffff ? 1U : 0U;
    ip.checksum = static_cast<std::uint16_t>(sum & 0xffff);
    --ip.ttl;
}

} // namespace vx
