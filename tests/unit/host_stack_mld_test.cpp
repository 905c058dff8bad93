// SPDX-License-Identifier: BSD-3-Clause
// HostStack: queries and reports of Multicast Listener Discovery, byte for byte.
#include "tests/unit/host_stack_lab.h"

#include <catch2/catch.hpp>

#include <functional>

using namespace vx;
using namespace vx::test;

namespace
{

constexpr std::size_t kMessage = kL4v6 + 8; // behind the Router Alert
const IpAddress kGroup = ip("ff02::1:ff00:1");
const IpAddress kOther = ip("ff02::1:ff00:2");

Octets bytes(std::initializer_list<int> values)
{
    Octets made;
    for (const int value : values)
        made.push_back(static_cast<std::byte>(value));
    return made;
}

Octets operator+(Octets a, const Octets& b)
{
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

Octets wire_of(const IpAddress& address)
{
    const auto* const begin = reinterpret_cast<const std::byte*>(address.bytes().data());
    return {begin, begin + 16};
}

Octets message_of(const Octets& frame) // without its checksum
{
    Octets message(frame.begin() + kMessage, frame.end());
    message[2] = message[3] = std::byte{0};
    return message;
}

void fix_query(Octets& frame)
{
    auto& header = *reinterpret_cast<IcmpHeader*>(frame.data() + kMessage);
    header.checksum = 0;
    const auto size = static_cast<std::uint32_t>(frame.size() - kMessage);
    const std::uint32_t pseudo = naive_sum(Bytes{frame}.subspan(kL3 + 8, 32)) + size + ip_protocol::kIcmp6;
    header.checksum = wire(naive_sum(Bytes{frame}.subspan(kMessage), pseudo));
}

} // namespace

TEST_CASE("a report has hop limit 1, a Router Alert and right checksums, and goes to those who listen for reports")
{
    using Type = GroupRecord::Type;
    HostStackLab lab;
    const GroupRecord records[] = {{Type::kToExclude, kGroup}, {Type::kToInclude, kOther}};
    lab.stack.report(kUplink, MldVersion::kV2, records);
    Sent report = lab.reply();
    CHECK(report.link == kUplink);
    CHECK(has_right_checksums(report.frame));
    CHECK(ethernet_of(report.frame).destination == *Mac::parse("33:33:00:00:00:16"));
    CHECK(ipv6_of(report.frame).destination == ip("ff02::16").bytes());
    CHECK(ipv6_of(report.frame).source == ip("::").bytes()); // RFC 3810 section 5.2.13: there is no link-local one
    CHECK(ipv6_of(report.frame).hop_limit == 1);
    CHECK(ipv6_of(report.frame).next_header == ip_protocol::kHopByHop);
    CHECK(Octets(report.frame.begin() + kL4v6, report.frame.begin() + kMessage) == bytes({58, 0, 5, 2, 0, 0, 1, 0}));
    CHECK(message_of(report.frame) == bytes({143, 0, 0, 0, 0, 0, 0, 2}) + bytes({4, 0, 0, 0}) + wire_of(kGroup) +
                                          bytes({3, 0, 0, 0}) + wire_of(kOther));

    lab.stack.report(kUplink, MldVersion::kV1, records);
    REQUIRE(lab.sent.size() == 2);
    const auto is_to = [&](const Octets& frame, const IpAddress& group) {
        return has_right_checksums(frame) && header_at<Ipv6Header>(Bytes{frame}, kL3).destination == group.bytes() &&
               header_at<EthernetHeader>(Bytes{frame}, 0).destination == group_mac(group);
    };
    CHECK(is_to(lab.sent[0].frame, kGroup));
    CHECK(message_of(lab.sent[0].frame) == bytes({131, 0, 0, 0, 0, 0, 0, 0}) + wire_of(kGroup));
    CHECK(is_to(lab.sent[1].frame, ip("ff02::2")));
    CHECK(message_of(lab.sent[1].frame) == bytes({132, 0, 0, 0, 0, 0, 0, 0}) + wire_of(kOther));
}

TEST_CASE("reports come from a link-local address of the port's, if it has one")
{
    HostStackLab lab;
    lab.model.add_address({kUplink, *IpPrefix::parse("fe80::77/64")});
    const GroupRecord record{GroupRecord::Type::kToExclude, kGroup};
    for (const MldVersion version : {MldVersion::kV1, MldVersion::kV2}) {
        lab.stack.report(kUplink, version, {&record, 1});
        Octets report = lab.reply().frame;
        CHECK(ipv6_of(report).source == ip("fe80::77").bytes());
        CHECK(has_right_checksums(report));
    }
}

TEST_CASE("a query is answered within the delay that it allows, in the version that it is of")
{
    struct {
        Octets query;
        std::int64_t most_ms;
        int type;
    } const cases[] = {
        {listener_query(), 10'000, 143},
        {listener_query("ff02::1:ff00:1", 1000), 1000, 143},
        {listener_query("::", 0x8000), 1 << 15, 143}, // RFC 3810 section 5.1.3: 0x1000 << 3
        {listener_query("::", 0x9fff), 0x1fff << 4, 143},
        {listener_query("::", 10'000, 28 + 20), 10'000, 143}, // longer than it says
        {listener_query("::", 0xffff, 24), 0xffff, 131},      // MLDv1 has no such code
        {listener_query("ff02::1:ff00:1", 1000, 24), 1000, 131},
    };
    for (const auto& [query, most_ms, type] : cases) {
        HostStackLab lab;
        lab.groups.listen(kUplink, {kGroup}, lab.now);
        for (int i = 0; i < 20; ++i)
            lab.groups.tick(lab.now += 100);
        lab.sent.clear();
        CHECK_FALSE(lab.receive(kUplink, PuntReason::kUnderlay, query));
        CHECK(lab.sent.empty());
        for (const std::int64_t end = lab.now + most_ms; lab.now + 100 <= end;)
            lab.groups.tick(lab.now += 100);
        const Octets answer = lab.reply().frame;
        CHECK(answer[kMessage] == static_cast<std::byte>(type));
        if (type == 143)
            CHECK(answer[kMessage + 8] == std::byte{2}); // MODE_IS_EXCLUDE
    }
}

TEST_CASE("a query of several sources is read; one that ends in them is not valid")
{
    const auto verdict = [](std::uint16_t sources, std::size_t size) {
        HostStackLab lab;
        Octets query = listener_query("ff02::1:ff00:1", 1000, size);
        query[kMessage + 26] = static_cast<std::byte>(sources >> 8);
        query[kMessage + 27] = static_cast<std::byte>(sources & 0xff);
        fix_query(query);
        return lab.receive(kUplink, PuntReason::kUnderlay, query);
    };
    CHECK_FALSE(verdict(2, 28 + 32));
    CHECK(verdict(2, 28 + 31) == DropReason::mld_query_invalid);
    CHECK(verdict(65535, 28 + 32) == DropReason::mld_query_invalid);
}

TEST_CASE("a query that RFC 3810 has nobody answer is dropped by name")
{
    const auto refused = [](const std::function<void(Octets&)>& change) {
        HostStackLab lab;
        lab.groups.listen(kUplink, {kGroup}, lab.now);
        lab.groups.tick(lab.now += 1000);
        lab.sent.clear();
        Octets query = listener_query("::", 0);
        change(query);
        const auto verdict = lab.receive(kUplink, PuntReason::kUnderlay, query);
        lab.groups.tick(lab.now += 1000);
        CHECK(lab.sent.empty() == verdict.has_value());
        return verdict == DropReason::mld_query_invalid;
    };
    const auto set = [](std::size_t at, std::uint8_t value) {
        return [=](Octets& query) {
            query[at] = std::byte{value};
            fix_query(query);
        };
    };
    CHECK_FALSE(refused([](Octets&) {}));
    CHECK_FALSE(refused(set(kMessage + 1, 7)));                                       // the code is for nobody
    CHECK(refused([](Octets& query) { query.back() ^= std::byte{1}; }));              // checksum
    CHECK(refused([](Octets& query) { ipv6_of(query).hop_limit = 2; }));              // from behind a router
    CHECK(refused([](Octets& query) { query = listener_query("::", 0, 28, "::"); })); // from no address
    CHECK(refused([](Octets& query) { query = listener_query("::", 0, 28, "2001:db8:1::9"); }));
    CHECK(refused([](Octets& query) { query = listener_query("2001:db8:1::1", 0); })); // about no group
    for (const std::size_t size : {1, 4, 23, 25, 26, 27})
        CHECK(refused([size](Octets& query) {
            query = listener_query("::", 0);
            query.resize(kMessage + size);
            ipv6_of(query).payload_length = static_cast<std::uint16_t>(8 + size);
            if (size >= 4)
                fix_query(query);
        }));
    // The options: no alert, another one's, one that a host has to know, ends within one.
    CHECK(refused(set(kL4v6 + 2, 1)));
    CHECK(refused(set(kL4v6 + 3, 3)));
    CHECK(refused(set(kL4v6 + 5, 1)));
    CHECK(refused(set(kL4v6 + 6, 0xc1)));
    CHECK(refused(set(kL4v6 + 7, 1)));
    CHECK_FALSE(refused(set(kL4v6 + 6, 0x1f))); // one that need not be known
    CHECK(refused([](Octets& query) {           // there are none
        query.erase(query.begin() + kL4v6, query.begin() + kMessage);
        ipv6_of(query).next_header = ip_protocol::kIcmp6;
        ipv6_of(query).payload_length = static_cast<std::uint16_t>(query.size() - kL4v6);
    }));
}

TEST_CASE("a query that a tenant sends is not taken for the underlay's")
{
    HostStackLab lab;
    lab.groups.listen(kUplink, {kGroup}, lab.now);
    for (int i = 0; i < 20; ++i)
        lab.groups.tick(lab.now += 100);
    lab.sent.clear();
    CHECK_FALSE(lab.receive(kPort, PuntReason::kLocal, listener_query("::", 0)));
    lab.groups.tick(lab.now += 1000);
    CHECK(lab.sent.empty());
}
