// SPDX-License-Identifier: BSD-3-Clause
// What the files of `stats` share: what ports lose, in words, and `stats reasons`.
#pragma once

#include "control/command.h"
#include "dataplane/dataplane.h"
#include "dataplane/net/drop_reason.h"

#include <cstdint>

namespace vx
{

// Frames that never got as far as the counters of what was received.
struct LossText {
    DropReasonText text;
    std::uint64_t PortLosses::*count;
};
inline constexpr LossText kLosses[] = {
    {{"rx_missed", "came to the port, and found its queue full",
      "frames come faster than vxd takes them, or nobody takes them for the device is set down; of a tap, also what "
      "did "
      "not fit into the container's own queue",
      "`vxctl stats show worker` says how busy the workers are: give them more CPUs (`vxd --workers 1,2`) and the port "
      "more queues (`queues N`), or take a faster kind of port than af_packet; `vxctl link set DEV up`"},
     &PortLosses::rx_missed},
    {{"rx_errors", "came to the port damaged, or larger than its buffers",
      "a bad cable, card or switch; a sender with a larger MTU than the port's; or a card that merges what it receives",
      "`ethtool -S eth1` says which; give the whole segment one MTU, and the interface before its port is opened (`ip "
      "link set eth1 mtu 9000`); `ethtool -K eth1 gro off lro off`, which `vxd-doctor` looks for"},
     &PortLosses::rx_errors},
    {{"rx_nombuf", "came to the port when no packet buffer was left",
      "more frames wait in ports at once than there are packet buffers, as with no_mbuf",
      "start vxd with more of them (`vxd --packet-buffers COUNT`), in hugepages (`vxd-doctor` says how many are free)"},
     &PortLosses::rx_nombuf},
};
static_assert([] {
    for (const LossText& loss : kLosses)
        if (loss.text.meaning.empty() || loss.text.cause.empty() || loss.text.remedy.empty())
            return false;
    return true;
}());

inline constexpr std::string_view kReasonsUsage = "[ REASON ]";

// Why frames are dropped or lost, and what to do: the list, or one reason in full. Nobody has to run for it.
Result<Reply> reasons(Words& words);

} // namespace vx
