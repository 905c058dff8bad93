// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/dataplane.h"

namespace vx
{

LinkTotals LinkTotals::since(const LinkTotals& baseline) const
{
    LinkTotals totals = *this;
    totals.rx_packets -= baseline.rx_packets;
    totals.rx_bytes -= baseline.rx_bytes;
    totals.tx_packets -= baseline.tx_packets;
    totals.tx_bytes -= baseline.tx_bytes;
    for (std::size_t i = 0; i < kDropReasonCount; ++i)
        totals.drops[i] -= baseline.drops[i];
    return totals;
}

std::uint64_t LinkTotals::dropped() const
{
    std::uint64_t sum = 0;
    for (const std::uint64_t count : drops)
        sum += count;
    return sum;
}

} // namespace vx
