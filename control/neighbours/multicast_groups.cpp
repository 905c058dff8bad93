// SPDX-License-Identifier: BSD-3-Clause
#include "control/neighbours/multicast_groups.h"

#include <algorithm>

namespace vx
{

void MulticastGroups::listen(LinkId link, const std::set<IpAddress>& groups, std::int64_t now_ms)
{
    Port& port = ports_[link];
    const Membership from_now{.change_ms = now_ms};
    for (auto& [group, membership] : port.groups)
        if (membership.is_listening && !groups.contains(group)) {
            membership = from_now;
            membership.is_listening = false;
        }
    for (const IpAddress& group : groups)
        if (const auto [at, is_new] = port.groups.try_emplace(group, from_now); !is_new && !at->second.is_listening)
            at->second = from_now;
    say(link, port, now_ms);
}

void MulticastGroups::repeat(LinkId link, std::int64_t now_ms)
{
    const auto port = ports_.find(link);
    if (port == ports_.end())
        return;
    for (auto& [group, membership] : port->second.groups)
        if (membership.is_listening)
            membership = {.change_ms = now_ms};
    say(link, port->second, now_ms);
}

// RFC 3810 section 6.2. A report of MLDv1 is of one group, and each has a delay of its own (RFC 2710 section 4).
void MulticastGroups::heard(LinkId link, const MldQuery& query, std::int64_t now_ms)
{
    Port& port = ports_[link];
    if (query.version == MldVersion::kV1)
        port.older_until_ms = now_ms + kOlderMs;
    const auto answer_by_chance = [&](std::int64_t& answer_ms) { // one that is due sooner does
        answer_ms = std::min(answer_ms, now_ms + within(query.max_delay_ms));
    };
    if (query.group.is_unspecified() && query.version == MldVersion::kV2)
        return answer_by_chance(port.answer_ms);
    for (auto& [group, membership] : port.groups)
        if (membership.is_listening && (query.group.is_unspecified() || query.group == group))
            answer_by_chance(membership.answer_ms);
}

void MulticastGroups::tick(std::int64_t now_ms)
{
    for (auto& [link, port] : ports_)
        say(link, port, now_ms);
}

void MulticastGroups::say(LinkId link, Port& port, std::int64_t now_ms)
{
    using Type = GroupRecord::Type;
    std::vector<GroupRecord> records;
    const bool is_all_due = port.answer_ms <= now_ms;
    for (auto at = port.groups.begin(); at != port.groups.end();) {
        auto& [group, membership] = *at;
        const bool is_change_due = membership.changes_left != 0 && membership.change_ms <= now_ms;
        if (is_change_due) { // which is an answer too
            records.push_back({membership.is_listening ? Type::kToExclude : Type::kToInclude, group});
            --membership.changes_left;
            membership.change_ms = now_ms + within(kRepeatMs);
        } else if (membership.is_listening && (is_all_due || membership.answer_ms <= now_ms)) {
            records.push_back({Type::kIsExclude, group});
        }
        if (is_change_due || is_all_due || membership.answer_ms <= now_ms)
            membership.answer_ms = kNever;
        at = membership.is_listening || membership.changes_left != 0 ? std::next(at) : port.groups.erase(at);
    }
    if (is_all_due)
        port.answer_ms = kNever;
    const MldVersion version = now_ms < port.older_until_ms ? MldVersion::kV1 : MldVersion::kV2;
    for (std::span<const GroupRecord> left{records}; !left.empty();) {
        const auto part = left.first(std::min(left.size(), kMaxRecords));
        report_(link, version, part);
        left = left.subspan(part.size());
    }
}

// As a tick() may be late, not so far ahead that the answer would be.
std::int64_t MulticastGroups::within(std::int64_t most_ms)
{
    const std::int64_t most = std::max<std::int64_t>(most_ms - kTickMs, 0);
    return std::uniform_int_distribution<std::int64_t>{0, most}(random_);
}

} // namespace vx
