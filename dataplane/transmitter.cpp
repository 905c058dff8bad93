// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/transmitter.h"

#include "dataplane/stage/encap.h"
#include "dataplane/stage/route.h"

namespace vx
{

void Transmitter::transmit(std::span<Packet> packets, Context& context) noexcept
{
    for (Packet& packet : packets) {
        switch (packet.dest.kind()) {
        case Dest::Kind::kPort:
            send(packet.mbuf, packet.dest.link(), context);
            break;
        case Dest::Kind::kFlood:
            flood(packet, context);
            break;
        case Dest::Kind::kReplicate:
            replicate(packet, context.config.replication[packet.dest.replication().value], context);
            rte_pktmbuf_free(packet.mbuf);
            break;
        case Dest::Kind::kPunt:
            punt_frame(packet.mbuf, packet.in, static_cast<PuntReason>(packet.dest.index()), context);
            break;
        case Dest::Kind::kDrop:
            discard(packet.mbuf, packet.in, packet.dest.reason(), context);
            break;
        default: // kNone, kLocal, kVtep: decided by an earlier stage
            discard(packet.mbuf, packet.in, DropReason::no_destination, context);
            break;
        }
    }
}

void Transmitter::discard(rte_mbuf* mbuf, LinkId link, DropReason reason, Context& context) noexcept
{
    context.count_drop(link, reason);
    rte_pktmbuf_free(mbuf);
}

void Transmitter::send(rte_mbuf* mbuf, LinkId link, Context& context) noexcept
{
    const LinkState& port = context.config.link(link);
    if (port.port == nullptr) [[unlikely]]
        return discard(mbuf, link, DropReason::link_down, context);
    if (has_partial_checksum(mbuf) && !port.port->takes_partial_checksum()) [[unlikely]] {
        if (!complete_checksum(mbuf))
            return discard(mbuf, link, DropReason::offload_invalid, context);
    }
    Buffer& buffer = buffers_[port.slot];
    if (buffer.count == 0)
        dirty_.push_back(link);
    buffer.frames[buffer.count++] = mbuf;
    if (buffer.count == buffer.frames.size()) {
        flush(link, buffer, context);
        std::erase(dirty_, link);
    }
}

void Transmitter::flush(LinkId link, Buffer& buffer, Context& context) noexcept
{
    // A port frees what it takes and moves what it does not to the end, so the sizes are summed before and after.
    const auto bytes_from = [&](std::size_t first) {
        std::uint64_t bytes = 0;
        for (std::size_t i = first; i < buffer.count; ++i)
            bytes += rte_pktmbuf_pkt_len(buffer.frames[i]);
        return bytes;
    };
    const std::uint64_t offered = bytes_from(0);
    const std::uint16_t sent = context.config.link(link).port->tx(worker_, {buffer.frames.data(), buffer.count});
    const std::uint64_t bytes = offered - bytes_from(sent);
    LinkCounters& counters = context.link_counters[link.value];
    counters.tx_packets.add(sent);
    counters.tx_bytes.add(bytes);
    for (std::size_t i = sent; i < buffer.count; ++i)
        discard(buffer.frames[i], link, DropReason::tx_full, context);
    buffer.count = 0;
}

void Transmitter::flush(Context& context) noexcept
{
    for (const LinkId link : dirty_)
        flush(link, buffers_[context.config.link(link).slot], context);
    dirty_.clear();
}

void Transmitter::punt_frame(rte_mbuf* mbuf, LinkId in, PuntReason reason, Context& context) noexcept
{
    const std::size_t room = reason == PuntReason::kUnderlay ? punted_.size() : punted_.size() / 2;
    if (punted_count_ >= room) [[unlikely]]
        return discard(mbuf, in, DropReason::punt_full, context);
    MbufNote& note = note_of(mbuf);
    note.link = in.value;
    note.reason = static_cast<std::uint8_t>(reason);
    punted_[punted_count_++] = mbuf;
}

// A private copy for each VTEP, so that its headers and the frame are one piece that every kind of port can send.
void Transmitter::replicate(const Packet& packet, std::span<const VtepId> vteps, Context& context) noexcept
{
    for (const VtepId id : vteps) {
        const EncapTemplate& vtep = context.config.vtep(id);
        const LinkId vxlan = vtep.vxlan();
        if (is_frame_too_big(packet, vxlan, context)) {
            context.count_drop(vxlan, DropReason::frame_too_big);
            continue;
        }
        rte_mbuf* copy = rte_pktmbuf_copy(packet.mbuf, copies_, 0, UINT32_MAX);
        if (copy == nullptr) {
            context.count_drop(vxlan, DropReason::no_mbuf);
            continue;
        }
        const std::size_t inner_size = rte_pktmbuf_pkt_len(copy);
        if (const auto failure = encap_frame(copy, vtep, packet.flow_hash, packet.ecn)) {
            discard(copy, vxlan, *failure, context);
            continue;
        }
        LinkCounters& counters = context.link_counters[vxlan.value];
        counters.tx_packets.add(1);
        counters.tx_bytes.add(inner_size);
        send(copy, vtep.out(), context);
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
    const BridgeState& bridge = context.config.bridge(packet.bridge);
    const bool from_port = packet.outer_size == 0;
    const bool to_vteps = from_port && !bridge.vteps.empty() && !has_vlan_tag(packet);
    const bool is_own = packet.in == bridge.interface && from_port; // not what came to it by a tunnel
    const bool to_us = bridge.answers && !is_own && packet.destination.is_group() &&
                       (packet.ether_type == ether_type::kArp || is_icmp6(packet));
    // One checksum for all copies. Were it unsound, parse() would have dropped the frame.
    if (has_partial_checksum(packet.mbuf))
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
            context.count_drop(port, DropReason::no_mbuf);
    };
    for (const LinkId port : bridge.ports) {
        if (port == packet.in)
            continue;
        is_placed = true;
        if (is_frame_too_big(packet, port, context)) {
            context.count_drop(port, DropReason::frame_too_big);
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
