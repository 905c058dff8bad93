// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/transmitter.h"

#include "dataplane/capture/probe.h"
#include "dataplane/offload/gro.h"
#include "dataplane/stage/encap.h"
#include "dataplane/stage/route.h"

namespace vx
{

namespace
{

constexpr std::uint64_t kPatienceMilliseconds = 10; // far longer than any port needs for a frame
constexpr std::uint16_t kMaxJobs = 512;
constexpr std::uint16_t kMaxRefused = 4096;
constexpr std::uint16_t kMaxRefusedOfDevice = 4 * kBurst;

} // namespace

Transmitter::Transmitter(std::uint16_t worker, rte_mempool* copies)
    : worker_(worker), copies_(copies), buffers_(kMaxPorts),
      backlog_(kMaxJobs, kBurst, copies->size / 4), // as a port of which something waits is not polled
      refused_(kMaxRefused, kMaxRefusedOfDevice, copies->size / 8),
      patience_(rte_get_tsc_hz() / 1000 * kPatienceMilliseconds)
{
    used_.reserve(kMaxPorts);
}

void Transmitter::lose(rte_mbuf* mbuf, LinkId link, DropReason reason, Context& context) noexcept
{
    context.count_drop(link, reason);
    if (context.probe != nullptr) [[unlikely]]
        context.probe->dropped(mbuf, link, reason);
}

// Whatever does not simply leave by the port that the frame before it left by.
void Transmitter::carry_out(Packet& packet, Context& context) noexcept
{
    switch (packet.dest.kind()) {
    case Dest::Kind::kPort:
        if (is_queue_waiting_) [[unlikely]]
            return send_behind(packet, context);
        return is_gso(packet.mbuf) ? send_gso(packet, context) : send(packet.mbuf, packet.dest.link(), context);
    case Dest::Kind::kFlood:
        return flood(packet, context);
    case Dest::Kind::kReplicate:
        return replicate(packet, context);
    case Dest::Kind::kPunt:
        return punt_frame(packet.mbuf, packet.in, static_cast<PuntReason>(packet.dest.index()), context);
    case Dest::Kind::kDrop:
        return discard(packet.mbuf, packet.in, packet.dest.reason(), context);
    default: // kNone, kLocal, kVtep: decided by an earlier stage
        return discard(packet.mbuf, packet.in, DropReason::no_destination, context);
    }
}

void Transmitter::discard(rte_mbuf* mbuf, LinkId link, DropReason reason, Context& context) noexcept
{
    lose(mbuf, link, reason, context);
    rte_pktmbuf_free(mbuf);
}

// Turns to another port. False if it is not there.
bool Transmitter::open(LinkId link, Context& context) noexcept
{
    const LinkState& port = context.link(link);
    if (port.port == nullptr)
        return false;
    open_dest_ = Dest::port(link);
    open_ = &buffers_[port.slot];
    if (open_->port == nullptr) {
        open_->link = link;
        open_->port = port.port;
        used_.push_back(open_);
    }
    return true;
}

bool Transmitter::takes(const Port& port, rte_mbuf* mbuf) noexcept
{
    const MbufNote& note = note_of(mbuf);
    const Offloads offloads = port.offloads();
    return offloads.takes(note.gso) && (note.outer_size == 0 || (offloads.tunnels && make_outer_whole(mbuf)));
}

void Transmitter::send_any(rte_mbuf* mbuf, LinkId link, Context& context) noexcept
{
    if (!open(link, context))
        return discard(mbuf, link, DropReason::link_down, context);
    if (has_partial_checksum(mbuf) && !takes(*open_->port, mbuf) && !complete_checksum(mbuf))
        return discard(mbuf, link, DropReason::offload_invalid, context);
    append(*open_, mbuf, context);
}

// Why a port did not take a frame. Tunnels fill an MTU that was set too large for the port below.
static DropReason refusal(const rte_mbuf* frame, const LinkState& link) noexcept
{
    constexpr std::uint32_t kHeader = sizeof(EthernetHeader) + 4; // with a VLAN tag
    return rte_pktmbuf_pkt_len(frame) > link.mtu + kHeader && !is_gso(frame) ? DropReason::frame_too_big
                                                                             : DropReason::tx_full;
}

// Of the frames that wait for a port, larger ones where it takes them.
void Transmitter::coalesce_frames(Buffer& buffer, Offloads taken) noexcept
{
    const std::size_t count = coalesce({buffer.frames.data(), buffer.count}, taken);
    if (count == buffer.count)
        return;
    buffer.count = static_cast<std::uint32_t>(count);
    buffer.bytes = 0;
    for (std::size_t i = 0; i < count; ++i)
        buffer.bytes += rte_pktmbuf_pkt_len(buffer.frames[i]);
}

// How many the port takes.
inline std::uint16_t Transmitter::tx(Buffer& buffer, std::span<rte_mbuf*> frames, Context& context) noexcept
{
    const std::uint16_t sent = context.probe == nullptr
                                   ? buffer.port->tx(worker_, frames)
                                   : context.probe->send(*buffer.port, worker_, buffer.link, frames);
    if (sent != 0)
        buffer.refuses_since = 0;
    else if (buffer.refuses_since == 0)
        buffer.refuses_since = rte_rdtsc();
    return sent;
}

void Transmitter::flush(Buffer& buffer, Context& context) noexcept
{
    if (buffer.count > 1)
        if (const Offloads taken = buffer.port->offloads(); taken.tso4 || taken.tso6)
            coalesce_frames(buffer, taken);
    const bool is_offered = !has_refused() || may_offer(buffer, context);
    const std::uint16_t sent = is_offered ? tx(buffer, {buffer.frames.data(), buffer.count}, context) : 0;
    if (sent < buffer.count) [[unlikely]]
        keep_refused(buffer, sent, context);
    LinkCounters& counters = context.link_counters[buffer.link.value];
    counters.tx_packets.add(sent);
    counters.tx_bytes.add(buffer.bytes);
    buffer.count = 0;
    buffer.bytes = 0;
}

void Transmitter::flush_buffers(Context& context) noexcept
{
    for (Buffer* buffer : used_)
        if (buffer->count != 0)
            flush(*buffer, context);
}

void Transmitter::flush(Context& context) noexcept
{
    for (Buffer* buffer : used_) {
        if (buffer->count != 0)
            flush(*buffer, context);
        buffer->port = nullptr;
    }
    used_.clear();
    open_dest_ = kNowhere;
}

// ---- what a full port has refused ------------------------------------------------------------------------------

// Not while others of the same sender wait for it, which go first.
bool Transmitter::may_offer(const Buffer& buffer, const Context& context) const noexcept
{
    return !refused_.has(sender_) || context.link(buffer.link).role != LinkState::Role::kUnderlay;
}

bool Transmitter::is_stuck(const Buffer& buffer) const noexcept
{
    return buffer.refuses_since != 0 && rte_rdtsc() - buffer.refuses_since > patience_;
}

// The frames that a port does not take lie at the end, and are still ours. A port of the underlay is shared by all, so
// they wait, by the device of their sender, who sends no more until it has taken them. One that takes nothing for
// longer than any queue is long, as without carrier, would keep devices from what they send elsewhere.
void Transmitter::keep_refused(Buffer& buffer, std::size_t sent, Context& context) noexcept
{
    const LinkState& link = context.link(buffer.link);
    const bool may_wait = link.role == LinkState::Role::kUnderlay && !sender_.is_none() && !is_stuck(buffer);
    for (std::size_t i = sent; i < buffer.count; ++i) {
        rte_mbuf* const frame = buffer.frames[i];
        buffer.bytes -= rte_pktmbuf_pkt_len(frame);
        const DropReason reason = refusal(frame, link);
        if (may_wait && reason == DropReason::tx_full && refused_.add(sender_, {frame, buffer.link}, frame->nb_segs))
            continue;
        discard(frame, buffer.link, reason, context);
    }
}

std::int32_t Transmitter::resend(std::int32_t most, Context& context) noexcept
{
    flush_buffers(context); // the control thread's frames, which go first
    const Port* full = nullptr;
    std::int32_t work = 0;
    for (std::size_t failed = 0; work < most && failed < refused_.device_count();) { // in a row
        const LinkId device = refused_.device();
        const std::int32_t done = resend_slice(full, context);
        work += done;
        failed = done == 0 ? failed + 1 : 0;
        if (refused_.has(device))
            refused_.rotate();
    }
    return work;
}

// Of the device whose turn it is, how much was done. Nothing is offered to the port that was `full` before.
std::int32_t Transmitter::resend_slice(const Port*& full, Context& context) noexcept
{
    const LinkId device = refused_.device();
    std::array<RefusedFrame*, kBurst> waiting;
    const std::size_t most = refused_.peek(waiting);
    const LinkId egress = waiting.front()->egress;
    const bool is_there = egress.value < context.config.links.size() &&
                          context.link(egress).role == LinkState::Role::kUnderlay && open(egress, context);
    std::array<rte_mbuf*, kBurst> frames;
    std::size_t count = 0;
    std::int32_t work = 0;
    std::uint64_t bytes = 0;
    for (; is_there && count < most && work < kSlice; ++count) {
        rte_mbuf* const frame = waiting[count]->mbuf;
        if (waiting[count]->egress != egress || (has_partial_checksum(frame) && !takes(*open_->port, frame)))
            break;
        frames[count] = frame;
        work += size_of(frame);
        bytes += rte_pktmbuf_pkt_len(frame);
    }
    if (count == 0) { // the number is another port's by now
        discard(waiting.front()->mbuf, device, DropReason::link_down, context);
        refused_.pop();
        return 1;
    }
    if (open_->port == full)
        return 0;
    const std::size_t sent = tx(*open_, {frames.data(), count}, context);
    const bool is_given_up = is_stuck(*open_);
    std::size_t kept = 0;
    for (std::size_t i = sent; i < count; ++i) {
        bytes -= rte_pktmbuf_pkt_len(frames[i]);
        const DropReason reason = refusal(frames[i], context.link(egress));
        if (is_given_up || reason != DropReason::tx_full)
            discard(frames[i], egress, reason, context);
        else
            frames[kept++] = frames[i];
    }
    for (std::size_t i = 0; i < kept; ++i) { // a port may have changed their order
        waiting[count - kept + i]->mbuf = frames[i];
        work -= size_of(frames[i]);
        full = open_->port;
    }
    for (std::size_t i = kept; i < count; ++i)
        refused_.pop();
    context.link_counters[egress.value].tx_packets.add(sent);
    context.link_counters[egress.value].tx_bytes.add(bytes);
    return work;
}

// ---- to the control thread -------------------------------------------------------------------------------------

void Transmitter::punt_frame(rte_mbuf* mbuf, LinkId in, PuntReason reason, Context& context) noexcept
{
    const std::size_t room = reason == PuntReason::kUnderlay ? punted_.size() : punted_.size() / 2;
    const std::size_t count = is_gso(mbuf) ? gso_segment_count(mbuf) : 1;
    if (punted_count_ + count > room) [[unlikely]]
        return discard(mbuf, in, DropReason::punt_full, context);
    if (is_gso(mbuf)) [[unlikely]]
        return punt_segments(mbuf, in, reason, context);
    MbufNote& note = note_of(mbuf);
    note.link = in.value;
    note.reason = static_cast<std::uint8_t>(reason);
    note.is_numbered = context.probe != nullptr;
    punted_[punted_count_++] = mbuf;
}

void Transmitter::punt_segments(rte_mbuf* mbuf, LinkId in, PuntReason reason, Context& context) noexcept
{
    for (Segmenter segmenter{mbuf}; !segmenter.is_done();) {
        rte_mbuf* const segment = next_segment(segmenter, mbuf);
        if (segment == nullptr) {
            lose(mbuf, in, DropReason::no_mbuf, context);
            break;
        }
        punt_frame(segment, in, reason, context);
    }
    rte_pktmbuf_free(mbuf);
}

} // namespace vx
