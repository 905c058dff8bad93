// SPDX-License-Identifier: BSD-3-Clause
#include "control/watch/sight.h"

#include "dataplane/state/punt.h"

#include <fmt/format.h>

namespace vx
{

namespace
{

std::string_view meaning_of(PuntReason reason)
{
    switch (reason) {
    case PuntReason::kUnderlay:
        return "ARP, ND or ICMP of the underlay";
    case PuntReason::kLocal:
        return "for an own address, or ARP or ND";
    case PuntReason::kUnresolved:
        return "the neighbour has to be resolved";
    case PuntReason::kTtlExpired:
        return "TTL exceeded";
    case PuntReason::kTooBig:
        return "too big, and not to be fragmented";
    }
    return "?";
}

std::string remote_text(const CaptureRecord& record)
{
    if (record.remote_family == 0)
        return "";
    return (record.remote_family == 4 ? IpAddress::v4_from_wire(record.remote.data())
                                      : IpAddress::v6_from_wire(record.remote.data()))
        .to_string();
}

std::string drop_text(DropReason reason)
{
    return fmt::format("drop {}: {}", to_string(reason), kDropReasons[static_cast<std::size_t>(reason)].meaning);
}

} // namespace

std::string what_of(const CaptureRecord& record, const std::function<std::string(LinkId)>& name_of)
{
    const std::string remote = remote_text(record);
    const Dest dest = record.dest;
    switch (record.point) {
    case CapturePoint::kPort:
        return "";
    case CapturePoint::kVxlan:
        return fmt::format("{} {}", record.direction == Direction::kIn ? "from" : "to", remote);
    case CapturePoint::kHost:
        return record.direction == Direction::kOut
                   ? "from the control thread"
                   : fmt::format("to the control thread: {}", meaning_of(static_cast<PuntReason>(dest.index())));
    case CapturePoint::kDrop:
        return drop_text(dest.reason());
    case CapturePoint::kBridge:
        break;
    }
    switch (dest.kind()) {
    case Dest::Kind::kNone:
        return "";
    case Dest::Kind::kDrop:
        return drop_text(dest.reason());
    case Dest::Kind::kPort:
        return fmt::format("to {}", name_of(dest.link()));
    case Dest::Kind::kVtep:
        return fmt::format("to {} by {}", remote, name_of(dest.link()));
    case Dest::Kind::kReplicate:
        return fmt::format("to several VTEPs by {}", name_of(dest.link()));
    case Dest::Kind::kFlood:
        return "flooded";
    case Dest::Kind::kLocal:
        return "to the gateway";
    case Dest::Kind::kPunt:
        return fmt::format("to the control thread: {}", meaning_of(static_cast<PuntReason>(dest.index())));
    }
    return "";
}

} // namespace vx
