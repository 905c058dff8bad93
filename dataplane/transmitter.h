// SPDX-License-Identifier: BSD-3-Clause
// The end of the pipeline: where a packet's Dest is carried out. Frames wait in one buffer per port and leave in
// bursts; copies of flooded frames are made here; what is dropped is counted and freed.
#pragma once

#include "dataplane/port/port.h"
#include "dataplane/stage/packet.h"

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace vx
{

inline constexpr std::size_t kMaxPorts = 1024;

class Transmitter
{
public:
    // `worker` chooses the transmit queue. `copies` is the pool for flooded frames.
    Transmitter(std::uint16_t worker, rte_mempool* copies) : worker_(worker), copies_(copies), buffers_(kMaxPorts)
    {
        used_.reserve(kMaxPorts);
    }

    // Carries out a packet's Dest. The frame may still wait in a buffer until flush(), which ends every turn.
    void transmit(Packet& packet, Context& context) noexcept
    {
        if (packet.dest == open_dest_ && !has_partial_checksum(packet.mbuf)) [[likely]]
            return append(*open_, packet.mbuf, context);
        // Or to another port that was sent to in this turn.
        if (packet.dest.kind() == Dest::Kind::kPort && !has_partial_checksum(packet.mbuf)) {
            const LinkState& link = context.link(packet.dest.link());
            Buffer& buffer = buffers_[link.slot];
            if (link.port != nullptr && buffer.port == link.port)
                return append(buffer, packet.mbuf, context);
        }
        carry_out(packet, context);
    }
    void flush(Context& context) noexcept;
    // Before another port's frames: what one floods is not the other's loss.
    void renew_flood_room() noexcept { flood_room_ = kMaxFloodCopies; }

    // Frames for the control thread, in the order in which they came; the worker hands them over at the turn's end.
    std::span<rte_mbuf*> punted() noexcept { return {punted_.data(), punted_count_}; }
    void clear_punted() noexcept { punted_count_ = 0; }

    // Counts a drop and frees the frame.
    void discard(rte_mbuf* mbuf, LinkId link, DropReason reason, Context& context) noexcept;

    // Sends one frame out of a port; what is still owed to it, and the port does not take, is done here. Takes the
    // frame.
    void send(rte_mbuf* mbuf, LinkId link, Context& context) noexcept
    {
        if (Dest::port(link) == open_dest_ && !has_partial_checksum(mbuf))
            append(*open_, mbuf, context);
        else
            send_any(mbuf, link, context);
    }

private:
    static constexpr Dest kNowhere = Dest::port(kNoLink); // no packet's
    // Copies of flooded frames from one port in a turn, as segments: what else a worker polls has to wait for them.
    // More than the longest list that is likely; a single frame goes to all of its list, however long that is.
    static constexpr std::size_t kMaxFloodCopies = 2048;

    struct alignas(64) Buffer {
        std::uint32_t bytes = 0; // of all of them
        std::uint32_t count = 0;
        LinkId link;          // whose it is in this turn
        Port* port = nullptr; // and its port; null until something is sent there
        std::array<rte_mbuf*, kBurst> frames;
    };

    void append(Buffer& buffer, rte_mbuf* mbuf, Context& context) noexcept
    {
        const std::size_t count = buffer.count;
        buffer.frames[count] = mbuf;
        buffer.bytes += rte_pktmbuf_pkt_len(mbuf);
        buffer.count = static_cast<std::uint32_t>(count + 1);
        if (count + 1 == kBurst) [[unlikely]]
            flush(buffer, context);
    }
    void send_any(rte_mbuf* mbuf, LinkId link, Context& context) noexcept;
    bool open(LinkId link, Context& context) noexcept;
    template <typename Take>
    void cut(rte_mbuf* mbuf, LinkId link, Context& context, Take&& take) noexcept;
    void carry_out(Packet& packet, Context& context) noexcept;
    void coalesce_frames(Buffer& buffer, Offloads taken) noexcept;
    void flush(Buffer& buffer, Context& context) noexcept;
    void punt_frame(rte_mbuf* mbuf, LinkId in, PuntReason reason, Context& context) noexcept;
    void flood(Packet& packet, Context& context) noexcept;
    void replicate(const Packet& packet, std::span<const VtepId> vteps, Context& context) noexcept;

    std::uint16_t worker_;
    rte_mempool* copies_;
    std::vector<Buffer> buffers_; // by LinkState::slot
    std::vector<Buffer*> used_;   // in this turn; never grows beyond its reserve
    Dest open_dest_ = kNowhere;   // what was sent to last in this turn; mostly the next frame goes there too
    Buffer* open_ = nullptr;
    std::size_t flood_room_ = kMaxFloodCopies; // for more copies
    std::array<rte_mbuf*, 32 * kBurst> punted_{};
    std::size_t punted_count_ = 0;
};

// Stage: the last one.
inline void transmit(Packet& packet, Context& context) noexcept
{
    context.transmitter.transmit(packet, context);
}

} // namespace vx
