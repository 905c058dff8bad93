// SPDX-License-Identifier: BSD-3-Clause
// MulticastGroups: what is reported, how often, and when.
#include "control/neighbours/multicast_groups.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <random>
#include <set>
#include <vector>

using namespace vx;

namespace
{

using Type = GroupRecord::Type;

const LinkId kLink{1};
const LinkId kOtherLink{2};

IpAddress group(unsigned number)
{
    std::array<std::uint8_t, 16> bytes{0xff, 0x02};
    bytes[14] = static_cast<std::uint8_t>(number >> 8);
    bytes[15] = static_cast<std::uint8_t>(number & 0xff);
    return IpAddress::v6_from_wire(bytes.data());
}
const IpAddress kA = group(0x101);
const IpAddress kB = group(0x102);

MldQuery general(MldVersion version, std::int64_t max_delay_ms)
{
    return {version, max_delay_ms, IpAddress::v6_from_wire(std::array<std::uint8_t, 16>{}.data())};
}

struct Said {
    LinkId link;
    MldVersion version;
    std::vector<GroupRecord> records;
    std::int64_t at_ms;
};

class GroupsLab
{
public:
    explicit GroupsLab(std::uint32_t seed = 1)
        : groups(
              [this](LinkId link, MldVersion version, std::span<const GroupRecord> records) {
                  said.push_back({link, version, {records.begin(), records.end()}, now});
              },
              seed)
    {
    }
    GroupsLab(const GroupsLab&) = delete;
    GroupsLab& operator=(const GroupsLab&) = delete;

    void run(std::int64_t milliseconds)
    {
        for (const std::int64_t end = now + milliseconds; now < end;)
            groups.tick(now += MulticastGroups::kTickMs);
    }
    void settle() // until nothing is left to be said
    {
        run(5000);
        said.clear();
    }
    std::vector<Type> types_of(const IpAddress& about) const
    {
        std::vector<Type> types;
        for (const Said& report : said)
            for (const GroupRecord& record : report.records)
                if (record.group == about)
                    types.push_back(record.type);
        return types;
    }

    std::int64_t now = 1'000'000;
    std::vector<Said> said;
    MulticastGroups groups;
};

using Types = std::vector<Type>;

} // namespace

