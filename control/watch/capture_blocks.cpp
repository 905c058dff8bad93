// SPDX-License-Identifier: BSD-3-Clause
#include "control/watch/capture_blocks.h"

#include "control/watch/sight.h"
#include "control/wire/pcapng.h"

namespace vx
{

namespace
{

constexpr std::uint32_t kShownSnaplen = 262144; // what a capture without a snaplen says, as tcpdump's

} // namespace

std::string CaptureBlocks::begin(std::string_view name)
{
    std::string text;
    pcapng::append_section(text, "vxd " VXD_VERSION);
    append_interface(text, name);
    if (!link_.is_none())
        interfaces_.emplace(link_, 0);
    return text;
}

std::string CaptureBlocks::packet(const Capture::Seen& seen)
{
    std::string text;
    const CaptureRecord& record = seen.record;
    const std::string comment = what_of(record, [this](LinkId link) { return names_.of(link); });
    pcapng::Packet packet;
    packet.interface = interface_of(record.link, text);
    packet.time_ns = record.time_ns;
    packet.bytes = seen.bytes;
    packet.size = record.size;
    packet.flags = record.direction == Direction::kIn ? pcapng::kInbound : pcapng::kOutbound;
    packet.id = record.packet_id;
    packet.comment = comment;
    pcapng::append_packet(text, packet);
    return text;
}

std::string CaptureBlocks::end(std::uint64_t time_ns, std::uint64_t taken, std::uint64_t lost)
{
    std::string text;
    pcapng::append_statistics(text, 0, time_ns, taken, lost);
    return text;
}

void CaptureBlocks::append_interface(std::string& out, std::string_view name)
{
    pcapng::append_interface(out, name, snaplen_ >= kMaxSnaplen ? kShownSnaplen : snaplen_);
    ++interface_count_;
}

std::uint32_t CaptureBlocks::interface_of(LinkId link, std::string& out)
{
    const auto [found, is_new] = interfaces_.try_emplace(link, interface_count_);
    if (is_new)
        append_interface(out, names_.of(link));
    return found->second;
}

} // namespace vx
