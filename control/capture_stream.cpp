// SPDX-License-Identifier: BSD-3-Clause
#include "control/capture_stream.h"

#include "control/pcapng.h"
#include "control/sight.h"

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
    const std::string comment = what_of(record, [this](LinkId link) { return names_.of(link); });
    packet.comment = comment;
    std::string block;
    pcapng::append_packet(block, packet);
    connection_.append(block);
}

} // namespace vx
