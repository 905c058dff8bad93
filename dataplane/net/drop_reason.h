// SPDX-License-Identifier: BSD-3-Clause
// The named reasons for which a packet is dropped; every drop has exactly one, and each is counted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace vx
{

enum class DropReason : std::uint8_t {
#define VX_DROP(name, meaning, cause, remedy) name,
#include "dataplane/net/drop_reasons.def"
#undef VX_DROP
};

struct DropReasonText {
    std::string_view name;
    std::string_view meaning;
    std::string_view cause;  // what usually leads to it
    std::string_view remedy; // in the words of vxctl and ip
};

inline constexpr DropReasonText kDropReasons[] = {
#define VX_DROP(name, meaning, cause, remedy) {#name, meaning, cause, remedy},
#include "dataplane/net/drop_reasons.def"
#undef VX_DROP
};

inline constexpr std::size_t kDropReasonCount = sizeof(kDropReasons) / sizeof(kDropReasons[0]);

// Whoever meets a reason is told all three.
static_assert([] {
    for (const DropReasonText& reason : kDropReasons)
        if (reason.meaning.empty() || reason.cause.empty() || reason.remedy.empty())
            return false;
    return true;
}());

constexpr std::string_view to_string(DropReason reason)
{
    return kDropReasons[static_cast<std::size_t>(reason)].name;
}

} // namespace vx
