// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/capture/probe.h"

#include "dataplane/port/port.h"
#include "dataplane/stage/learn.h"

#include <algorithm>
#include <ctime>

namespace vx
{

namespace
{

constexpr unsigned kFollowedBit = 56; // and up: by captures' numbers
constexpr std::uint64_t kNumber = (std::uint64_t{1} << kFollowedBit) - 1;
constexpr unsigned kProducerBit = 40; // a thread numbers a million million frames before it begins again
static_assert(kFollowedBit + CaptureSet::kMax <= 64);

bool is_followed(std::uint64_t id, std::size_t capture) noexcept
{
    return ((id >> (kFollowedBit + capture)) & 1) != 0;
}

std::uint64_t now_ns() noexcept
{
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now); // no system call where the kernel's clock is the TSC
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

} // namespace

Probe::Probe(std::size_t producer, Sending sending)
    : producer_(producer), sending_(sending), last_id_((std::uint64_t{producer} << kProducerBit) & kNumber),
      cells_(kRecordCells + cells_for(kMaxSnaplen)), gathered_(kMaxSnaplen)
{
}

void Probe::received(std::span<rte_mbuf* const> frames, LinkId port) noexcept
{
    for (rte_mbuf* const frame : frames) {
        packet_id_of(frame) = ++last_id_ & kNumber;
        CaptureRecord seen{.link = port, .point = CapturePoint::kPort, .direction = Direction::kIn};
        look(seen, frame);
    }
}

void Probe::number(rte_mbuf* frame) noexcept
{
    packet_id_of(frame) = ++last_id_ & kNumber;
}

void Probe::from_host(rte_mbuf* frame, LinkId link) noexcept
{
    packet_id_of(frame) = ++last_id_ & kNumber;
    CaptureRecord seen{.link = link, .point = CapturePoint::kHost, .direction = Direction::kOut};
    look(seen, frame);
}

void Probe::to_host(rte_mbuf* frame, LinkId link, PuntReason reason) noexcept
{
    CaptureRecord seen{.dest = Dest::punt(static_cast<std::uint32_t>(reason)),
                       .link = link,
                       .point = CapturePoint::kHost,
                       .direction = Direction::kIn};
    look(seen, frame);
}

void Probe::decapsulated(const Packet& packet) noexcept
{
    CaptureRecord seen{.link = packet.in, .point = CapturePoint::kVxlan, .direction = Direction::kIn};
    const Family family = outer_family(packet);
    const std::byte* const source = outer_source(packet, family);
    seen.set_remote(family == Family::kIpv4 ? IpAddress::v4_from_wire(source) : IpAddress::v6_from_wire(source));
    look(seen, packet.mbuf);
}

void Probe::encapsulating(rte_mbuf* frame, const EncapTemplate& vtep) noexcept
{
    // encap_frame() refuses what the VTEP does not take; of a frame that is to be cut, its segments fit.
    const bool is_taken =
        vtep.next().kind() == Dest::Kind::kPort && (is_gso(frame) || vtep.takes(rte_pktmbuf_pkt_len(frame)));
    CaptureRecord seen{.link = vtep.vxlan(), .point = CapturePoint::kVxlan, .direction = Direction::kOut};
    seen.set_remote(vtep.remote());
    look(seen, frame, is_taken ? Counting::kTallied : Counting::kNot);
}

void Probe::bridged(Packet& packet, const Context& context) noexcept
{
    const LinkId bridge = context.config.bridge(packet.bridge()).interface;
    if (packet.dest.kind() == Dest::Kind::kLocal)
        routed_[routed_count_++] = &packet;
    if (context.link(bridge).role != LinkState::Role::kBridge)
        return; // a VXLAN device that stands alone
    const bool is_own = packet.in == bridge && packet.outer_size == 0;
    CaptureRecord seen{.dest = packet.dest,
                       .link = bridge,
                       .point = CapturePoint::kBridge,
                       .direction = is_own ? Direction::kOut : Direction::kIn};
    if (packet.dest.kind() == Dest::Kind::kVtep)
        seen.set_remote(context.vtep(packet.dest.vtep()).remote());
    look(seen, packet.mbuf);
}

// They are the bridge's on the other side of the router now, if they came so far.
void Probe::routed(const Context& context) noexcept
{
    for (Packet* const packet : std::span{routed_}.first(routed_count_)) {
        const Dest::Kind kind = packet->dest.kind();
        const LinkState& interface = context.link(packet->in);
        if (kind == Dest::Kind::kPunt || kind == Dest::Kind::kDrop || interface.role != LinkState::Role::kBridge)
            continue;
        CaptureRecord seen{
            .dest = packet->dest, .link = packet->in, .point = CapturePoint::kBridge, .direction = Direction::kOut};
        if (kind == Dest::Kind::kVtep)
            seen.set_remote(context.vtep(packet->dest.vtep()).remote());
        look(seen, packet->mbuf);
    }
    routed_count_ = 0;
}

void Probe::dropped(rte_mbuf* frame, LinkId link, DropReason reason) noexcept
{
    CaptureRecord seen{.dest = Dest::drop(reason), .link = link, .point = CapturePoint::kDrop};
    look(seen, frame);
}

void Probe::dropped(Bytes frame, LinkId link, DropReason reason, std::uint64_t id) noexcept
{
    CaptureRecord seen{.size = static_cast<std::uint32_t>(frame.size()),
                       .dest = Dest::drop(reason),
                       .link = link,
                       .point = CapturePoint::kDrop};
    if (id == 0)
        id = ++last_id_ & kNumber;
    look(seen, frame.first(std::min<std::size_t>(frame.size(), kMaxSnaplen)), id);
}

std::uint64_t Probe::number_of(std::uint64_t id) noexcept
{
    return id & kNumber;
}

void Probe::leaving(std::span<rte_mbuf* const> frames, LinkId link) noexcept
{
    for (rte_mbuf* const frame : frames) {
        CaptureRecord seen{.link = link, .point = CapturePoint::kPort, .direction = Direction::kOut};
        look(seen, frame);
    }
}

std::uint16_t Probe::send(Port& port, std::uint16_t worker, LinkId link, std::span<rte_mbuf*> frames) noexcept
{
    leaving(frames, link);
    if (sending_ == Sending::kSends)
        return port.tx(worker, frames);
    rte_pktmbuf_free_bulk(frames.data(), static_cast<unsigned>(frames.size()));
    return static_cast<std::uint16_t>(frames.size());
}

Bytes Probe::whole(const rte_mbuf* frame) noexcept
{
    if (frame->nb_segs == 1)
        return head_of(frame);
    const auto size = std::min(rte_pktmbuf_pkt_len(frame), kMaxSnaplen);
    return {static_cast<const std::byte*>(rte_pktmbuf_read(frame, 0, size, gathered_.data())), size};
}

// Whether a capture, which may have a filter, is going to read the frame. A tally reads its first bytes only.
bool Probe::is_read(const CaptureRecord& seen, std::uint64_t id) const noexcept
{
    for (std::size_t number = 0; number < CaptureSet::kMax; ++number) {
        const Capture* const capture = captures_->all()[number].get();
        if (capture != nullptr && !capture->spec().tally && (is_followed(id, number) || capture->wants(seen)))
            return true;
    }
    return false;
}

void Probe::look(CaptureRecord& seen, rte_mbuf* frame, Counting counting) noexcept
{
    seen.size = rte_pktmbuf_pkt_len(frame);
    std::uint64_t& id = packet_id_of(frame);
    const bool is_gathered = frame->nb_segs != 1 && is_read(seen, id); // a large frame is copied for that
    look(seen, is_gathered ? whole(frame) : head_of(frame), id, counting);
}

void Probe::look(CaptureRecord& seen, Bytes head, std::uint64_t& id, Counting counting) noexcept
{
    for (std::size_t number = 0; number < CaptureSet::kMax; ++number) {
        Capture* const capture = captures_->all()[number].get();
        if (capture == nullptr)
            continue;
        if (capture->spec().tally) {
            if (counting == Counting::kTallied && capture->wants(seen))
                capture->count(producer_, seen, head);
            continue;
        }
        if (!is_followed(id, number)) {
            if (!capture->wants(seen) || !capture->spec().filter.matches(head, seen.size))
                continue;
            if (capture->spec().follows)
                id |= std::uint64_t{1} << (kFollowedBit + number);
        }
        seen.packet_id = id & kNumber;
        record(seen, head, *capture);
    }
}

void Probe::record(CaptureRecord& seen, Bytes head, Capture& capture) noexcept
{
    if (seen.time_ns == 0)
        seen.time_ns = now_ns(); // the same for every capture
    seen.captured = std::min({static_cast<std::uint32_t>(head.size()), capture.spec().snaplen, kMaxSnaplen});
    std::memcpy(cells_.data(), &seen, sizeof(seen));
    std::memcpy(cells_.data() + kRecordCells, head.data(), seen.captured);
    capture.push(producer_, std::span{cells_}.first(kRecordCells + cells_for(seen.captured)));
}

} // namespace vx
