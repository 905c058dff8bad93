// SPDX-License-Identifier: BSD-3-Clause
// Small integers that name things in the data plane. Each is its own type, and kNone is never a valid value.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace vx
{

template <typename Tag, typename Word>
struct Id {
    Word value = 0;
    constexpr bool is_none() const { return value == 0; }
    friend constexpr auto operator<=>(const Id&, const Id&) = default;
};

// A device of the model: port, bridge or VXLAN device; what Linux calls ifindex. Index into ForwardingConfig::links
// and into every worker's link counters.
using LinkId = Id<struct LinkTag, std::uint16_t>;
// A bridging domain: a bridge with its members, or a VXLAN device (or port) that stands alone and is routed.
using BridgeId = Id<struct BridgeTag, std::uint16_t>;
// Index into ForwardingConfig::vteps: one far VTEP as seen by one VXLAN device, VNI and UDP port.
using VtepId = Id<struct VtepTag, std::uint32_t>;
// Index into ForwardingConfig::replication: an explicit list of VTEPs that one FDB entry replicates to.
using ReplicationId = Id<struct ReplicationTag, std::uint32_t>;

inline constexpr std::size_t kMaxLinks = 65536; // that a LinkId tells apart

inline constexpr LinkId kNoLink{};
inline constexpr BridgeId kNoBridge{};

} // namespace vx
