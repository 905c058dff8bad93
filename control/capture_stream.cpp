// SPDX-License-Identifier: BSD-3-Clause
#include "control/capture_stream.h"

#include "control/pcapng.h"
#include "dataplane/state/punt.h"

#include <pthread.h>

#include <chrono>

namespace vx
{

namespace
{

constexpr int kIdleMilliseconds = 10;           // between two looks at empty rings
constexpr std::uint32_t kShownSnaplen = 262144; // what a capture without a snaplen says, as tcpdump's

std::uint64_t now_ns()
{
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
            .count());
}

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

CaptureStream::CaptureStream(std::shared_ptr<Capture> capture, FileDescriptor client, std::string first,
                             std::string name, const LinkNames& names, std::function<void()> ended)
    : capture_(std::move(capture)), names_(names), ended_(std::move(ended)),
      connection_(std::move(client), std::move(first))
{
    std::string header; // a text for each block, as they are padded from where it begins
    pcapng::append_section(header, "vxd " VXD_VERSION);
    connection_.append(header);
    append_interface(name);
    if (!capture_->spec().link.is_none())
        interfaces_.emplace(capture_->spec().link, 0);
    thread_ = std::thread([this] {
        pthread_setname_np(pthread_self(), "vxd-capture");
        run();
        has_ended_.store(true, std::memory_order_release);
        ended_();
    });
}

CaptureStream::~CaptureStream()
{
    connection_.abort();
    thread_.join();
}

void CaptureStream::run()
{
    using Client = StreamConnection::Client;
    Client client = Client::kStays;
    while (client == Client::kStays) {
        const bool is_busy = take();
        if (!connection_.write())
            return;
        client = connection_.wait(connection_.pending() != 0 ? -1 : is_busy ? 0 : kIdleMilliseconds);
    }
    if (client == Client::kGone)
        return;
    // What is recorded by now is all that it gets: workers may go on as fast as this.
    const std::uint64_t wanted = capture_->taken() - capture_->lost();
    while (delivered_ < wanted && take())
        if (!connection_.write_rest())
            return;
    std::string block;
    pcapng::append_statistics(block, 0, now_ns(), capture_->taken(), capture_->lost());
    connection_.append(block);
    connection_.write_rest();
}

bool CaptureStream::take()
{
    bool is_any = false;
    while (connection_.has_room()) {
        const auto seen = capture_->pop();
        if (!seen)
            break;
        append(*seen);
        ++delivered_;
        is_any = true;
    }
    return is_any;
}

void CaptureStream::append_interface(std::string_view name)
{
    const std::uint32_t snaplen = capture_->spec().snaplen;
    std::string block;
    pcapng::append_interface(block, name, snaplen >= kMaxSnaplen ? kShownSnaplen : snaplen);
    connection_.append(block);
    ++interface_count_;
}

std::uint32_t CaptureStream::interface_of(LinkId link)
{
    const auto [found, is_new] = interfaces_.try_emplace(link, interface_count_);
    if (is_new)
        append_interface(names_.of(link));
    return found->second;
}

void CaptureStream::append(const Capture::Seen& seen)
{
    const CaptureRecord& record = seen.record;
    pcapng::Packet packet;
    packet.interface = interface_of(record.link);
    packet.time_ns = record.time_ns;
    packet.bytes = seen.bytes;
    packet.size = record.size;
    packet.flags = record.direction == Direction::kIn ? pcapng::kInbound : pcapng::kOutbound;
    packet.id = record.packet_id;
    const std::string comment = comment_of(record);
    packet.comment = comment;
    std::string block;
    pcapng::append_packet(block, packet);
    connection_.append(block);
}

std::string CaptureStream::comment_of(const CaptureRecord& record) const
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
        return fmt::format("to {}", names_.of(dest.link()));
    case Dest::Kind::kVtep:
        return fmt::format("to {} by {}", remote, names_.of(dest.link()));
    case Dest::Kind::kReplicate:
        return fmt::format("to several VTEPs by {}", names_.of(dest.link()));
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
