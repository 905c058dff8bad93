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

constexpr std::uint64_t kPatienceMilliseconds = 100; // far longer than any port's queue is
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
    const auto& ethernet = header_at<EthernetHeader>(head_of(frame), 0);
    const std::uint32_t tag = ethernet.type == Be16{ether_type::kVlan} ? 4 : 0;
    return rte_pktmbuf_pkt_len(frame) > link.mtu + sizeof(EthernetHeader) + tag && !is_gso(frame)
               ? DropReason::frame_too_big
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

void Transmitter::flush(Buffer& buffer, Context& context) noexcept
{
    if (buffer.count > 1)
        if (const Offloads taken = buffer.port->offloads(); taken.tso4 || taken.tso6)
            coalesce_frames(buffer, taken);
    if (has_refused()) [[unlikely]]
        line_up(buffer, context);
    const std::span<rte_mbuf*> frames{buffer.frames.data(), buffer.count};
    const std::uint16_t sent = context.probe == nullptr
                                   ? buffer.port->tx(worker_, frames)
                                   : context.probe->send(*buffer.port, worker_, buffer.link, frames);
    if (sent < buffer.count) [[unlikely]]
        keep_refused(buffer, sent, context);
    else
        buffer.refuses_since = 0;
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

// What it was not asked for a while says nothing of now.
void Transmitter::note_refusal(Buffer& buffer, std::size_t sent) noexcept
{
    const std::uint64_t now = rte_rdtsc();
    if (sent != 0)
        buffer.refuses_since = 0;
    else if (buffer.refuses_since == 0 || now - buffer.last_refused > patience_)
        buffer.refuses_since = now;
    buffer.last_refused = now;
}

bool Transmitter::is_stuck(const Buffer& buffer) const noexcept
{
    return buffer.refuses_since != 0 && rte_rdtsc() - buffer.refuses_since > patience_;
}

// While frames of a sender wait for a port of the underlay, others of his go behind these.
void Transmitter::line_up(Buffer& buffer, Context& context) noexcept
{
    if (context.link(buffer.link).role != LinkState::Role::kUnderlay)
        return;
    std::size_t offered = 0;
    for (std::size_t i = 0; i < buffer.count; ++i) {
        rte_mbuf* const frame = buffer.frames[i];
        if (!refused_.has(LinkId{frame->port})) {
            buffer.frames[offered++] = frame;
            continue;
        }
        buffer.bytes -= rte_pktmbuf_pkt_len(frame);
        if (context.probe != nullptr) [[unlikely]]
            context.probe->leaving({&frame, 1}, buffer.link);
        if (!keep(buffer, frame, context))
            discard(frame, buffer.link, DropReason::tx_full, context);
    }
    buffer.count = static_cast<std::uint32_t>(offered);
}

// A port of the underlay is shared by all, so what it is too full for waits, by the overlay's port that it came in by,
// whose sender sends no more until it has left. A port that takes nothing for longer than any queue is long, as without
// carrier, would keep senders from what they send elsewhere: then frames are lost.
void Transmitter::keep_refused(Buffer& buffer, std::size_t sent, Context& context) noexcept
{
    note_refusal(buffer, sent);
    for (std::size_t i = sent; i < buffer.count; ++i) {
        rte_mbuf* const frame = buffer.frames[i];
        buffer.bytes -= rte_pktmbuf_pkt_len(frame);
        if (is_unfit(frame) || !keep(buffer, frame, context))
            discard(frame, buffer.link, refusal(frame, context.link(buffer.link)), context);
    }
}

// False, and it is still the caller's, if it may not wait.
bool Transmitter::keep(const Buffer& buffer, rte_mbuf* frame, const Context& context) noexcept
{
    const LinkId sender{frame->port};
    return context.link(buffer.link).role == LinkState::Role::kUnderlay && !is_stuck(buffer) &&
           sender.value < context.config.links.size() && context.link(sender).role == LinkState::Role::kOverlay &&
           refused_.add(sender, {frame, buffer.link, rte_rdtsc()}, frame->nb_segs);
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
    if (count == 0) { // no such port is there any more
        discard(waiting.front()->mbuf, device, DropReason::link_down, context);
        refused_.pop();
        return 1;
    }
    if (open_->port == full)
        return 0;
    const std::size_t sent = open_->port->tx(worker_, {frames.data(), count}); // captures have seen them
    note_refusal(*open_, sent);
    const bool is_late = sent == 0 && rte_rdtsc() - waiting.front()->since > patience_; // though the port takes others
    std::size_t kept = 0;
    for (std::size_t i = sent; i < count; ++i) {
        bytes -= rte_pktmbuf_pkt_len(frames[i]);
        if (is_unfit(frames[i]) || is_stuck(*open_) || (is_late && i == 0))
            discard(frames[i], egress, refusal(frames[i], context.link(egress)), context);
        else
            frames[kept++] = frames[i];
    }
    for (std::size_t i = 0; i < kept; ++i) { // what was unfit is no longer among them
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
