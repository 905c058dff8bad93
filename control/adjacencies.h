// SPDX-License-Identifier: BSD-3-Clause
// What routes lead to, each once. Those by a next hop hold its MAC and the FDB's answer for it, which workers read
// instead of asking both tables: whoever changes a neighbour or an FDB entry says so here, and the next packet sees it.
#pragma once

#include "control/model.h"
#include "dataplane/state/adjacency.h"
#include "dataplane/state/fdb.h"
#include "dataplane/state/neighbor_table.h"
#include "dataplane/state/shared_array.h"

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

namespace vx
{

class Adjacencies
{
public:
    // Both have to outlive it.
    Adjacencies(const NeighborTable& neighbors, const Fdb& fdb) : neighbors_(neighbors), fdb_(fdb) {}

    // Begins anew. Workers that read what was there before go on reading it, as it was last.
    void clear();
    // The number of what a route leads to. `domain` is the interface's. Not after rows() was published; clear() first.
    std::uint32_t number_of(Adjacency::Kind kind, LinkId interface, std::uint32_t via, BridgeId domain);
    // For the next config.
    const SharedArray<Adjacency>& rows() const { return rows_; }

    // What a table says of this has changed, come or gone.
    void note(const NeighborKey& neighbor);
    void note(FdbKey key);

private:
    struct Hop { // of an adjacency, by its number
        BridgeId domain;
        std::optional<Mac> mac;
    };

    static std::uint64_t key_of(Adjacency::Kind kind, LinkId interface, std::uint32_t via);
    void compile(std::uint32_t number);

    const NeighborTable& neighbors_;
    const Fdb& fdb_;
    SharedArray<Adjacency> rows_{1}; // 0: no route
    std::vector<Hop> hops_ = std::vector<Hop>(1);
    std::unordered_map<std::uint64_t, std::uint32_t> numbers_;            // by key_of()
    std::unordered_map<std::uint64_t, std::vector<std::uint32_t>> users_; // of an FDB entry, by its key
};

} // namespace vx
