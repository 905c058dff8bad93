// SPDX-License-Identifier: BSD-3-Clause
// The named reasons for which a packet is dropped; every drop has exactly one, and each is counted.
#pragma once

#include <algorithm>
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

// What a port lost before anybody could look at it, in the order of PortLosses. All of its direction, which JSON has as
// an object of its own: there the names are without the "rx_" that they begin with.
inline constexpr DropReasonText kPortLosses[] = {
    {"rx_missed", "came to the port, and found its queue full",
     "frames come faster than vxd takes them, or nobody takes them for the device is set down; of a tap, also what "
     "did not fit into the container's own queue",
     "`vxctl stats show worker` says how busy the workers are: give them more CPUs (`vxd --workers 1,2`) and the port "
     "more queues (`queues N`), or take a faster kind of port than af_packet; `vxctl link set DEV up`"},
    {"rx_errors", "came to the port damaged, or larger than its buffers, or by memory that its other end took away",
     "a bad cable, card or switch; a sender with a larger MTU than the port's; a card that merges what it receives; "
     "or, "
     "of vhost-user and memif, another end that shortens the file that its memory lies in, which the log says",
     "`ethtool -S eth1` says which; give the whole segment one MTU, and the interface before its port is opened (`ip "
     "link set eth1 mtu 9000`); `ethtool -K eth1 gro off lro off`, which `vxd-doctor` looks for"},
    {"rx_nombuf", "came to the port when no packet buffer was left",
     "more frames wait in ports at once than there are packet buffers, as with no_mbuf",
     "start vxd with more of them (`vxd --packet-buffers COUNT`), in hugepages (`vxd-doctor` says how many are free)"},
};
constexpr std::string_view json_name_of(const DropReasonText& loss)
{
    return loss.name.substr(std::string_view{"rx_"}.size());
}

// Whoever meets a reason is told all three.
static_assert([] {
    const auto is_told = [](const DropReasonText& reason) {
        return !reason.meaning.empty() && !reason.cause.empty() && !reason.remedy.empty();
    };
    return std::ranges::all_of(kDropReasons, is_told) && std::ranges::all_of(kPortLosses, is_told);
}());

constexpr std::string_view to_string(DropReason reason)
{
    return kDropReasons[static_cast<std::size_t>(reason)].name;
}

} // namespace vx
