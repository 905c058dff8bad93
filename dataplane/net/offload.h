// SPDX-License-Identifier: BSD-3-Clause
// The offload contract: what a frame may leave undone for whoever sends it on, and what a port does about it. Checksums
// and segmentation are put off as far as they go; whatever the last port lacks is done in software there, once.
#pragma once

#include <cstdint>

namespace vx
{

// How a frame larger than the MTU is to be cut into segments, each with the frame's headers (generic segmentation
// offload). Only a frame with a partial L4 checksum is one; each segment gets a whole one.
enum class Gso : std::uint8_t {
    kNone,
    kTcp4,
    kTcp6,
    kUdp, // datagrams of one size, over either family
};

// What a port takes undone, because it or its other end does it.
struct Offloads {
    bool checksum = false; // a partial L4 checksum
    bool tso4 = false;
    bool tso6 = false;
    bool uso = false;
    bool tunnels = false; // the same of frames with the outer headers of a tunnel, whose checksum it completes too

    constexpr bool takes(Gso gso) const
    {
        switch (gso) {
        case Gso::kTcp4:
            return tso4;
        case Gso::kTcp6:
            return tso6;
        case Gso::kUdp:
            return uso;
        default:
            return checksum;
        }
    }
    friend constexpr bool operator==(const Offloads&, const Offloads&) = default;
};

} // namespace vx
