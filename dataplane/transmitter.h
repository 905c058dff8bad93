// SPDX-License-Identifier: BSD-3-Clause
// The end of the pipeline: where a packet's Dest is carried out. Frames wait in one buffer per port and leave in
// bursts; copies of flooded frames and segments of large ones are made here, as far as there is room in a turn, and
// else in later ones; a full uplink is shared by those who send; what is dropped is counted and freed.
//
// Work is counted in packet buffers that are filled: one for each frame or segment of up to 2 KiB. That is a
// microsecond or two where the kernel sends, and a tenth of one where a driver does; it depends on nothing but the
// frames.
#pragma once

#include "dataplane/backlog.h"
#include "dataplane/port/port.h"
#include "dataplane/stage/packet.h"

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace vx
{

inline constexpr std::size_t kMaxPorts = 1024;
inline constexpr unsigned kBufferBits = 11; // 2 KiB

// What is received and made in a turn, about; in a turn that polls less, what waits has more.
inline constexpr std::int32_t kTurnWork = 1024;
inline constexpr std::int32_t kBacklogWork = 256; // of these, for what waits to be copied or cut
inline constexpr std::int32_t kResendWork = 256;  // and for what a port has refused before
// Copies and segments that are made at once for one queue's frames.
inline constexpr std::int32_t kQueueWork = 256;

class Transmitter
{
public:
    // `worker` chooses the transmit queue. `copies` is the pool for flooded frames.
    Transmitter(std::uint16_t worker, rte_mempool* copies);

    // Carries out a packet's Dest. The frame may still wait in a buffer until flush(), which ends every turn.
    void transmit(Packet& packet, Context& context) noexcept
    {
        if (packet.dest == open_dest_ && !has_partial_checksum(packet.mbuf)) [[likely]]
            return append(*open_, packet.mbuf, context);
        // Or to another port that was sent to in this turn.
        if (packet.dest.kind() == Dest::Kind::kPort && !has_partial_checksum(packet.mbuf) && !is_queue_waiting_) {
            const LinkState& link = context.link(packet.dest.link());
            Buffer& buffer = buffers_[link.slot];
            if (link.port != nullptr && buffer.port == link.port)
                return append(buffer, packet.mbuf, context);
        }
        carry_out(packet, context);
    }
    void flush(Context& context) noexcept;

    // Before the frames of one receive queue, or of the control thread (kNoLink): what is made of one queue's is not
    // another's loss.
    void begin_queue(LinkId port) noexcept
    {
        room_ = kQueueWork;
        is_queue_waiting_ = false;
        device_ = port;
    }
    std::int32_t made() const noexcept { return kQueueWork - room_; } // since then
    // Not when a full port has refused some of them.
    bool has_room() const noexcept { return room_ > 0 && !refused_.has(device_); }

    // Whether frames that came in by the port wait for a later turn.
    bool is_waiting(LinkId port) const noexcept { return backlog_.has(port) || refused_.has(port); }

    bool has_backlog() const noexcept { return !backlog_.is_empty(); }
    // Goes on with what is to be copied and cut, device by device, up to so much work. What a turn's other frames leave
    // by gets these first.
    void work_off(std::int32_t most, Context& context) noexcept;

    bool has_refused() const noexcept { return !refused_.is_empty(); }
    bool has_many_refused() const noexcept
    {
        return refused_.is_half_full();
    } // so that there is room for no more senders
    // Offers ports of the underlay once more what they have refused, device by device, up to so much work. Returns how
    // much there was.
    std::int32_t resend(std::int32_t most, Context& context) noexcept;

    // Frames for the control thread, in the order in which they came; the worker hands them over at the turn's end.
    std::span<rte_mbuf*> punted() noexcept { return {punted_.data(), punted_count_}; }
    void clear_punted() noexcept { punted_count_ = 0; }

    // Counts a drop and frees the frame.
    void discard(rte_mbuf* mbuf, LinkId link, DropReason reason, Context& context) noexcept;

    // Sends one frame out of a port; what is still owed to it, and the port does not take, is done here. Takes the
    // frame. Precondition: !is_gso(mbuf), or the port takes it so.
    void send(rte_mbuf* mbuf, LinkId link, Context& context) noexcept
    {
        if (Dest::port(link) == open_dest_ && !has_partial_checksum(mbuf))
            append(*open_, mbuf, context);
        else
            send_any(mbuf, link, context);
    }

private:
    // Of a frame, in packet buffers.
    static std::int32_t size_of(const rte_mbuf* frame) noexcept
    {
        return static_cast<std::int32_t>(1 + (rte_pktmbuf_pkt_len(frame) >> kBufferBits));
    }

    static constexpr Dest kNowhere = Dest::port(kNoLink); // no packet's
    // Segments of one frame and its copies together: beyond it, nobody needs them who can be waited for.
    static constexpr std::size_t kMaxSegments = 16384;
    static constexpr std::size_t kFewCopies =
        kBurst;                                // that are made at once; more leave behind the turn's other frames
    static constexpr std::int32_t kSlice = 64; // of what waits for one device, before it is the next one's turn

    struct alignas(64) Buffer {
        std::uint32_t bytes = 0; // of all of them
        std::uint32_t count = 0;
        LinkId link;                     // whose it is in this turn
        Port* port = nullptr;            // and its port; null until something is sent there
        std::uint64_t refuses_since = 0; // all that it is offered, in ticks; 0: it does not
        std::uint64_t last_refused = 0;  // when
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
    // A drop of a frame that may go on elsewhere.
    static void lose(rte_mbuf* mbuf, LinkId link, DropReason reason, Context& context) noexcept;
    // Whether the port takes what is owed. The outer headers of a tunnel are made fit for that.
    static bool takes(const Port& port, rte_mbuf* mbuf) noexcept;
    void send_any(rte_mbuf* mbuf, LinkId link, Context& context) noexcept;
    bool open(LinkId link, Context& context) noexcept;
    void carry_out(Packet& packet, Context& context) noexcept;
    void coalesce_frames(Buffer& buffer, Offloads taken) noexcept;
    void flush(Buffer& buffer, Context& context) noexcept;
    void flush_buffers(Context& context) noexcept;
    void line_up(Buffer& buffer, Context& context) noexcept;
    void keep_refused(Buffer& buffer, std::size_t sent, Context& context) noexcept;
    bool keep(const Buffer& buffer, rte_mbuf* frame, const Context& context) noexcept;
    void note_refusal(Buffer& buffer, std::size_t sent) noexcept;
    bool is_stuck(const Buffer& buffer) const noexcept;
    std::int32_t resend_slice(const Port*& full, Context& context) noexcept;
    void punt_frame(rte_mbuf* mbuf, LinkId in, PuntReason reason, Context& context) noexcept;
    void punt_segments(rte_mbuf* mbuf, LinkId in, PuntReason reason, Context& context) noexcept;
    rte_mbuf* next_segment(Segmenter& segmenter, rte_mbuf* whole) noexcept;

    // Copies and segments: transmitter_many.cpp.
    void send_gso(Packet& packet, Context& context) noexcept;
    void send_behind(Packet& packet, Context& context) noexcept;
    void flood(Packet& packet, Context& context) noexcept;
    void replicate(Packet& packet, Context& context) noexcept;
    void begin(Job& job, std::size_t copies, Context& context) noexcept;
    void wait(Job& job, LinkId device, Context& context) noexcept;
    bool go_on(Job& job, Context& context) noexcept;
    bool copy_to_vteps(Job& job, std::span<const VtepId> vteps, Context& context) noexcept;
    bool copy_to_ports(Job& job, std::span<const LinkId> ports, Context& context) noexcept;
    bool finish(Job& job, Context& context) noexcept;
    void copy_to_vtep(Job& job, VtepId id, Context& context) noexcept;
    void copy_to_port(Job& job, LinkId port, Context& context) noexcept;
    rte_mbuf* copy(const rte_mbuf* frame) noexcept;
    void send_or_cut(Job& job, rte_mbuf* mbuf, LinkId link, Context& context) noexcept;
    bool cut(Job& job, Context& context) noexcept;

    std::uint16_t worker_;
    rte_mempool* copies_;
    std::vector<Buffer> buffers_; // by LinkState::slot
    std::vector<Buffer*> used_;   // in this turn; never grows beyond its reserve
    Dest open_dest_ = kNowhere;   // what was sent to last in this turn; mostly the next frame goes there too
    Buffer* open_ = nullptr;
    std::int32_t room_ = kQueueWork; // for work that is not put off; overdrawn by one frame at most
    bool is_queue_waiting_ = false;  // a frame of the queue at hand waits, so those behind it have to
    LinkId device_ = kNoLink;        // whose frames are at hand
    Backlog backlog_;
    RefusedFrames refused_;
    const std::uint64_t patience_; // ticks: with a port that takes nothing, and for a frame
    std::array<rte_mbuf*, 32 * kBurst> punted_{};
    std::size_t punted_count_ = 0;
};

// Stage: the last one.
inline void transmit(Packet& packet, Context& context) noexcept
{
    context.transmitter.transmit(packet, context);
}

} // namespace vx
