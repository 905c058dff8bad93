// SPDX-License-Identifier: BSD-3-Clause
// The packet's way. Read this file first: three entries, the order of the stages in each, and nothing else.
//
//   parse   | what does the frame say; ask for FDB lines      stage/decap.h, stage/parse.h
//   lookup  | where does the FDB say that its MACs are       stage/lookup.h
//   decide  | learn, forward, route                          stage/learn.h, stage/forward.h, stage/route.h
//   rewrite | put the outer headers in front                 stage/encap.h
//   leave   | to a port, to several, to the control thread   transmitter.h
//
// With WithProbe, captures look at packets on the way (capture/probe.h); without, nothing of that is there.
// A drop is a Dest with a reason, set by whichever stage finds it; later stages pass it by, and Transmitter counts it.
#pragma once

#include "dataplane/capture/probe.h"
#include "dataplane/stage/decap.h"
#include "dataplane/stage/encap.h"
#include "dataplane/stage/forward.h"
#include "dataplane/stage/learn.h"
#include "dataplane/stage/lookup.h"
#include "dataplane/stage/parse.h"
#include "dataplane/stage/route.h"
#include "dataplane/transmitter.h"

namespace vx
{

// Frames from a container's port.
template <typename Look = WithoutProbe>
inline void overlay_rx(std::span<Packet> packets, Context& context) noexcept
{
    sweep<parse>(packets, context);
    sweep_undecided<lookup_destination, learn_source, forward, Look::bridged, prefetch_vtep>(packets, context);
    route(context);
    Look::routed(context);
    sweep<Look::encapsulating, encap, transmit>(packets, context);
}

// Frames from the fabric.
template <typename Look = WithoutProbe>
inline void underlay_rx(std::span<Packet> packets, Context& context) noexcept
{
    sweep<decap, Look::decapsulated, parse_decapsulated>(packets, context);
    sweep_undecided<lookup_source, lookup_destination, learn_vtep, forward, Look::bridged>(packets, context);
    hash_routed(context);
    route(context);
    Look::routed(context);
    sweep<Look::encapsulating, encap, transmit>(packets, context);
}

// Frames that the control thread made, or held back until a neighbour was known: they enter at the interface that
// they name, and teach nobody anything.
template <typename Look = WithoutProbe>
inline void local_tx(std::span<Packet> packets, Context& context) noexcept
{
    sweep<parse>(packets, context);
    sweep_undecided<lookup_destination, forward, Look::bridged>(packets, context);
    route(context);
    Look::routed(context);
    sweep<Look::encapsulating, encap, transmit>(packets, context);
}

} // namespace vx
