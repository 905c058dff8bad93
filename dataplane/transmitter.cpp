// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/transmitter.h"

#include "dataplane/capture/probe.h"
#include "dataplane/offload/gro.h"
#include "dataplane/stage/encap.h"
#include "dataplane/stage/route.h"

namespace vx
{

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

void Transmitter::flush(Buffer& buffer, Context& context) noexcept
{
    const LinkId link = buffer.link;
    if (buffer.count > 1)
        if (const Offloads taken = buffer.port->offloads(); taken.tso4 || taken.tso6)
            coalesce_frames(buffer, taken);
    const std::span<rte_mbuf*> frames{buffer.frames.data(), buffer.count};
    const std::uint16_t sent = context.probe == nullptr ? buffer.port->tx(worker_, frames)
                                                        : context.probe->send(*buffer.port, worker_, link, frames);
    for (std::size_t i = sent; i < buffer.count; ++i) { // what a port does not take lies at the end, and is still ours
        buffer.bytes -= rte_pktmbuf_pkt_len(buffer.frames[i]);
        const DropReason reason = refusal(buffer.frames[i], context.link(link));
        is_underlay_full_ |= reason == DropReason::tx_full && context.link(link).role == LinkState::Role::kUnderlay;
        discard(buffer.frames[i], link, reason, context);
    }
    LinkCounters& counters = context.link_counters[link.value];
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
    is_underlay_full_ = false;
    renew_room();
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
