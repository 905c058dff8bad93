// SPDX-License-Identifier: BSD-3-Clause
// Stages: what the FDB says of the two MACs that parse() has noted.
#pragma once

#include "dataplane/stage/packet.h"

namespace vx
{

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
