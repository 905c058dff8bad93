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

// What a port lost before anybody could look at it, in the order of PortLosses.
inline constexpr DropReasonText kPortLosses[] = {
    {"rx_missed", "came to the port, and found its queue full"},
    {"rx_errors", "came to the port damaged, or larger than its buffers"},
    {"rx_nombuf", "came to the port when no packet buffer was left"},
};

constexpr std::string_view to_string(DropReason reason)
{
    return kDropReasons[static_cast<std::size_t>(reason)].name;
}

} // namespace vx
