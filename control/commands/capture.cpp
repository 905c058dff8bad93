// SPDX-License-Identifier: BSD-3-Clause
// `capture`: which frames, where. What becomes of them, and the words of pcap-filter(7), are vxctl's to know: to vxd it
// says `filter` and the code that they mean.
#include "control/commands/nouns.h"
#include "control/grammar/arguments.h"

#include <algorithm>

namespace vx
{

namespace
{

CapturePoint point_of(const Link& link)
{
    if (link.bridge() != nullptr)
        return CapturePoint::kBridge;
    return link.vxlan() != nullptr ? CapturePoint::kVxlan : CapturePoint::kPort;
}

// "drop", "host", "all", or a device; one of these names behind "dev".
Result<> read_point(const Transaction& transaction, Words& words, CaptureSpec& spec)
{
    if (words.done())
        return usage_error("{}: POINT is missing: a device, drop, host or all; usage: {}", words.name(), words.usage());
    const bool is_device = words.take("dev"); // whatever it is called
    if (!is_device && words.take("drop")) {
        spec.point = CapturePoint::kDrop;
    } else if (!is_device && words.take("host")) {
        spec.point = CapturePoint::kHost;
    } else if (!is_device && words.take("all")) {
        spec.follows = true; // the filter may name the inner addresses, and the outer frame is seen too
    } else {
        const auto link = read_device(transaction, words);
        if (!link)
            return link.error();
        spec.link = (*link)->id;
        spec.point = point_of(**link);
    }
    return Ok{};
}

Result<DropReason> read_reason(Words& words)
{
    const auto name = words.text("REASON");
    if (!name)
        return name.error();
    for (std::size_t reason = 0; reason < kDropReasonCount; ++reason)
        if (kDropReasons[reason].name == *name)
            return static_cast<DropReason>(reason);
    std::vector<std::string_view> names;
    for (const DropReasonText& known : kDropReasons)
        names.push_back(known.name);
    return words.invalid(fmt::format("is no reason for a drop; expected one of {}", fmt::join(names, ", ")));
}

Result<> read_rest(Words& words, CaptureSpec& spec)
{
    while (!words.done()) {
        if (words.take("in")) {
            if (spec.direction)
                return words.invalid("behind \"out\": leave both out for both");
            spec.direction = Direction::kIn;
        } else if (words.take("out")) {
            if (spec.direction)
                return words.invalid("behind \"in\": leave both out for both");
            spec.direction = Direction::kOut;
        } else if (spec.point == CapturePoint::kDrop && words.take("reason")) {
            const auto reason = read_reason(words);
            if (!reason)
                return reason.error();
            spec.reason = *reason;
        } else if (words.take("snaplen")) {
            const auto snaplen = words.number("SNAPLEN", 1, 262144);
            if (!snaplen)
                return snaplen.error();
            spec.snaplen = std::min(*snaplen, kMaxSnaplen);
        } else if (words.take("filter")) {
            const auto code = words.text("CODE");
            if (!code)
                return code.error();
            auto filter = PacketFilter::parse(*code);
            if (!filter)
                return std::move(filter).error();
            spec.filter = *std::move(filter);
        } else {
            return words.unexpected();
        }
    }
    return words.finish();
}

Result<Reply> capture(Transaction& transaction, Words& words)
{
    CaptureSpec spec;
    if (auto read = read_point(transaction, words, spec); !read)
        return std::move(read).error();
    if (auto read = read_rest(words, spec); !read)
        return std::move(read).error();
    Reply reply;
    reply.stream = std::move(spec);
    return reply;
}

Result<Reply> trace(Transaction& transaction, Words& words)
{
    words.take("add");
    auto reply = capture(transaction, words);
    if (reply)
        std::get<CaptureSpec>(*reply->stream).follows = true;
    return reply;
}

constexpr Command kTraces[] = {
    {"trace", "", "[ add ] [ dev ] POINT [ in | out ] [ reason REASON ] [ FILTER ] [ count N ]",
     "what every stage does to the packets that are seen at POINT and that the pcap-filter(7) expression matches",
     trace, Effect::kShowsTraffic},
};

constexpr Command kCaptureTable[] = {
    {"capture", "",
     "[ dev ] POINT [ in | out ] [ reason REASON ] [ -c COUNT ] [ -s SNAPLEN ] [ -w FILE [ -C MB ] [ -W FILES ] ] "
     "[ FILTER ]",
     "packets at POINT (a device, drop, host or all) that the pcap-filter(7) expression matches, as tcpdump: a line "
     "for "
     "each on a terminal, else pcapng (vxctl capture DEV | tcpdump -r -)",
     capture, Effect::kShowsTraffic},
};

} // namespace

constinit const std::span<const Command> kCaptureCommands{kCaptureTable};
constinit const std::span<const Command> kTraceCommands{kTraces};

} // namespace vx
