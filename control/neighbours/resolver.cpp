// SPDX-License-Identifier: BSD-3-Clause
#include "control/neighbours/resolver.h"

#include <algorithm>
#include <iterator>

namespace vx
{

std::string_view to_string(NudState state)
{
    switch (state) {
    case NudState::kIncomplete:
        return "INCOMPLETE";
    case NudState::kReachable:
        return "REACHABLE";
    case NudState::kStale:
        return "STALE";
    case NudState::kProbe:
        return "PROBE";
    case NudState::kFailed:
        return "FAILED";
    }
    return "NONE";
}

std::optional<Mac> Resolver::find(const NeighborKey& key) const
{
    const auto found = neighbors_.find(key);
    return found != neighbors_.end() && found->second.is_usable() ? found->second.mac : std::nullopt;
}

void Resolver::change_next_hops(std::span<const NeighborKey> wanted, std::span<const NeighborKey> unwanted,
                                std::int64_t now_ms)
{
    Outcome outcome;
    for (const NeighborKey& key : unwanted) {
        const auto found = neighbors_.find(key);
        if (found == neighbors_.end() || !found->second.is_next_hop)
            continue;
        move_held(found->second, outcome.dropped);
        neighbors_.erase(found);
        --next_hop_count_;
    }
    for (const NeighborKey& key : wanted) {
        ResolvedNeighbor& neighbor = neighbors_[key];
        if (neighbor.is_next_hop)
            continue;
        neighbor.is_next_hop = true;
        ++next_hop_count_;
        schedule(neighbor, now_ms);
        if (neighbor.state == NudState::kIncomplete && outcome.asked.size() < kMaxAsked)
            ask(key, neighbor, now_ms, outcome);
    }
    tell(outcome);
}

bool Resolver::is_full(LinkId link) const
{
    if (neighbors_.size() >= kMaxNeighbors + next_hop_count_)
        return true;
    const auto first = neighbors_.lower_bound({link, IpAddress{}});
    const auto last =
        std::find_if(first, neighbors_.end(), [&](const auto& entry) { return entry.first.first != link; });
    return static_cast<std::size_t>(std::distance(first, last)) >= kMaxOfLink;
}

void Resolver::hold(const NeighborKey& key, HeldFrame frame, std::int64_t now_ms)
{
    Outcome outcome;
    const auto drop = [&] { outcome.dropped.push_back(std::move(frame)); };
    auto found = neighbors_.find(key);
    if (found == neighbors_.end() && !is_full(key.first)) {
        found = neighbors_.try_emplace(key).first;
        ask(key, found->second, now_ms, outcome);
    }
    if (found == neighbors_.end()) {
        drop();
    } else if (found->second.is_usable()) {
        if (may_release(found->second, now_ms))
            outcome.released.push_back(std::move(frame));
        else
            drop();
    } else if (found->second.state == NudState::kFailed || held_bytes_ + frame.frame.size() > kMaxHeldBytes) {
        drop();
    } else {
        auto& held = found->second.held;
        held_bytes_ += frame.frame.size();
        held.push_back(std::move(frame));
        if (held.size() > kMaxHeld) {
            held_bytes_ -= held.front().frame.size();
            outcome.dropped.push_back(std::move(held.front()));
            held.erase(held.begin());
        }
    }
    tell(outcome);
}

void Resolver::heard(const NeighborKey& key, const Mac& mac, Claim claim, std::int64_t now_ms)
{
    if (!mac.is_unicast())
        return;
    auto found = neighbors_.find(key);
    if (found == neighbors_.end()) {
        if (claim != Claim::kIntroduction || is_full(key.first))
            return;
        found = neighbors_.try_emplace(key).first;
    }
    ResolvedNeighbor& neighbor = found->second;
    const bool is_known = neighbor.is_usable() && neighbor.mac == mac;
    if (is_known && claim != Claim::kAnswer)
        return; // it said nothing new, and not that it hears us
    if (neighbor.is_usable() && !is_known) {
        if (neighbor.moved_ms && now_ms - *neighbor.moved_ms < kRetransmitMs) {
            if (neighbor.state != NudState::kProbe)
                schedule(neighbor, now_ms);
            return;
        }
        neighbor.moved_ms = now_ms;
    }
    neighbor.state = claim == Claim::kAnswer ? NudState::kReachable : NudState::kStale;
    neighbor.mac = mac;
    neighbor.confirmed_ms = now_ms;
    neighbor.probes = 0;
    if (neighbor.is_next_hop)
        schedule(neighbor, claim == Claim::kAnswer ? now_ms + kRefreshMs : now_ms);
    else
        schedule(neighbor, now_ms + kReachableMs);
    Outcome outcome;
    if (!is_known)
        outcome.changed.emplace_back(key, mac);
    move_held(neighbor, outcome.released);
    tell(outcome);
}

void Resolver::tick(std::int64_t now_ms)
{
    if (now_ms < due_ms_)
        return;
    due_ms_ = std::numeric_limits<std::int64_t>::max();
    Outcome outcome;
    auto at = neighbors_.lower_bound(tick_from_);
    std::optional<NeighborKey> left_off;
    for (std::size_t left = neighbors_.size(); left != 0; --left) {
        if (at == neighbors_.end())
            at = neighbors_.begin();
        if (at->second.next_ms > now_ms) {
            due_ms_ = std::min(due_ms_, at->second.next_ms);
        } else if (outcome.asked.size() >= kMaxAsked) {
            due_ms_ = now_ms;
            if (!left_off)
                left_off = at->first;
        } else if (advance(at->first, at->second, now_ms, outcome) == Fate::kForgotten) {
            at = neighbors_.erase(at);
            continue;
        }
        ++at;
    }
    tick_from_ = left_off.value_or(NeighborKey{});
    tell(outcome);
}

bool Resolver::forget(const NeighborKey& key)
{
    const auto found = neighbors_.find(key);
    if (found == neighbors_.end())
        return false;
    Outcome outcome;
    lose(key, found->second, outcome);
    if (found->second.is_next_hop) {
        found->second = ResolvedNeighbor{};
        found->second.is_next_hop = true;
        schedule(found->second, 0);
    } else {
        neighbors_.erase(found);
    }
    tell(outcome);
    return true;
}

void Resolver::forget_link(LinkId link)
{
    Outcome outcome;
    auto at = neighbors_.lower_bound(NeighborKey{link, IpAddress{}});
    while (at != neighbors_.end() && at->first.first == link) {
        lose(at->first, at->second, outcome);
        next_hop_count_ -= at->second.is_next_hop ? 1 : 0;
        at = neighbors_.erase(at);
    }
    tell(outcome);
}

// ---- one neighbour ---------------------------------------------------------------------------------------------

// What is due for it: the next question, or that it is given up.
Resolver::Fate Resolver::advance(const NeighborKey& key, ResolvedNeighbor& neighbor, std::int64_t now_ms,
                                 Outcome& outcome)
{
    switch (neighbor.state) {
    case NudState::kReachable:
    case NudState::kStale:
        neighbor.state = NudState::kProbe;
        neighbor.probes = 0;
        break;
    case NudState::kIncomplete:
    case NudState::kProbe:
        if (neighbor.probes < kMaxProbes)
            break;
        if (neighbor.state == NudState::kProbe && !neighbor.is_next_hop) {
            lose(key, neighbor, outcome); // the next packet for it asks everybody
            return Fate::kForgotten;
        }
        lose(key, neighbor, outcome);
        neighbor.state = NudState::kFailed;
        if (neighbor.is_next_hop)
            break;
        schedule(neighbor, now_ms + kFailedMs);
        return Fate::kKept;
    case NudState::kFailed:
        if (!neighbor.is_next_hop)
            return Fate::kForgotten;
        break;
    }
    ask(key, neighbor, now_ms, outcome);
    return Fate::kKept;
}

void Resolver::ask(const NeighborKey& key, ResolvedNeighbor& neighbor, std::int64_t now_ms, Outcome& outcome)
{
    ++neighbor.probes;
    schedule(neighbor, now_ms + kRetransmitMs);
    outcome.asked.emplace_back(key, neighbor.mac);
}

void Resolver::schedule(ResolvedNeighbor& neighbor, std::int64_t when_ms)
{
    neighbor.next_ms = when_ms;
    due_ms_ = std::min(due_ms_, when_ms);
}

// Its MAC and the frames that wait for it.
void Resolver::lose(const NeighborKey& key, ResolvedNeighbor& neighbor, Outcome& outcome)
{
    if (neighbor.mac)
        outcome.changed.emplace_back(key, std::nullopt);
    neighbor.mac.reset();
    move_held(neighbor, outcome.dropped);
}

void Resolver::move_held(ResolvedNeighbor& neighbor, std::vector<HeldFrame>& to)
{
    for (const auto& held : neighbor.held)
        held_bytes_ -= held.frame.size();
    std::move(neighbor.held.begin(), neighbor.held.end(), std::back_inserter(to));
    neighbor.held.clear();
}

bool Resolver::may_release(ResolvedNeighbor& neighbor, std::int64_t now_ms)
{
    if (now_ms - neighbor.release_window_ms >= 1000) {
        neighbor.release_window_ms = now_ms;
        neighbor.released_in_window = 0;
    }
    return ++neighbor.released_in_window <= kMaxReleases;
}

// Last of all in every function: a hook may come back and change the entries.
void Resolver::tell(const Outcome& outcome)
{
    for (const auto& [key, mac] : outcome.changed)
        hooks_.changed(key, mac);
    for (const HeldFrame& held : outcome.released)
        hooks_.release(held);
    for (const HeldFrame& held : outcome.dropped)
        hooks_.dropped(held);
    for (const auto& [key, known] : outcome.asked)
        hooks_.solicit(key.first, key.second, known);
}

} // namespace vx
