// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/transmitter.h"

#include "dataplane/capture/probe.h"
#include "dataplane/offload/gro.h"
#include "dataplane/stage/encap.h"
#include "dataplane/stage/route.h"

namespace vx
{

// A drop of a frame that may go on elsewhere.
static void lose(rte_mbuf* mbuf, LinkId link, DropReason reason, Context& context) noexcept
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
        return send(packet.mbuf, packet.dest.link(), context);
    case Dest::Kind::kFlood:
        return flood(packet, context);
    case Dest::Kind::kReplicate:
        replicate(packet, context.config.replication[packet.dest.replication().value], context);
        return rte_pktmbuf_free(packet.mbuf);
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

// The segments of a GSO frame, one after the other. Takes the frame.
template <typename Take>
void Transmitter::cut(rte_mbuf* mbuf, LinkId link, Context& context, Take&& take) noexcept
{
    for (Segmenter segmenter{mbuf}; !segmenter.is_done();) {
        rte_mbuf* segment = segmenter.next(copies_);
        if (segment == nullptr) {
            lose(mbuf, link, DropReason::no_mbuf, context);
            break;
        }
        if (context.probe != nullptr) [[unlikely]]
            packet_id_of(segment) = packet_id_of(mbuf);
        take(segment);
    }
    rte_pktmbuf_free(mbuf);
}

// Whether the port takes what is owed. The outer headers of a tunnel are made fit for that.
static bool takes(const Port& port, rte_mbuf* mbuf) noexcept
{
    const MbufNote& note = note_of(mbuf);
    const Offloads offloads = port.offloads();
    return offloads.takes(note.gso) && (note.outer_size == 0 || (offloads.tunnels && make_outer_whole(mbuf)));
}

void Transmitter::send_any(rte_mbuf* mbuf, LinkId link, Context& context) noexcept
{
    if (!open(link, context))
        return discard(mbuf, link, DropReason::link_down, context);
    if (has_partial_checksum(mbuf) && !takes(*open_->port, mbuf)) {
        if (is_gso(mbuf))
            return cut(mbuf, link, context, [&](rte_mbuf* segment) { append(*open_, segment, context); });
        if (!complete_checksum(mbuf))
            return discard(mbuf, link, DropReason::offload_invalid, context);
    }
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
        discard(buffer.frames[i], link, refusal(buffer.frames[i], context.link(link)), context);
    }
    LinkCounters& counters = context.link_counters[link.value];
    counters.tx_packets.add(sent);
    counters.tx_bytes.add(buffer.bytes);
    buffer.count = 0;
    buffer.bytes = 0;
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
    renew_flood_room();
}

void Transmitter::punt_frame(rte_mbuf* mbuf, LinkId in, PuntReason reason, Context& context) noexcept
{
    if (is_gso(mbuf)) [[unlikely]]
        return cut(mbuf, in, context, [&](rte_mbuf* segment) { punt_frame(segment, in, reason, context); });
    const std::size_t room = reason == PuntReason::kUnderlay ? punted_.size() : punted_.size() / 2;
    if (punted_count_ >= room) [[unlikely]]
        return discard(mbuf, in, DropReason::punt_full, context);
    MbufNote& note = note_of(mbuf);
    note.link = in.value;
    note.reason = static_cast<std::uint8_t>(reason);
    note.is_numbered = context.probe != nullptr;
    punted_[punted_count_++] = mbuf;
}

// A private copy for each VTEP, so that its headers and the frame are one piece that every kind of port can send.
void Transmitter::replicate(const Packet& packet, std::span<const VtepId> vteps, Context& context) noexcept
{
    const std::size_t copies = vteps.size() * (is_gso(packet.mbuf) ? gso_segment_count(packet.mbuf) : 1);
    if (copies > flood_room_ && flood_room_ != kMaxFloodCopies)
        return lose(packet.mbuf, packet.in, DropReason::flood_limit, context);
    flood_room_ -= std::min(flood_room_, copies);
    for (const VtepId id : vteps) {
        const EncapTemplate& vtep = context.vtep(id);
        const LinkId vxlan = vtep.vxlan();
        if (is_frame_too_big(packet, vxlan, context)) {
            lose(packet.mbuf, vxlan, DropReason::frame_too_big, context);
            continue;
        }
        rte_mbuf* copy = rte_pktmbuf_copy(packet.mbuf, copies_, 0, UINT32_MAX);
        if (copy == nullptr) {
            lose(packet.mbuf, vxlan, DropReason::no_mbuf, context);
            continue;
        }
        if (context.probe != nullptr) [[unlikely]]
            context.probe->encapsulating(copy, vtep);
        const Dest dest = encap_frame(copy, vtep, packet.flow_hash, packet.ecn, context);
        if (dest.kind() == Dest::Kind::kPort)
            send(copy, dest.link(), context);
        else
            discard(copy, vxlan, dest.reason(), context);
    }
}

// Why a flooded frame found nobody: only tunnels, which it came from or which its tag keeps it out of, or nothing.
static DropReason flood_failure(const Packet& packet, const BridgeState& bridge) noexcept
{
    if (bridge.vteps.empty())
        return DropReason::no_destination;
    return packet.outer_size != 0 ? DropReason::split_horizon : DropReason::inner_vlan;
}

void Transmitter::flood(Packet& packet, Context& context) noexcept
{
    const BridgeState& bridge = context.config.bridge(packet.bridge());
    const bool from_port = packet.outer_size == 0;
    const bool to_vteps = from_port && !bridge.vteps.empty() && packet.tag_size == 0;
    const bool is_own = packet.in == bridge.interface && from_port; // not what came to it by a tunnel
    const bool to_us =
        bridge.answers && !is_own && packet.destination.is_group() && is_about_neighbors(head_of(packet.mbuf));
    // One checksum for all copies. Were it unsound, parse() would have dropped the frame.
    if (has_partial_checksum(packet.mbuf) && !is_gso(packet.mbuf))
        complete_checksum(packet.mbuf);

    bool is_placed = to_us || to_vteps;
    if (to_vteps)
        replicate(packet, bridge.vteps, context);
    // A copy for each port but the last, which gets the frame itself if the control thread does not want it.
    LinkId last = kNoLink;
    const auto send_copy = [&](LinkId port) {
        if (rte_mbuf* copy = rte_pktmbuf_copy(packet.mbuf, copies_, 0, UINT32_MAX); copy != nullptr)
            send(copy, port, context);
        else
            lose(packet.mbuf, port, DropReason::no_mbuf, context);
    };
    for (const LinkId port : bridge.ports) {
        if (port == packet.in)
            continue;
        is_placed = true;
        if (is_frame_too_big(packet, port, context)) {
            lose(packet.mbuf, port, DropReason::frame_too_big, context);
            continue;
        }
        if (!last.is_none())
            send_copy(last);
        last = port;
    }
    if (to_us) {
        if (!last.is_none())
            send_copy(last);
        punt_frame(packet.mbuf, packet.in, PuntReason::kLocal, context);
    } else if (!last.is_none())
        send(packet.mbuf, last, context);
    else if (is_placed)
        rte_pktmbuf_free(packet.mbuf);
    else
        discard(packet.mbuf, packet.in, flood_failure(packet, bridge), context);
}

} // namespace vx
