// SPDX-License-Identifier: BSD-3-Clause
// One thread's eye for captures. A worker that has captures to serve runs the pipeline with WithProbe in place of
// WithoutProbe, of which nothing is left when it is compiled; what is outside the pipeline asks once a burst, or once
// for a frame that goes no common way, whether there is a probe.
//
// A frame gets a number when it comes in, and keeps it from the inner frame to the outer one and to all copies. Above
// the number there is one bit for each capture that follows the frame.
#pragma once

#include "dataplane/capture/capture.h"
#include "dataplane/stage/packet.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace vx
{

class Port;

class Probe
{
public:
    // Whether frames that leave by a port do so, or end here unsent.
    enum class Sending : std::uint8_t { kSends, kDiscards };

    // `producer` is the number of this thread's rings.
    explicit Probe(std::size_t producer, Sending sending = Sending::kSends);

    // Before every turn with captures. The set outlives the turn.
    Probe* begin(const CaptureSet& captures) noexcept
    {
        captures_ = &captures;
        return this;
    }

    void received(std::span<rte_mbuf* const> frames, LinkId port) noexcept; // numbers them
    void number(rte_mbuf* frame) noexcept;                 // one that came before there were these captures
    void from_host(rte_mbuf* frame, LinkId link) noexcept; // likewise
    void to_host(rte_mbuf* frame, LinkId link, PuntReason reason) noexcept;
    void decapsulated(const Packet& packet) noexcept;
    void encapsulating(rte_mbuf* frame, const EncapTemplate& vtep) noexcept;
    void bridged(Packet& packet, const Context& context) noexcept;
    void routed(const Context& context) noexcept; // those that bridged() saw go to the gateway
    void dropped(rte_mbuf* frame, LinkId link, DropReason reason) noexcept;
    // One that is in no packet buffer any more; 0: it has no number yet.
    void dropped(Bytes frame, LinkId link, DropReason reason, std::uint64_t id) noexcept;
    void leaving(std::span<rte_mbuf* const> frames, LinkId link) noexcept;
    std::uint16_t send(Port& port, std::uint16_t worker, LinkId link, std::span<rte_mbuf*> frames) noexcept;

    static std::uint64_t number_of(std::uint64_t id) noexcept; // without who follows it

private:
    bool is_read(const CaptureRecord& seen, std::uint64_t id) const noexcept;
    // What goes on is counted by VTEP and MAC; what will be refused is shown only.
    enum class Counting : std::uint8_t { kTallied, kNot };

    void look(CaptureRecord& seen, rte_mbuf* frame, Counting counting = Counting::kTallied) noexcept;
    void look(CaptureRecord& seen, Bytes head, std::uint64_t& id, Counting counting = Counting::kTallied) noexcept;
    void record(CaptureRecord& seen, Bytes head, Capture& capture) noexcept;
    Bytes whole(const rte_mbuf* frame) noexcept;

    const std::size_t producer_;
    const Sending sending_;
    const CaptureSet* captures_ = nullptr;
    std::uint64_t last_id_;
    std::array<Packet*, kBurst> routed_{};
    std::size_t routed_count_ = 0;
    std::vector<CaptureCell> cells_;  // of the record that is made
    std::vector<std::byte> gathered_; // a frame that lies in several buffers
};

// What the pipeline does where a probe may look.
struct WithoutProbe {
    static void decapsulated(Packet&, Context&) noexcept {}
    static void bridged(Packet&, Context&) noexcept {}
    static void routed(Context&) noexcept {}
    static void encapsulating(Packet&, Context&) noexcept {}
};
struct WithProbe {
    static void decapsulated(Packet& packet, Context& context) noexcept
    {
        if (packet.outer_size != 0 && packet.dest.kind() == Dest::Kind::kNone)
            context.probe->decapsulated(packet);
    }
    static void bridged(Packet& packet, Context& context) noexcept { context.probe->bridged(packet, context); }
    static void routed(Context& context) noexcept { context.probe->routed(context); }
    static void encapsulating(Packet& packet, Context& context) noexcept
    {
        if (packet.dest.kind() == Dest::Kind::kVtep)
            context.probe->encapsulating(packet.mbuf, context.vtep(packet.dest.vtep()));
    }
};

} // namespace vx
