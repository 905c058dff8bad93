// SPDX-License-Identifier: BSD-3-Clause
// The multicast groups that vxd listens to on its underlay ports, and when it says so: as a host of MLDv2 (RFC 3810
// section 6), and of MLDv1 for as long as an older querier has been heard (section 8.2.1). Switches that snoop send a
// group's frames to those alone who have reported it; the solicited-node groups of our addresses are among them.
//
// What comes and goes is reported at once and a second time within a second. Queries are answered by tick() alone,
// whatever their number: what somebody has us send does not grow with what he sends.
//
// Does no I/O, as the Resolver: it says what to send, and is told what came.
#pragma once

#include "control/neighbours/mld.h"
#include "dataplane/state/ids.h"

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <random>
#include <set>
#include <span>
#include <vector>

namespace vx
{

class MulticastGroups
{
public:
    static constexpr unsigned kRobustness = 2;        // RFC 3810 section 9.1: how often a change is reported
    static constexpr std::int64_t kRepeatMs = 1000;   // section 9.11, Unsolicited Report Interval
    static constexpr std::int64_t kOlderMs = 260'000; // section 9.12, with the defaults of sections 9.2 and 9.3
    static constexpr std::int64_t kTickMs = 100;      // how late a tick() may be
    static constexpr std::size_t kMaxRecords = 60;    // of a report, so that it fits IPv6's least MTU
    static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

    // `report(link, version, records)`: to be sent now.
    using Report = std::function<void(LinkId link, MldVersion version, std::span<const GroupRecord> records)>;
    MulticastGroups(Report report, std::uint32_t seed) : report_(std::move(report)), random_(seed) {}

    // All groups that are listened to on the link from now on.
    void listen(LinkId link, const std::set<IpAddress>& groups, std::int64_t now_ms);
    // Says them all anew: another may be at the link's other end, or the link may have lost what was said.
    void repeat(LinkId link, std::int64_t now_ms);
    // The link is gone, or down: nothing can be said there any more.
    void forget(LinkId link) { ports_.erase(link); }

    void heard(LinkId link, const MldQuery& query, std::int64_t now_ms);
    // Says what is due. Call at least every kTickMs.
    void tick(std::int64_t now_ms);

private:
    struct Membership {
        bool is_listening = true; // if not: it is kept until that is said
        unsigned changes_left = kRobustness;
        std::int64_t change_ms = 0;      // when the next of them is due
        std::int64_t answer_ms = kNever; // and an answer
    };
    struct Port {
        std::map<IpAddress, Membership> groups;
        std::int64_t answer_ms = kNever; // about all of them
        std::int64_t older_until_ms = 0; // until then there is an MLDv1 querier
    };

    void say(LinkId link, Port& port, std::int64_t now_ms);
    std::int64_t within(std::int64_t most_ms); // by chance

    Report report_;
    std::minstd_rand random_;
    std::map<LinkId, Port> ports_;
};

} // namespace vx
