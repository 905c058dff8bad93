// SPDX-License-Identifier: BSD-3-Clause
// Numbers for far VTEPs and for replication lists, so that an FDB entry names them in one word. A number stays while
// anything refers to it, and is given out again only after the config that knew it is gone.
#pragma once

#include "control/model/model.h"
#include "dataplane/state/ids.h"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace vx
{

struct IdHash {
    template <typename Tag, typename Word>
    std::size_t operator()(Id<Tag, Word> id) const noexcept
    {
        return id.value;
    }
};

class VtepRegistry
{
public:
    // Pairs of a VXLAN device and a far VTEP: learned ones, which anybody on the fabric can make up, take half at most.
    static constexpr std::size_t kMax = std::size_t{1} << 20;
    static constexpr std::size_t kMaxForLearned = kMax / 2;

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
    // Whether that one has a number, or may get one where there are fewer than `max`.
    bool has_room_for(const Key& key, std::size_t max = kMax) const
    {
        return by_key_.size() < max || by_key_.contains(key);
    }
    const Key& key_of(VtepId id) const { return vteps_[id.value].key; }
    // The number of a list with exactly these VTEPs.
    ReplicationId intern(LinkId vxlan, const std::vector<VtepId>& vteps);
    const List& list_of(ReplicationId id) const { return lists_[id.value]; }

    void acquire(VtepId id) { ++vteps_[id.value].references; }
    void release(VtepId id)
    {
        if (--vteps_[id.value].references == 0)
            unused_vteps_.push_back(id);
    }
    void acquire(ReplicationId id) { ++lists_[id.value].references; }
    void release(ReplicationId id)
    {
        if (--lists_[id.value].references == 0)
            unused_lists_.push_back(id);
    }
    // Frees every number without references. Call when no config and no FDB entry names them.
    void collect();

    // What was interned or freed since the config was last compiled.
    struct Changes {
        std::vector<VtepId> vteps;
        std::vector<ReplicationId> lists;
        bool has_new = false; // the config lacks a number that is in use
    };
    const Changes& changes() const { return changes_; }
    Changes take_changes() { return std::exchange(changes_, {}); }

    // By number; a free one has a key with no link.
    const std::vector<Vtep>& vteps() const { return vteps_; }
    const std::vector<List>& lists() const { return lists_; }
    // Those of a VXLAN device.
    const std::unordered_set<VtepId, IdHash>& vteps_of(LinkId vxlan) const;
    // By their addresses.
    const std::map<IpAddress, std::set<VtepId>>& remotes() const { return remotes_; }

private:
    struct KeyHash {
        std::size_t operator()(const Key& key) const noexcept
        {
            const std::uint64_t rest = (std::uint64_t{key.first.value} << 40) ^ (std::uint64_t{key.second.port} << 24) ^
                                       key.second.vni.value();
            return std::hash<IpAddress>{}(key.second.address) ^ (rest * 0x9e3779b97f4a7c15ULL >> 7);
        }
    };

    std::vector<Vtep> vteps_{1};
    std::vector<List> lists_{1};
    std::vector<std::uint32_t> free_vteps_, free_lists_;
    std::vector<VtepId> unused_vteps_; // had no references at some time
    std::vector<ReplicationId> unused_lists_;
    std::unordered_map<Key, VtepId, KeyHash> by_key_;
    std::map<std::pair<LinkId, std::vector<VtepId>>, ReplicationId> by_list_;
    std::unordered_map<LinkId, std::unordered_set<VtepId, IdHash>, IdHash> by_link_;
    std::map<IpAddress, std::set<VtepId>> remotes_;
    Changes changes_;
};

} // namespace vx
