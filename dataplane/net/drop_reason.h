// SPDX-License-Identifier: BSD-3-Clause
// The named reasons for which a packet is dropped; every drop has exactly one, and each is counted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace vx
{

enum class DropReason : std::uint8_t {
#define VX_DROP(name, text) name,
#include "dataplane/net/drop_reasons.def"
#undef VX_DROP
};

struct DropReasonText {
    std::string_view name;
    std::string_view meaning;
};

inline constexpr DropReasonText kDropReasons[] = {
#define VX_DROP(name, text) {#name, text},
#include "dataplane/net/drop_reasons.def"
#undef VX_DROP
};

inline constexpr std::size_t kDropReasonCount = sizeof(kDropReasons) / sizeof(kDropReasons[0]);

constexpr std::string_view to_string(DropReason reason)
{
    return kDropReasons[static_cast<std::size_t>(reason)].name;
}

} // namespace vx
