// SPDX-License-Identifier: BSD-3-Clause
// Stages: the FDB's lookups, of destination and source. The pipeline's loop is split between the two, so that all lines
// of a burst have been asked for before the first is read.
#pragma once

#include "dataplane/stage/packet.h"

namespace vx
{

inline void prefetch(Packet& packet, Context& context) noexcept
{
    context.fdb.prefetch(packet.destination.word());
    context.fdb.prefetch_with_age(packet.source.word()); // learn() stamps it
}

inline void lookup(Packet& packet, Context& context) noexcept
{
    const BucketTable::Found source = context.fdb.find(packet.source.word());
    packet.known_source = Dest::from_word(source.value);
    packet.source_slot = source.slot;
    if (packet.dest.kind() == Dest::Kind::kNone)
        packet.dest = Dest::from_word(context.fdb.find(packet.destination.word()).value);
}

} // namespace vx
