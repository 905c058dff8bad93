// SPDX-License-Identifier: BSD-3-Clause
#include "control/neighbours/mld.h"

#include "control/neighbours/frames.h"
#include "dataplane/net/checksum.h"

#include <array>
#include <cstring>

namespace vx
{

namespace
{

constexpr std::size_t kOptions = kL3 + sizeof(Ipv6Header); // the hop-by-hop header
constexpr std::uint8_t kHopLimit = 1;

constexpr std::uint8_t kReport1 = 131; // RFC 2710
constexpr std::uint8_t kDone1 = 132;
constexpr std::uint8_t kReport2 = 143; // RFC 3810

struct Message1 { // RFC 2710 section 3, and how a query of RFC 3810 begins
    std::uint8_t type;
    std::uint8_t code;
    Be16 checksum;
    Be16 max_response; // a number of milliseconds, or a code of one
    Be16 reserved;
    std::array<std::uint8_t, 16> group;
};
static_assert(sizeof(Message1) == 24 && alignof(Message1) == 1);

struct Query2 { // RFC 3810 section 5.1, without the sources
    Message1 begin;
    std::uint8_t flags;
    std::uint8_t interval;
    Be16 source_count;
};
static_assert(sizeof(Query2) == 28 && alignof(Query2) == 1);

struct Report2 { // RFC 3810 section 5.2, without the records
    std::uint8_t type;
    std::uint8_t code;
    Be16 checksum;
    Be16 reserved;
    Be16 record_count;
};
static_assert(sizeof(Report2) == 8 && alignof(Report2) == 1);

struct Record2 {
    std::uint8_t type;
    std::uint8_t auxiliary_size;
    Be16 source_count;
    std::array<std::uint8_t, 16> group;
};
static_assert(sizeof(Record2) == 20 && alignof(Record2) == 1);

// RFC 8200 section 4.3 and RFC 2711: the header's options are to be read to their end, and one of them has to be a
// Router Alert for MLD. One that is not known may ask for the packet to be discarded.
bool has_router_alert(Bytes options)
{
    constexpr std::uint8_t kPad1 = 0;
    constexpr std::uint8_t kRouterAlert = 5;
    constexpr std::uint8_t kUnlessKnown = 0xc0;
    bool is_there = false;
    while (!options.empty()) {
        const auto type = std::to_integer<std::uint8_t>(options[0]);
        if (type == kPad1) {
            options = options.subspan(1);
            continue;
        }
        if (options.size() < 2 || (type & kUnlessKnown) != 0)
            return false;
        const auto size = std::to_integer<std::size_t>(options[1]);
        if (2 + size > options.size())
            return false;
        const Bytes value = options.subspan(2, size);
        is_there |= type == kRouterAlert && size == 2 && value[0] == std::byte{0} && value[1] == std::byte{0};
        options = options.subspan(2 + size);
    }
    return is_there;
}

// RFC 3810 section 5.1.3.
std::int64_t decoded(std::uint16_t code)
{
    if (code < 0x8000)
        return code;
    return std::int64_t{(code & 0x0fff) | 0x1000} << (((code >> 12) & 7) + 3);
}

IpAddress link_group(std::uint8_t last) // ff02::LAST
{
    std::array<std::uint8_t, 16> bytes{0xff, 0x02};
    bytes[15] = last;
    return IpAddress::v6_from_wire(bytes.data());
}

} // namespace

std::optional<MldQuery> parse_mld_query(Bytes frame)
{
    if (frame.size() < kOptions)
        return std::nullopt;
    const auto& ip = header_at<Ipv6Header>(frame, kL3);
    const std::size_t total = ip.payload_length.host();
    if (ip.version() != 6 || ip.hop_limit != kHopLimit || ip.next_header != ip_protocol::kHopByHop || total < 8 ||
        kOptions + total > frame.size() || !IpAddress::v6_from_wire(ip.source.data()).is_link_local())
        return std::nullopt;
    const Bytes payload = frame.subspan(kOptions, total);
    const std::size_t options_size = (std::to_integer<std::size_t>(payload[1]) + 1) * 8;
    if (payload[0] != std::byte{ip_protocol::kIcmp6} || options_size > total ||
        !has_router_alert(payload.subspan(2, options_size - 2)))
        return std::nullopt;
    const Bytes message = payload.subspan(options_size);
    const std::uint64_t pseudo = pseudo_sum_v6(ip, ip_protocol::kIcmp6, static_cast<std::uint32_t>(message.size()));
    if (message.size() < sizeof(Message1) || !checksum_is_right(checksum_add(pseudo, message.data(), message.size())))
        return std::nullopt;
    const auto& query = header_at<Message1>(message, 0);
    const IpAddress group = IpAddress::v6_from_wire(query.group.data());
    if (query.type != IcmpHeader::kListenerQuery || (!group.is_unspecified() && !group.is_multicast()))
        return std::nullopt;
    if (message.size() == sizeof(Message1)) // RFC 3810 section 8.1
        return MldQuery{MldVersion::kV1, query.max_response.host(), group};
    if (message.size() < sizeof(Query2))
        return std::nullopt;
    const std::size_t sources = header_at<Query2>(message, 0).source_count.host() * sizeof(Ipv6Header::source);
    if (message.size() < sizeof(Query2) + sources)
        return std::nullopt;
    return MldQuery{MldVersion::kV2, decoded(query.max_response.host()), group};
}

std::vector<std::byte> mld2_report(const Station& from, std::span<const GroupRecord> records)
{
    constexpr std::uint8_t kAllRouters = 0x16; // those that speak MLDv2
    std::vector<std::byte> message;
    message.reserve(sizeof(Report2) + records.size() * sizeof(Record2));
    append(message, Report2{kReport2, 0, 0, 0, static_cast<std::uint16_t>(records.size())});
    for (const GroupRecord& record : records)
        append(message, Record2{static_cast<std::uint8_t>(record.type), 0, 0, record.group.bytes()});
    const IpAddress to = link_group(kAllRouters);
    return icmp6_alert_frame(from, {group_mac(to), to}, std::move(message));
}

std::vector<std::byte> mld1_report(const Station& from, const GroupRecord& record)
{
    constexpr std::uint8_t kAllRouters = 2;
    const bool is_done = record.type == GroupRecord::Type::kToInclude;
    std::vector<std::byte> message;
    append(message, Message1{is_done ? kDone1 : kReport1, 0, 0, 0, 0, record.group.bytes()});
    const IpAddress to = is_done ? link_group(kAllRouters) : record.group;
    return icmp6_alert_frame(from, {group_mac(to), to}, std::move(message));
}

} // namespace vx
