// SPDX-License-Identifier: BSD-3-Clause
// The Internet checksum, RFC 1071. Sums are of 16-bit words as they lie in memory, so no byte is swapped anywhere;
// a finished checksum is stored with memcpy.
#pragma once

#include "dataplane/net/byteorder.h"
#include "dataplane/net/headers.h"

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>

namespace vx
{

constexpr std::size_t kManyBytes = 192; // from here on vectors are worth it

// The sum of two running sums.
inline std::uint64_t checksum_carry(std::uint64_t a, std::uint64_t b) noexcept
{
    std::uint64_t sum = 0;
    const bool carry = __builtin_add_overflow(a, b, &sum);
    return sum + carry;
}

// Of pairs of 16-bit words AVX2 makes sums if they are signed: so 0x8000 is taken from each, and given back at the end.
// The lanes of 32 bits hold that of 2^16 pairs. Precondition: size is a multiple of 64, and below 2^19.
[[gnu::noinline]] inline std::uint64_t checksum_of_many(const std::uint8_t* at, std::size_t size) noexcept
{
    const __m256i middle = _mm256_set1_epi16(std::numeric_limits<std::int16_t>::min());
    const __m256i ones = _mm256_set1_epi16(1);
    const auto pairs_at = [&](const std::uint8_t* words) {
        const __m256i loaded = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(words));
        return _mm256_madd_epi16(_mm256_xor_si256(loaded, middle), ones);
    };
    __m256i even = _mm256_setzero_si256();
    __m256i odd = even;
    for (const std::uint8_t* const end = at + size; at != end; at += 64) {
        even = _mm256_add_epi32(even, pairs_at(at));
        odd = _mm256_add_epi32(odd, pairs_at(at + 32));
    }
    alignas(32) std::int32_t lanes[8];
    _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), _mm256_add_epi32(even, odd));
    std::int64_t sum = static_cast<std::int64_t>(size / 2) * 0x8000;
    for (const std::int32_t lane : lanes)
        sum += lane;
    return static_cast<std::uint64_t>(sum);
}

// Adds not many bytes to a running sum.
inline std::uint64_t checksum_add_few(std::uint64_t sum, const std::uint8_t* at, std::size_t size) noexcept
{
    const bool is_short = size < sizeof(std::uint64_t);
    // Words of 64 bits, with each carry added at the other end. In assembly, as no compiler keeps one in its flag.
    for (; size >= 32; size -= 32, at += 32)
        asm("addq (%[at]), %[sum]\n\tadcq 8(%[at]), %[sum]\n\tadcq 16(%[at]), %[sum]\n\tadcq 24(%[at]), %[sum]\n\t"
            "adcq $0, %[sum]"
            : [sum] "+r"(sum)
            : [at] "r"(at), "m"(*reinterpret_cast<const std::uint8_t(*)[32]>(at))
            : "cc");
    for (; size >= 8; size -= 8, at += 8)
        sum = checksum_carry(sum, load<std::uint64_t>(at));
    if (size == 0)
        return sum;
    if (!is_short) // the end of a word that began before
        return checksum_carry(sum, load<std::uint64_t>(at + size - 8) >> (64 - 8 * size));
    if (size >= 4) {
        sum = checksum_carry(sum, load<std::uint32_t>(at));
        at += 4;
        size -= 4;
    }
    if (size >= 2) {
        sum = checksum_carry(sum, load<std::uint16_t>(at));
        at += 2;
        size -= 2;
    }
    if (size == 1)
        sum = checksum_carry(sum, *at);
    return sum;
}

// Adds bytes to a running sum (RFC 1071 section 2). Only the last piece of a message may have an odd length.
inline std::uint64_t checksum_add(std::uint64_t sum, const void* data, std::size_t size) noexcept
{
    const auto* at = static_cast<const std::uint8_t*>(data);
    if (size < kManyBytes)
        return checksum_add_few(sum, at, size);
    const std::size_t whole = size & ~std::size_t{63};
    return checksum_add_few(checksum_carry(sum, checksum_of_many(at, whole)), at + whole, size - whole);
}

