// SPDX-License-Identifier: BSD-3-Clause
// Transmitter's making of many frames out of one: copies for flooding, and segments. Each such frame is a Job, which is
// done at once as far as there is room, and goes on in later turns.
#include "dataplane/capture/probe.h"
#include "dataplane/stage/encap.h"
#include "dataplane/stage/route.h"
#include "dataplane/transmitter.h"

#include <algorithm>
#include <utility>

namespace vx
{

static std::size_t segment_count(const rte_mbuf* frame) noexcept
{
    return is_gso(frame) ? gso_segment_count(frame) : 1;
}

// ---- segments --------------------------------------------------------------------------------------------------

// nullptr if there is no buffer.
rte_mbuf* Transmitter::next_segment(Segmenter& segmenter, rte_mbuf* whole) noexcept
{
    rte_mbuf* const segment = segmenter.next(copies_);
    if (segment == nullptr)
        return nullptr;
    packet_id_of(segment) = packet_id_of(whole);
    segment->port = whole->port;
    room_ -= size_of(segment);
    return segment;
}

void Transmitter::send_or_cut(Job& job, rte_mbuf* mbuf, LinkId link, Context& context) noexcept
{
    if (is_gso(mbuf) && open(link, context) && !takes(*open_->port, mbuf))
        job.cut(mbuf, link, context.config);
    else
        send(mbuf, link, context);
}

// False if there is no room for all of what is being cut.
bool Transmitter::cut(Job& job, Context& context) noexcept
{
    if (job.whole == nullptr)
        return true;
    if (!job.has_egress(context.config) || !open(job.egress, context)) {
        lose(job.whole, job.packet.in, DropReason::link_down, context); // whose number its egress has now is not known
    } else if (!job.segments) {
        room_ -= size_of(job.whole);
        send_or_cut(job, std::exchange(job.whole, nullptr), job.egress, context);
        return cut(job, context);
    } else {
        while (!job.segments->is_done()) {
            if (!has_room())
                return false;
            rte_mbuf* const segment = next_segment(*job.segments, job.whole);
            if (segment == nullptr) {
                lose(job.whole, job.egress, DropReason::no_mbuf, context);
                break;
            }
            append(*open_, segment, context);
        }
    }
    rte_pktmbuf_free(job.whole);
    job.whole = nullptr;
    job.segments.reset();
    return true;
}

// ---- copies ----------------------------------------------------------------------------------------------------

// A private one, so that its headers and the frame are one piece that every kind of port can send.
rte_mbuf* Transmitter::copy(const rte_mbuf* frame) noexcept
{
    room_ -= size_of(frame);
    return rte_pktmbuf_copy(frame, copies_, 0, UINT32_MAX);
}

void Transmitter::copy_to_vtep(Job& job, VtepId id, Context& context) noexcept
{
    const Packet& packet = job.packet;
    const EncapTemplate& vtep = context.vtep(id);
    const LinkId vxlan = vtep.vxlan();
    if (is_frame_too_big(packet, vxlan, context)) {
        --room_;
        return lose(packet.mbuf, vxlan, DropReason::frame_too_big, context);
    }
    rte_mbuf* const made = copy(packet.mbuf);
    if (made == nullptr)
        return lose(packet.mbuf, vxlan, DropReason::no_mbuf, context);
    if (context.probe != nullptr) [[unlikely]]
        context.probe->encapsulating(made, vtep);
    const Dest dest = encap_frame(made, vtep, packet.flow_hash, packet.ecn, context);
    if (dest.kind() == Dest::Kind::kPort)
        send_or_cut(job, made, dest.link(), context);
    else
        discard(made, vxlan, dest.reason(), context);
}

void Transmitter::copy_to_port(Job& job, LinkId port, Context& context) noexcept
{
    if (rte_mbuf* const made = copy(job.packet.mbuf); made != nullptr)
        send_or_cut(job, made, port, context);
    else
        lose(job.packet.mbuf, port, DropReason::no_mbuf, context);
}

// Both: false if there is no room for all of them.
bool Transmitter::copy_to_vteps(Job& job, std::span<const VtepId> vteps, Context& context) noexcept
{
    while (job.vtep_at < vteps.size()) {
        if (!has_room())
            return false;
        copy_to_vtep(job, vteps[job.vtep_at++], context);
        if (!cut(job, context))
            return false;
    }
    return true;
}

// A copy for each but the last, which may get the frame itself.
bool Transmitter::copy_to_ports(Job& job, std::span<const LinkId> ports, Context& context) noexcept
{
    while (job.port_at < ports.size()) {
        if (!has_room())
            return false;
        const LinkId port = ports[job.port_at++];
        if (port == job.packet.in)
            continue;
        if (is_frame_too_big(job.packet, port, context)) {
            --room_;
            lose(job.packet.mbuf, port, DropReason::frame_too_big, context);
            continue;
        }
        if (!job.last.is_none())
            copy_to_port(job, job.last, context);
        job.last = port;
        if (!cut(job, context))
            return false;
    }
    return true;
}

// The frame itself goes to whoever is the last. False if there is no room to cut it.
bool Transmitter::finish(Job& job, Context& context) noexcept
{
    const LinkId last = std::exchange(job.last, kNoLink);
    if (job.to_us && !last.is_none())
        copy_to_port(job, last, context);
    rte_mbuf* const frame = std::exchange(job.packet.mbuf, nullptr);
    if (job.to_us)
        punt_frame(frame, job.packet.in, PuntReason::kLocal, context);
    else if (!last.is_none())
        send_or_cut(job, frame, last, context);
    else
        rte_pktmbuf_free(frame);
    return cut(job, context);
}

// ---- jobs ------------------------------------------------------------------------------------------------------

// True if it is done. Nothing happens without room.
bool Transmitter::go_on(Job& job, Context& context) noexcept
{
    if (!has_room() || !cut(job, context))
        return false;
    const Packet& packet = job.packet;
    if (packet.mbuf == nullptr)
        return true;
    const ForwardingConfig& config = context.config;
    std::span<const LinkId> ports;
    SharedList<VtepId> const* vteps = nullptr;
    bool is_current = true;
    if (packet.dest.kind() == Dest::Kind::kFlood) {
        is_current = packet.bridge().value < config.bridges.size();
        if (is_current) {
            const BridgeState& bridge = config.bridge(packet.bridge());
            is_current = job.ports == bridge.ports.number();
            ports = bridge.ports;
            vteps = &bridge.vteps;
        }
    } else if (packet.dest.replication().value < config.replication.size()) {
        vteps = &config.replication[packet.dest.replication().value];
    }
    if (job.vteps != 0)
        is_current = is_current && vteps != nullptr && vteps->number() == job.vteps;
    if (!is_current) { // whose they are now is not known
        lose(packet.mbuf, packet.in, DropReason::no_destination, context);
        job.free();
        return true;
    }
    if (job.vteps != 0 && !copy_to_vteps(job, *vteps, context))
        return false;
    return copy_to_ports(job, ports, context) && finish(job, context);
}

// As much as there is room for, unless it is many copies, and the rest later, but behind those of the same device that
// wait already: the port that is polled, or where many send by one port, in the underlay, the device of those who have
// sent it.
void Transmitter::begin(Job& job, std::size_t copies, Context& context) noexcept
{
    const LinkId port = context.ingress.place.link();
    const LinkId device = context.link(port).role == LinkState::Role::kOverlay ? port : job.packet.in;
    if (copies > kFewCopies || is_waiting(device) || !go_on(job, context))
        wait(job, device, context);
}

void Transmitter::wait(Job& job, LinkId device, Context& context) noexcept
{
    if (context.probe != nullptr) [[unlikely]]
        job.captures = context.config.captures.get();
    if (backlog_.add(device, job, job.buffers())) {
        if (job.packet.mbuf == nullptr && context.link(device).role == LinkState::Role::kOverlay) {
            is_queue_waiting_ = true;
            open_dest_ = kNowhere;
        }
        return;
    }
    lose(job.packet.mbuf != nullptr ? job.packet.mbuf : job.whole, job.packet.in, DropReason::flood_limit, context);
    job.free();
}

void Transmitter::send_gso(Packet& packet, Context& context) noexcept
{
    const LinkId link = packet.dest.link();
    if (!open(link, context) || takes(*open_->port, packet.mbuf))
        return send(packet.mbuf, link, context);
    Job job;
    job.packet = packet;
    job.cut(std::exchange(job.packet.mbuf, nullptr), link, context.config);
    begin(job, 0, context);
}

// Behind a frame of the same queue that is being cut, which may be the same flow's.
void Transmitter::send_behind(Packet& packet, Context& context) noexcept
{
    Job job;
    job.packet = packet;
    job.send(std::exchange(job.packet.mbuf, nullptr), packet.dest.link(), context.config);
    wait(job, context.ingress.place.link(), context);
}

void Transmitter::replicate(Packet& packet, Context& context) noexcept
{
    const SharedList<VtepId>& vteps = context.config.replication[packet.dest.replication().value];
    const std::size_t segments = segment_count(packet.mbuf);
    if (segments > 1 && vteps.size() * segments > kMaxSegments)
        return discard(packet.mbuf, packet.in, DropReason::flood_limit, context);
    Job job;
    job.packet = packet;
    job.vteps = vteps.number();
    begin(job, vteps.size() * segments, context);
}

// Why a flooded frame found nobody: only tunnels, which it came from or which its tag keeps it out of, or nothing.
static DropReason flood_failure(const Packet& packet, const BridgeState& bridge) noexcept
{
    if (bridge.vteps.empty())
        return DropReason::no_destination;
    return packet.outer_size != 0 ? DropReason::split_horizon : DropReason::inner_vlan;
}

// Whom it leaves out is told, but for those who are no receivers of it: devices that are down, where it came from, and
// other tunnels of what came by one, which is not their host's to pass on.
void Transmitter::flood(Packet& packet, Context& context) noexcept
{
    const BridgeState& bridge = context.config.bridge(packet.bridge());
    const bool from_port = packet.outer_size == 0;
    const bool is_own = packet.in == bridge.interface && from_port; // not what came to it by a tunnel
    // One checksum for all copies. Were it unsound, parse() would have dropped the frame.
    if (has_partial_checksum(packet.mbuf) && !is_gso(packet.mbuf))
        complete_checksum(packet.mbuf);
    Job job;
    job.packet = packet;
    job.ports = bridge.ports.number();
    job.vteps = packet.is_for_tunnels() ? bridge.vteps.number() : 0;
    job.to_us = bridge.answers && !is_own && packet.destination.is_group() && is_about_neighbors(head_of(packet.mbuf));
    const bool has_port =
        std::any_of(bridge.ports.begin(), bridge.ports.end(), [&](LinkId port) { return port != packet.in; });
    if (job.vteps == 0 && !has_port && !job.to_us)
        return discard(packet.mbuf, packet.in, flood_failure(packet, bridge), context);
    if (from_port && packet.tag_size != 0)
        for (const LinkId vxlan : bridge.tunnels)
            lose(packet.mbuf, vxlan, DropReason::inner_vlan, context);
    const std::size_t segments = segment_count(packet.mbuf);
    if (job.vteps != 0 && segments > 1 && bridge.vteps.size() * segments > kMaxSegments) {
        lose(packet.mbuf, packet.in, DropReason::flood_limit, context);
        job.vteps = 0;
    }
    if (job.vteps == 0 && !has_port)
        finish(job, context); // it names no list to be known again by
    else
        begin(job, (bridge.ports.size() + (job.vteps == 0 ? 0 : bridge.vteps.size())) * segments, context);
}

void Transmitter::work_off(std::int32_t most, Context& context) noexcept
{
    flush_buffers(context);
    std::int32_t left = most;
    // As long as there is a device that does not wait for a full port.
    for (std::size_t passed = 0; left > 0 && passed < backlog_.device_count();) {
        const LinkId device = backlog_.device();
        if (refused_.has(device)) {
            ++passed;
            backlog_.rotate();
            continue;
        }
        passed = 0;
        device_ = device;
        Job& job = backlog_.front();
        if (context.probe != nullptr && job.captures != context.config.captures.get()) [[unlikely]] {
            job.captures = context.config.captures.get(); // others, who follow other frames
            if (job.packet.mbuf != nullptr)
                context.probe->number(job.packet.mbuf);
            if (job.whole != nullptr)
                context.probe->number(job.whole);
        }
        const std::int32_t slice = std::min(left, kSlice);
        room_ = slice;
        if (go_on(job, context))
            backlog_.pop();
        left -= slice - room_;
        if (backlog_.has(device))
            backlog_.rotate();
    }
    flush_buffers(context);
}

} // namespace vx
