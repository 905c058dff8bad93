// SPDX-License-Identifier: BSD-3-Clause
// Frames that a port lost before vxd received them, as far as its driver and the kernel can tell.
#pragma once

#include <cstdint>

namespace vx
{

struct PortLosses {
    std::uint64_t rx_missed = 0; // the queue was full
    std::uint64_t rx_errors = 0; // damaged, or larger than the port takes
    std::uint64_t rx_nombuf = 0; // no packet buffer was left

    PortLosses& operator+=(const PortLosses& other)
    {
        rx_missed += other.rx_missed;
        rx_errors += other.rx_errors;
        rx_nombuf += other.rx_nombuf;
        return *this;
    }
    PortLosses since(const PortLosses& baseline) const
    {
        return {rx_missed - baseline.rx_missed, rx_errors - baseline.rx_errors, rx_nombuf - baseline.rx_nombuf};
    }
};

} // namespace vx
