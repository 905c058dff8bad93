// SPDX-License-Identifier: BSD-3-Clause
#include "control/neighbours/tunnel_error.h"

#include "control/base/log.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace vx
{

namespace
{

struct Quote { // of a UDP packet
    IpAddress source, destination;
    std::uint16_t destination_port = 0;
};

// RFC 792: the IP header and at least 8 bytes.
std::optional<Quote> quoted_v4(Bytes quote)
{
    if (quote.size() < sizeof(Ipv4Header))
        return std::nullopt;
    const auto& ip = header_at<Ipv4Header>(quote, 0);
    if (!ip.has_sound_version_and_size() || ip.protocol != ip_protocol::kUdp || ip.is_later_fragment() ||
        ip.size() + sizeof(UdpHeader) > quote.size())
        return std::nullopt;
    return Quote{IpAddress::v4_from_wire(&ip.source), IpAddress::v4_from_wire(&ip.destination),
                 header_at<UdpHeader>(quote, ip.size()).destination_port.host()};
}

// RFC 4443: as much as fits. We send no extension headers.
std::optional<Quote> quoted_v6(Bytes quote)
{
    if (quote.size() < sizeof(Ipv6Header) + sizeof(UdpHeader))
        return std::nullopt;
    const auto& ip = header_at<Ipv6Header>(quote, 0);
    if (ip.version() != 6 || ip.next_header != ip_protocol::kUdp)
        return std::nullopt;
    return Quote{IpAddress::v6_from_wire(ip.source.data()), IpAddress::v6_from_wire(ip.destination.data()),
                 header_at<UdpHeader>(quote, sizeof(Ipv6Header)).destination_port.host()};
}

// Empty: it is no error, or none about a packet that was lost.
std::string what_v4(std::uint8_t type, std::uint8_t code)
{
    constexpr std::uint8_t kUnreachable = 3, kTimeExceeded = 11, kParameterProblem = 12;
    constexpr std::string_view kCodes[] = {"network unreachable", "host unreachable", "protocol unreachable",
                                           "port unreachable", "fragmentation needed"};
    if (type == kTimeExceeded)
        return "TTL exceeded";
    if (type == kParameterProblem)
        return "parameter problem";
    if (type != kUnreachable)
        return {};
    if (code < std::size(kCodes))
        return std::string{kCodes[code]};
    const bool is_prohibited = code == 9 || code == 10 || code == 13;
    return is_prohibited ? "administratively prohibited" : fmt::format("destination unreachable, code {}", code);
}

std::string what_v6(std::uint8_t type, std::uint8_t code)
{
    constexpr std::uint8_t kUnreachable = 1, kTooBig = 2, kTimeExceeded = 3, kParameterProblem = 4;
    constexpr std::string_view kCodes[] = {"no route", "administratively prohibited", "beyond scope of source address",
                                           "address unreachable", "port unreachable"};
    switch (type) {
    case kUnreachable:
        return code < std::size(kCodes) ? std::string{kCodes[code]}
                                        : fmt::format("destination unreachable, code {}", code);
    case kTooBig:
        return "packet too big";
    case kTimeExceeded:
        return "hop limit exceeded";
    case kParameterProblem:
        return "parameter problem";
    default:
        return {};
    }
}

} // namespace

std::optional<TunnelError> tunnel_error(const Model& model, Bytes message, const IpAddress& from)
{
    const auto& icmp = header_at<IcmpHeader>(message, 0);
    std::string what = from.is_v4() ? what_v4(icmp.type, icmp.code) : what_v6(icmp.type, icmp.code);
    if (what.empty())
        return std::nullopt;
    const Bytes rest = message.subspan(sizeof(IcmpHeader));
    const auto quote = from.is_v4() ? quoted_v4(rest) : quoted_v6(rest);
    if (!quote || model.vxlans_from(quote->source).empty() || !model.is_vxlan_port(quote->destination_port))
        return std::nullopt;
    if (from.is_v4() && icmp.type == 3 && icmp.code == 4) // RFC 1191: the lower half
        return TunnelError{DropReason::vtep_path_mtu, quote->destination, from, icmp.rest.host() & 0xffff, {}};
    if (from.is_v6() && icmp.type == 2)
        return TunnelError{DropReason::vtep_path_mtu, quote->destination, from, icmp.rest.host(), {}};
    return TunnelError{DropReason::vtep_unreachable, quote->destination, from, 0, std::move(what)};
}

DropReason TunnelErrors::note(const TunnelError& error, std::int64_t now_ms)
{
    const std::pair key{error.vtep, error.reason};
    if (const auto found = logged_ms_.find(key); found != logged_ms_.end() && now_ms - found->second < kQuietMs)
        return error.reason;
    if (logged_ms_.size() >= kMaxRemembered)
        std::erase_if(logged_ms_, [&](const auto& entry) { return now_ms - entry.second >= kQuietMs; });
    if (logged_ms_.size() >= kMaxRemembered)
        return error.reason;
    logged_ms_[key] = now_ms;
    if (error.reason == DropReason::vtep_unreachable) {
        log_warning("VXLAN packets to VTEP {} do not arrive: {} says \"{}\"", error.vtep.to_string(),
                    error.from.to_string(), error.what);
    } else if (error.mtu == 0) {
        log_warning("VXLAN packets to VTEP {} are too big for the path: {} has a smaller MTU, and does not say which",
                    error.vtep.to_string(), error.from.to_string());
    } else {
        const std::uint32_t overhead = error.vtep.is_v4() ? kOuterSizeV4 : kOuterSizeV6; // one of the two Ethernet
        log_warning("VXLAN packets to VTEP {} are too big for the path: {} says that its MTU is {}, which leaves "
                    "containers an MTU of {}",
                    error.vtep.to_string(), error.from.to_string(), error.mtu,
                    error.mtu - std::min(error.mtu, overhead));
    }
    return error.reason;
}

} // namespace vx
