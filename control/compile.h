// SPDX-License-Identifier: BSD-3-Clause
// Model -> ForwardingConfig: everything that can be known before a packet comes. A pure function; it fills all but
// what the Dataplane adds when it publishes (ports, queues, tables).
#pragma once

#include "control/model.h"
#include "control/vteps.h"
#include "dataplane/state/forwarding_config.h"

#include <functional>
#include <memory>
#include <optional>
#include <set>

namespace vx
{

struct Compiled {
    std::unique_ptr<ForwardingConfig> config;
    std::set<NeighborKey> next_hops; // that VTEPs need, on underlay ports, static or not
};

// `mac_of` says what is known of a neighbour now.
Compiled compile(const Model& model, const VtepRegistry& vteps,
                 const std::function<std::optional<Mac>(const NeighborKey&)>& mac_of);

} // namespace vx
