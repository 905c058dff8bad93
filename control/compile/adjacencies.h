// SPDX-License-Identifier: BSD-3-Clause
// What routes lead to, each once. Those by a next hop hold its MAC and the FDB's answer for it, which workers read
// instead of asking both tables: whoever changes a neighbour or an FDB entry says so here, and the next packet sees it.
#pragma once

#include "control/model/model.h"
#include "dataplane/state/adjacency.h"
#include "dataplane/state/fdb.h"
#include "dataplane/state/neighbor_table.h"
#include "dataplane/state/shared_array.h"

#include <compare>
#include <cstdint>
#include <map>
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

    struct Key {
        Adjacency::Kind kind = Adjacency::Kind::kNone;
        LinkId interface;
        std::uint32_t via = 0; // host order
        friend auto operator<=>(const Key&, const Key&) = default;
    };

    // Begins anew. Workers that read what was there before go on reading it, as it was last.
    void clear();
    // The number of what a route leads to, for as long as it is not given back as often. `domain` is the interface's;
    // who has another one gives all back first.
    std::uint32_t acquire(const Key& key, BridgeId domain);
    void release(std::uint32_t number);
    // For the next config; whoever acquires has to publish it.
    const SharedArray<Adjacency>& rows() const { return rows_; }

    // What a table says of this has changed, come or gone.
    void note(const NeighborKey& neighbor);
    void note(FdbKey key);

private:
    struct Hop { // of an adjacency, by its number
        Key key;
        BridgeId domain;
        std::uint32_t references = 0;
        std::optional<Mac> mac;
    };

    void compile(std::uint32_t number);
    void follow(std::uint32_t number, std::optional<Mac> mac);

    const NeighborTable& neighbors_;
    const Fdb& fdb_;
    SharedArray<Adjacency> rows_{1}; // 0: no route
    std::vector<Hop> hops_ = std::vector<Hop>(1);
    std::vector<std::uint32_t> free_;
    std::map<Key, std::uint32_t> numbers_;
    std::unordered_map<std::uint64_t, std::vector<std::uint32_t>> users_; // of an FDB entry, by its key
};

} // namespace vx
