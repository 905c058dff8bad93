// SPDX-License-Identifier: BSD-3-Clause
// Frames that a turn has no room for. They wait by the device that they came in by, and the devices take turns, so that
// a storm of one waits for itself.
#pragma once

#include "dataplane/device_queues.h"
#include "dataplane/offload/gso.h"
#include "dataplane/stage/packet.h"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace vx
{

// A frame that is sent as a whole, cut, or copied to many, and how far that has come. A config may be published while
// it waits, and numbers may be others' then: lists are known again by their own numbers, and what is in a list of the
// present config is of the present config.
struct Job {
    Packet packet; // packet.mbuf: what is copied; null if there is only `whole`
    // What it is copied to: number() of the list, 0 for none; and how far.
    std::uint64_t vteps = 0;
    std::uint64_t ports = 0; // of the bridge
    std::uint32_t vtep_at = 0;
    std::uint32_t port_at = 0;
    LinkId last;        // of the ports up to there the last one: it gets the frame itself, if nobody comes after it
    bool to_us = false; // to the control thread, after all others
    const CaptureSet* captures = nullptr; // that have numbered it

    // A copy, or the frame itself, for `egress`: one that is being cut, or waits behind one that is.
    rte_mbuf* whole = nullptr;
    LinkId egress;
    std::uint64_t domain = 0;          // of egress, as domain_of() has it
    std::optional<Segmenter> segments; // of `whole`, unless it leaves as it is

    void send(rte_mbuf* frame, LinkId port, const ForwardingConfig& config) noexcept
    {
        whole = frame;
        egress = port;
        domain = domain_of(port, config);
    }
    void cut(rte_mbuf* frame, LinkId port, const ForwardingConfig& config) noexcept
    {
        send(frame, port, config);
        segments.emplace(frame);
    }
    // Packet buffers that it takes. A frame that is cut is there twice, if it is copied.
    std::size_t buffers() const noexcept
    {
        const rte_mbuf* const frame = packet.mbuf != nullptr ? packet.mbuf : whole;
        return std::size_t{frame->nb_segs} * (is_gso(frame) ? 2 : 1);
    }
    // Whether the port is there, and where it was: in the same bridge, which has had no change; or in the underlay.
    bool has_egress(const ForwardingConfig& config) const noexcept
    {
        return domain != 0 && domain == domain_of(egress, config);
    }
    void free() noexcept // all that is left of it
    {
        rte_pktmbuf_free(packet.mbuf);
        rte_pktmbuf_free(whole);
        packet.mbuf = whole = nullptr;
    }

private:
    static constexpr std::uint64_t kUnderlay = UINT64_MAX;

    static std::uint64_t domain_of(LinkId port, const ForwardingConfig& config) noexcept
    {
        if (port.value >= config.links.size())
            return 0;
        const LinkState& link = config.link(port);
        if (link.role == LinkState::Role::kUnderlay)
            return kUnderlay;
        return link.role == LinkState::Role::kOverlay ? config.bridge(link.bridge).ports.number() : 0;
    }
};

// A frame that a full port of the underlay has refused.
struct RefusedFrame {
    rte_mbuf* mbuf = nullptr;
    LinkId egress;
    std::uint64_t since = 0; // ticks

    void free() noexcept { rte_pktmbuf_free(mbuf); }
};

using Backlog = DeviceQueues<Job>;
using RefusedFrames = DeviceQueues<RefusedFrame>;

} // namespace vx
