// SPDX-License-Identifier: BSD-3-Clause
// Stages: the bulk lookups, where the pipeline's loop is split so that table misses overlap.
#pragma once

#include "dataplane/stage/packet.h"

#include <array>

namespace vx
{

// Destination and source of every packet that is still going somewhere.
inline void lookup(std::span<Packet> packets, Context& context) noexcept
{
    std::array<std::uint64_t, 2 * kBurst> keys;
    std::array<BucketTable::Found, 2 * kBurst> found;
    for (std::size_t i = 0; i < packets.size(); ++i) {
        keys[2 * i] = packets[i].destination.word();
        keys[2 * i + 1] = packets[i].source.word();
    }
    context.config.fdb->find_bulk(std::span{keys.data(), 2 * packets.size()}, found);
    for (std::size_t i = 0; i < packets.size(); ++i) {
        Packet& packet = packets[i];
        packet.known_source = Dest::from_word(found[2 * i + 1].value);
        packet.source_slot = found[2 * i + 1].slot;
        if (packet.dest.kind() == Dest::Kind::kNone)
            packet.dest = Dest::from_word(found[2 * i].value);
    }
}

} // namespace vx
