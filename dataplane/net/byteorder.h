// SPDX-License-Identifier: BSD-3-Clause
// Big-endian integers as they lie on the wire. Bytes inside, so wire structs need no packing; convert with host(),
// compute, convert back.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace vx
{

static_assert(std::endian::native == std::endian::little, "vxd runs on x86-64");

class Be16
{
public:
    constexpr Be16() = default;
    constexpr Be16(std::uint16_t host)
        : bytes_{static_cast<std::uint8_t>(host >> 8), static_cast<std::uint8_t>(host & 0xff)}
    {
    }
    constexpr std::uint16_t host() const { return static_cast<std::uint16_t>((bytes_[0] << 8) | bytes_[1]); }
    friend constexpr bool operator==(Be16 a, Be16 b)
    {
        return std::bit_cast<std::uint16_t>(a) == std::bit_cast<std::uint16_t>(b);
    }

private:
    std::uint8_t bytes_[2] = {};
};

class Be32
{
public:
    constexpr Be32() = default;
    constexpr Be32(std::uint32_t host)
        : bytes_{static_cast<std::uint8_t>(host >> 24), static_cast<std::uint8_t>((host >> 16) & 0xff),
                 static_cast<std::uint8_t>((host >> 8) & 0xff), static_cast<std::uint8_t>(host & 0xff)}
    {
    }
    constexpr std::uint32_t host() const
    {
        return (std::uint32_t{bytes_[0]} << 24) | (std::uint32_t{bytes_[1]} << 16) | (std::uint32_t{bytes_[2]} << 8) |
               std::uint32_t{bytes_[3]};
    }
    friend constexpr bool operator==(Be32 a, Be32 b)
    {
        return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
    }

private:
    std::uint8_t bytes_[4] = {};
};

static_assert(sizeof(Be16) == 2 && alignof(Be16) == 1);
static_assert(sizeof(Be32) == 4 && alignof(Be32) == 1);

// Unaligned loads of wire bytes in host representation (no swap).
template <typename T>
inline T load(const void* from) noexcept
{
    T value;
    std::memcpy(&value, from, sizeof(T));
    return value;
}

// A big-endian integer, in one instruction.
template <typename T>
inline T load_big(const void* from) noexcept
{
    if constexpr (sizeof(T) == 2)
        return __builtin_bswap16(load<T>(from));
    else if constexpr (sizeof(T) == 4)
        return __builtin_bswap32(load<T>(from));
    else
        return __builtin_bswap64(load<T>(from));
}

// The counterpart of load(): a value as it is, such as a checksum that was summed without swapping.
template <typename T>
inline void store(void* to, T value) noexcept
{
    std::memcpy(to, &value, sizeof(T));
}
template <typename T>
inline void store_big(void* to, T value) noexcept
{
    store(to, load_big<T>(&value));
}

} // namespace vx
