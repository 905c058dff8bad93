// SPDX-License-Identifier: BSD-3-Clause
// Stages: what is asked of the FDB, and the answer. The pipeline's loop is split between the two, so that all lines of
// a burst have been asked for before the first is read.
#pragma once

#include "dataplane/stage/packet.h"

namespace vx
{

inline void prefetch(Packet& packet, Context& context) noexcept
{
    context.fdb.prefetch(packet.destination_home);
    context.fdb.prefetch_with_age(packet.source_home); // learn() stamps it
}

inline void lookup_source(Packet& packet, Context& context) noexcept
{
    const BucketTable::Found found = context.fdb.find(packet.source.word(), packet.source_home);
    packet.known_source = Dest::from_word(found.value);
    packet.source_slot = found.slot;
}

inline void lookup_destination(Packet& packet, Context& context) noexcept
{
    const BucketTable::Found found = context.fdb.find(packet.destination.word(), packet.destination_home);
    packet.dest = Dest::from_word(found.value).without_flags();
}

} // namespace vx
