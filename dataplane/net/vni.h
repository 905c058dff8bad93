// SPDX-License-Identifier: BSD-3-Clause
// VXLAN Network Identifier, RFC 7348 section 5: 24 bits.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>

namespace vx
{

class Vni
{
public:
    static constexpr std::uint32_t kMax = (1U << 24) - 1;

    constexpr Vni() = default;
    static constexpr std::optional<Vni> from(std::uint32_t value)
    {
        if (value > kMax)
            return std::nullopt;
        return Vni{value};
    }
    // From the last 32-bit word of a VXLAN header in host order; its low byte is reserved and ignored.
    static constexpr Vni from_header_word(std::uint32_t word) { return Vni{word >> 8}; }

    constexpr std::uint32_t value() const { return value_; }
    friend constexpr auto operator<=>(const Vni&, const Vni&) = default;

private:
    constexpr explicit Vni(std::uint32_t value) : value_(value) {}
    std::uint32_t value_ = 0;
};

} // namespace vx
