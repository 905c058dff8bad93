// SPDX-License-Identifier: BSD-3-Clause
// Neighbours that are resolved by asking: ARP (RFC 826) and Neighbor Discovery (RFC 4861), with the states of
// `ip neigh`. Next hops towards VTEPs are asked for when they are configured and again before they go stale;
// neighbours of routed packets when the first packet wants them. Static entries are the Model's, and go first.
//
// An answer makes an entry REACHABLE; an announcement or somebody's own request makes it STALE: usable, to be
// confirmed. A next hop is confirmed by unicast long before kReachableMs, so it never goes stale while the peer lives;
// a neighbour of routed packets is confirmed once when that time is over, and forgotten if it does not answer.
//
// Does no I/O: it says what to send, and is told what came. Hooks run when the entries are consistent, `changed`
// before `release`; they may call back.
#pragma once

#include "control/model/model.h"
#include "dataplane/state/punt.h"

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace vx
{

enum class NudState : std::uint8_t { kIncomplete, kReachable, kStale, kProbe, kFailed };
std::string_view to_string(NudState state); // "INCOMPLETE", ...

// A routed frame that waits for the answer.
struct HeldFrame {
    LinkId in;
    std::vector<std::byte> frame;
    PacketTag tag;
};

struct ResolvedNeighbor {
    NudState state = NudState::kIncomplete;
    std::optional<Mac> mac;
    std::int64_t confirmed_ms = 0;        // when an answer last came
    std::int64_t next_ms = 0;             // when the next thing is due
    unsigned probes = 0;                  // unanswered, since confirmed or since the start
    bool is_next_hop = false;             // of a VTEP: never given up, never forgotten
    std::vector<HeldFrame> held;          // at most kMaxHeld
    std::optional<std::int64_t> moved_ms; // when another MAC was last taken for a known one
    std::int64_t release_window_ms = 0;   // frames that came too late to be held, see kMaxReleases
    unsigned released_in_window = 0;

    bool is_usable() const { return state != NudState::kIncomplete && state != NudState::kFailed; }
};

class Resolver
{
public:
    enum class Claim : std::uint8_t {
        kAnswer,       // to what was asked
        kNotice,       // somebody announced the address, or asked from it; taken if it is known
        kIntroduction, // the same, and taken in any case
    };
    static constexpr std::size_t kMaxHeld = 4;           // frames per neighbour
    static constexpr std::size_t kMaxNeighbors = 16384;  // asked for by traffic
    static constexpr std::size_t kMaxOfLink = 4096;      // of these, on one link: no tenant takes all places
    static constexpr std::int64_t kRetransmitMs = 1000;  // RFC 4861 RETRANS_TIMER
    static constexpr std::int64_t kReachableMs = 30'000; // RFC 4861 REACHABLE_TIME
    static constexpr unsigned kMaxProbes = 3;
    static constexpr std::int64_t kRefreshMs = kReachableMs * 2 / 3; // of next hops
    static constexpr std::int64_t kFailedMs = 3000;                  // how long a dead neighbour is remembered
    static constexpr std::size_t kMaxHeldBytes = 16 << 20;           // of all neighbours
    static constexpr std::size_t kMaxAsked = 256; // solicitations a tick: they share a ring with other frames
    // Frames a second that are sent back because their neighbour is known by now. They were on their way here when it
    // became known; more than this would be a frame that goes round for ever.
    static constexpr unsigned kMaxReleases = 256;

    struct Hooks {
        // Ask who has `address` on the link; unicast to `known` where it is to be confirmed.
        std::function<void(LinkId link, const IpAddress& address, std::optional<Mac> known)> solicit;
        // The MAC became known, changed, or was given up (nothing).
        std::function<void(const NeighborKey& key, std::optional<Mac> mac)> changed;
        // Frames held for a neighbour: to be sent now, or to be dropped.
        std::function<void(const HeldFrame& held)> release;
        std::function<void(const HeldFrame& held)> dropped;
    };
    explicit Resolver(Hooks hooks) : hooks_(std::move(hooks)) {}

    std::optional<Mac> find(const NeighborKey& key) const; // usable now: not INCOMPLETE, not FAILED
    const std::map<NeighborKey, ResolvedNeighbor>& all() const { return neighbors_; }

    // The next hops that VTEPs need in addition, and those that they need no more: these are forgotten, unless others
    // need them, and not reported.
    void change_next_hops(std::span<const NeighborKey> wanted, std::span<const NeighborKey> unwanted,
                          std::int64_t now_ms);
    // A routed frame wants this neighbour: it is held, and released or dropped later.
    void hold(const NeighborKey& key, HeldFrame frame, std::int64_t now_ms);
    // Who says which MAC is an address's. A neighbour's MAC changes at most once a kRetransmitMs, so that two
    // who claim one address do not keep us busy; a claim that is refused for that has the other one probed.
    void heard(const NeighborKey& key, const Mac& mac, Claim claim, std::int64_t now_ms);
    // Retries, refreshes and gives up what is due. Call at least every 100 ms.
    void tick(std::int64_t now_ms);
    // Forgets a neighbour, or every one of a link that is deleted; held frames are dropped. A next
    // hop that is forgotten alone is asked for anew.
    bool forget(const NeighborKey& key);
    void forget_link(LinkId link);

private:
    struct Outcome { // what the hooks are to be told
        std::vector<std::pair<NeighborKey, std::optional<Mac>>> changed;
        std::vector<std::pair<NeighborKey, std::optional<Mac>>> asked;
        std::vector<HeldFrame> released;
        std::vector<HeldFrame> dropped;
    };
    enum class Fate : std::uint8_t { kKept, kForgotten };

    void tell(const Outcome& outcome);
    bool is_full(LinkId link) const;
    void schedule(ResolvedNeighbor& neighbor, std::int64_t when_ms);
    void ask(const NeighborKey& key, ResolvedNeighbor& neighbor, std::int64_t now_ms, Outcome& outcome);
    Fate advance(const NeighborKey& key, ResolvedNeighbor& neighbor, std::int64_t now_ms, Outcome& outcome);
    void lose(const NeighborKey& key, ResolvedNeighbor& neighbor, Outcome& outcome);
    void move_held(ResolvedNeighbor& neighbor, std::vector<HeldFrame>& to);
    bool may_release(ResolvedNeighbor& neighbor, std::int64_t now_ms);

    Hooks hooks_;
    std::map<NeighborKey, ResolvedNeighbor> neighbors_;
    std::size_t next_hop_count_ = 0;
    std::size_t held_bytes_ = 0;
    std::int64_t due_ms_ = std::numeric_limits<std::int64_t>::max(); // nothing is due before
    NeighborKey tick_from_; // where a tick begins, so that a long list has its turn from end to end
};

} // namespace vx
