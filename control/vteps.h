// SPDX-License-Identifier: BSD-3-Clause
// Numbers for far VTEPs and for replication lists, so that an FDB entry names them in one word. A number stays while
// anything refers to it, and is given out again only after the config that knew it is gone.
#pragma once

#include "control/model.h"
#include "dataplane/state/ids.h"

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace vx
{

class VtepRegistry
{
public:
    using Key = std::pair<LinkId, Remote>; // the VXLAN device and the far VTEP
    struct Vtep {
        Key key;
        std::uint32_t references = 0; // FDB entries, flood lists and replication lists
    };
    struct List {
        LinkId vxlan;
        std::vector<VtepId> vteps;
        std::uint32_t references = 0; // FDB entries
    };

    // The number of a VTEP; a new one has no references yet.
    VtepId intern(const Key& key);
    std::optional<VtepId> find(const Key& key) const;
    const Key& key_of(VtepId id) const { return vteps_[id.value].key; }
    // The number of a list with exactly these VTEPs.
    ReplicationId intern(LinkId vxlan, const std::vector<VtepId>& vteps);
    const List& list_of(ReplicationId id) const { return lists_[id.value]; }

    void acquire(VtepId id) { ++vteps_[id.value].references; }
    void release(VtepId id) { is_garbage_ |= --vteps_[id.value].references == 0; }
    void acquire(ReplicationId id) { ++lists_[id.value].references; }
    void release(ReplicationId id) { is_garbage_ |= --lists_[id.value].references == 0; }
    // Frees every number without references. Call when no config and no FDB entry names them.
    void collect();
    // True if something was interned since the last call: the config has to be compiled anew.
    bool take_is_new() { return std::exchange(is_new_, false); }

    // By number; a free one has a key with no link.
    const std::vector<Vtep>& vteps() const { return vteps_; }
    const std::vector<List>& lists() const { return lists_; }

private:
    std::vector<Vtep> vteps_{1};
    std::vector<List> lists_{1};
    std::vector<std::uint32_t> free_vteps_, free_lists_;
    std::map<Key, VtepId> by_key_;
    std::map<std::pair<LinkId, std::vector<VtepId>>, ReplicationId> by_list_;
    bool is_new_ = false;
    bool is_garbage_ = false; // there may be numbers without references
};

} // namespace vx