// Copies, and returns the sum of what it copied: one pass over the memory.
inline std::uint64_t checksum_copy(std::byte* __restrict to, const std::byte* __restrict from,
                                   std::size_t size) noexcept
{
    const __m256i low_halves = _mm256_set1_epi64x(0xffffffff);
    __m256i sums = _mm256_setzero_si256(); // of 32-bit words; cannot overflow below 2^33 bytes
    for (; size >= 32; size -= 32, to += 32, from += 32) {
        const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), bytes);
        sums =
            _mm256_add_epi64(sums, _mm256_add_epi64(_mm256_and_si256(bytes, low_halves), _mm256_srli_epi64(bytes, 32)));
    }
    const __m128i half = _mm_add_epi64(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    const std::uint64_t sum =
        static_cast<std::uint64_t>(_mm_extract_epi64(half, 0)) + static_cast<std::uint64_t>(_mm_extract_epi64(half, 1));
    std::memcpy(to, from, size);
    return checksum_add(sum, to, size);
}

// Folds a sum that fits into 32 bits to 16.
inline std::uint16_t checksum_fold_small(std::uint32_t sum) noexcept
{
    std::uint16_t folded = 0;
    const bool carry =
        __builtin_add_overflow(static_cast<std::uint16_t>(sum), static_cast<std::uint16_t>(sum >> 16), &folded);
    return static_cast<std::uint16_t>(folded + carry);
}

// Any running sum; 0xffff for a message whose stored checksum is right.
inline std::uint16_t checksum_fold(std::uint64_t sum) noexcept
{
    const auto low = static_cast<std::uint32_t>(sum);
    std::uint32_t folded = 0;
    const bool carry = __builtin_add_overflow(low, static_cast<std::uint32_t>(sum >> 32), &folded);
    return checksum_fold_small(folded + carry);
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

// Of a header without options.
inline bool ipv4_plain_checksum_is_right(const Ipv4Header& ip) noexcept
{
    // Right if the 16-bit words' sum is a multiple of 0xffff, and so is then any number that they are the digits of:
    // here of three, whose carries are added at the other end. A multiplication tells. None of these sums is zero.
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&ip);
    const std::uint64_t sum = checksum_carry(checksum_carry(load<std::uint64_t>(bytes), load<std::uint64_t>(bytes + 8)),
                                             load<std::uint32_t>(bytes + 16));
    return sum % 0xffff == 0;
}
// Precondition: all of the header, options included, may be read.
inline bool ipv4_checksum_is_right(const Ipv4Header& ip) noexcept
{
    return ip.size() == sizeof(Ipv4Header) ? ipv4_plain_checksum_is_right(ip)
                                           : checksum_is_right(checksum_add(0, &ip, ip.size()));
}

// The pseudo header's sum, RFC 768 and RFC 8200 section 8.1. `length` counts bytes of the L4 header and payload.
inline std::uint64_t pseudo_sum_v4(const Ipv4Header& ip, std::uint8_t protocol, std::uint32_t length) noexcept
{
    const Be16 tail[2] = {Be16{protocol}, Be16{static_cast<std::uint16_t>(length)}};
    return checksum_add(load<std::uint64_t>(&ip.source), tail, 4);
}

inline std::uint64_t pseudo_sum_v6(const Ipv6Header& ip, std::uint8_t protocol, std::uint32_t length) noexcept
{
    const Be32 tail[2] = {Be32{length}, Be32{protocol}};
    return checksum_add(checksum_add(0, &ip.source, 32), tail, 8);
}

// Decrements the TTL and patches the checksum, RFC 1624 equation 3 (as the kernel's ip_decrease_ttl).
inline void decrement_ttl(Ipv4Header& ip) noexcept
{
    // As the words lie in memory, where what the TTL's byte loses is 1.
    const std::uint32_t sum = load<std::uint16_t>(&ip.checksum) + 1U;
    store(&ip.checksum, static_cast<std::uint16_t>(sum + (sum >= 0xffff ? 1U : 0U)));
    --ip.ttl;
}

} // namespace vx