TEST_CASE("a group that comes is reported at once and a second time within a second")
{
    for (std::uint32_t seed = 1; seed < 50; ++seed) {
        GroupsLab lab{seed};
        lab.groups.listen(kLink, {kA}, lab.now);
        REQUIRE(lab.said.size() == 1);
        CHECK(lab.said[0].link == kLink);
        CHECK(lab.said[0].version == MldVersion::kV2);
        lab.run(60'000);
        CHECK(lab.types_of(kA) == Types{Type::kToExclude, Type::kToExclude});
        REQUIRE(lab.said.size() == 2);
        CHECK(lab.said[1].at_ms - lab.said[0].at_ms <= MulticastGroups::kRepeatMs);
    }
}

TEST_CASE("a group that goes is reported twice, one that stays is not, and the last change counts")
{
    GroupsLab lab;
    lab.groups.listen(kLink, {kA, kB}, lab.now);
    lab.settle();
    lab.groups.listen(kLink, {kB}, lab.now);
    lab.groups.listen(kLink, {kB}, lab.now);
    lab.run(10'000);
    CHECK(lab.types_of(kA) == Types{Type::kToInclude, Type::kToInclude});
    CHECK(lab.types_of(kB).empty());

    lab.said.clear();
    lab.groups.listen(kLink, {kA, kB}, lab.now);
    lab.groups.listen(kLink, {kB}, lab.now);
    lab.groups.listen(kLink, {kA, kB}, lab.now);
    lab.run(10'000);
    CHECK(lab.types_of(kA) == Types{Type::kToExclude, Type::kToInclude, Type::kToExclude, Type::kToExclude});
    lab.said.clear();
    lab.groups.heard(kLink, general(MldVersion::kV2, 0), lab.now);
    lab.run(1000);
    CHECK(lab.types_of(kA) == Types{Type::kIsExclude});
}

TEST_CASE("a port that comes up again reports all of its groups anew, and no other port does")
{
    GroupsLab lab;
    lab.groups.listen(kLink, {kA, kB}, lab.now);
    lab.groups.listen(kOtherLink, {kA}, lab.now);
    lab.settle();
    lab.groups.repeat(kLink, lab.now);
    lab.run(10'000);
    CHECK(lab.types_of(kB) == Types{Type::kToExclude, Type::kToExclude});
    CHECK(std::ranges::all_of(lab.said, [](const Said& report) { return report.link == kLink; }));
}

TEST_CASE("a General Query is answered with all groups, a specific one with its group, each once")
{
    GroupsLab lab;
    lab.groups.listen(kLink, {kA, kB}, lab.now);
    lab.settle();
    lab.groups.heard(kLink, general(MldVersion::kV2, 10'000), lab.now);
    lab.run(10'000);
    REQUIRE(lab.said.size() == 1);
    CHECK(lab.said[0].records == std::vector<GroupRecord>{{Type::kIsExclude, kA}, {Type::kIsExclude, kB}});
    lab.said.clear();
    lab.groups.heard(kLink, {MldVersion::kV2, 1000, kB}, lab.now);
    lab.groups.heard(kLink, {MldVersion::kV2, 1000, group(7)}, lab.now); // somebody else's
    lab.run(30'000);
    REQUIRE(lab.said.size() == 1);
    CHECK(lab.said[0].records == std::vector<GroupRecord>{{Type::kIsExclude, kB}});
}

TEST_CASE("no answer comes later than its query allows, and answers are spread over that time")
{
    for (const MldVersion version : {MldVersion::kV1, MldVersion::kV2}) {
        std::int64_t first = 10'000, last = 0;
        for (std::uint32_t seed = 1; seed < 200; ++seed) {
            GroupsLab lab{seed};
            lab.groups.listen(kLink, {kA}, lab.now);
            lab.settle();
            const std::int64_t asked = lab.now;
            lab.groups.heard(kLink, general(version, 10'000), lab.now);
            lab.run(10'000);
            REQUIRE(lab.said.size() == 1);
            first = std::min(first, lab.said[0].at_ms - asked);
            last = std::max(last, lab.said[0].at_ms - asked);
        }
        CHECK(first < 1000);
        CHECK(last > 9000);
    }
}

TEST_CASE("however many queries come, a port reports a group at most once a tick")
{
    GroupsLab lab;
    std::mt19937 random{1};
    lab.groups.listen(kLink, {kA, kB}, lab.now);
    lab.settle();
    for (int tick = 0; tick < 100; ++tick) {
        for (int i = 0; i < 1000; ++i)
            lab.groups.heard(
                kLink, i % 2 == 0 ? general(MldVersion::kV2, random() % 3) : MldQuery{MldVersion::kV2, 0, kA}, lab.now);
        CHECK(lab.said.empty());
        lab.run(MulticastGroups::kTickMs);
        CHECK(lab.said.size() == 1);
        CHECK(lab.types_of(kA).size() == 1);
        lab.said.clear();
    }
    for (int i = 0; i < 1000; ++i) // the first of them does for all that allow more time
        lab.groups.heard(kLink, general(MldVersion::kV2, 10'000), lab.now);
    lab.run(20'000);
    CHECK(lab.said.size() == 1);
}

TEST_CASE("while an older querier is present reports are MLDv1's, and MLDv2's again when it has been silent")
{
    GroupsLab lab;
    lab.groups.listen(kLink, {kA, kB}, lab.now);
    lab.groups.listen(kOtherLink, {kA}, lab.now);
    lab.settle();
    const std::int64_t heard = lab.now;
    lab.groups.heard(kLink, general(MldVersion::kV1, 1000), lab.now);
    lab.run(2000);
    CHECK(lab.types_of(kA) == Types{Type::kIsExclude});
    CHECK(lab.types_of(kB) == Types{Type::kIsExclude});
    lab.groups.heard(kLink, general(MldVersion::kV2, 1000), lab.now); // both are there
    lab.groups.listen(kLink, {kA}, lab.now);
    lab.run(2000);
    CHECK(lab.types_of(kB) == Types{Type::kIsExclude, Type::kToInclude, Type::kToInclude});
    CHECK(std::ranges::all_of(lab.said, [](const Said& report) { return report.version == MldVersion::kV1; }));

    lab.said.clear();
    lab.groups.heard(kOtherLink, general(MldVersion::kV2, 1000), lab.now);
    lab.run(1000);
    REQUIRE(lab.said.size() == 1);
    CHECK(lab.said[0].version == MldVersion::kV2); // of the port alone that it was heard on

    lab.said.clear();
    lab.now = heard + MulticastGroups::kOlderMs;
    lab.groups.heard(kLink, general(MldVersion::kV2, 1000), lab.now);
    lab.run(1000);
    REQUIRE(lab.said.size() == 1);
    CHECK(lab.said[0].version == MldVersion::kV2);
}

TEST_CASE("a report holds no more groups than fit IPv6's least MTU, and all groups are reported")
{
    GroupsLab lab;
    std::set<IpAddress> many;
    for (unsigned i = 0; i < 1000; ++i)
        many.insert(group(i));
    lab.groups.listen(kLink, many, lab.now);
    std::set<IpAddress> reported;
    for (const Said& report : lab.said) {
        CHECK(mld2_report({}, report.records).size() <= sizeof(EthernetHeader) + 1280);
        for (const GroupRecord& record : report.records)
            CHECK(reported.insert(record.group).second);
    }
    CHECK(reported == many);
}

TEST_CASE("of a port that is forgotten nothing is said any more")
{
    GroupsLab lab;
    lab.groups.listen(kLink, {kA}, lab.now);
    lab.groups.heard(kLink, general(MldVersion::kV2, 1000), lab.now);
    lab.said.clear();
    lab.groups.forget(kLink);
    lab.groups.repeat(kLink, lab.now);
    lab.run(10'000);
    CHECK(lab.said.empty());
}
