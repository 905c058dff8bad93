// SPDX-License-Identifier: BSD-3-Clause
// Frames for one sendmmsg() on a packet socket. Datagrams of one flow that follow each other become one UDP GSO frame,
// which the kernel carries as far as it can and cuts back where it has to, at the latest in the driver: one way through
// the kernel for all of them. Each gets a UDP checksum then, as UDP GSO has none without.
#pragma once

#include "dataplane/dpdk/mbuf.h"
#include "dataplane/port/kernel/vnet_header.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace vx
{

class PacketBatch
{
public:
    // No frame larger than `max_frame` bytes becomes part of a larger one; 0: none at all.
    explicit PacketBatch(std::size_t max_frame) noexcept : max_frame_(max_frame) {}

    // Takes frames from the front, as many as there is room for: none only if the first has too many segments. They
    // have to outlive this. Once.
    void fill(std::span<rte_mbuf* const> frames) noexcept;

    std::span<mmsghdr> messages() noexcept { return {messages_.data(), count_}; }
    // How many frames the first `message_count` messages hold.
    std::size_t frames_before(std::size_t message_count) const noexcept;

private:
    static constexpr std::size_t kMaxMessages = 32;
    static constexpr std::size_t kMaxPieces = 256;
    static constexpr std::size_t kMaxHeader = sizeof(EthernetHeader) + sizeof(Ipv6Header) + sizeof(UdpHeader);

    struct Header {
        VnetHeader vnet;
        std::array<std::byte, kMaxHeader> datagram; // of one that stands for many
        std::size_t frame_count;
    };

    std::size_t bundle_size(std::span<rte_mbuf* const> frames, std::size_t header_size) const noexcept;
    void add_frame(rte_mbuf* frame) noexcept;
    void add_bundle(std::span<rte_mbuf* const> frames, std::size_t header_size) noexcept;
    void begin_message(Header& header) noexcept;
    void add_piece(void* data, std::size_t size) noexcept { pieces_[piece_count_++] = {data, size}; }
    void add_pieces(rte_mbuf* frame, std::size_t offset) noexcept;
    void end_message() noexcept;

    std::size_t max_frame_;
    std::size_t count_ = 0;
    std::size_t piece_count_ = 0;
    std::array<Header, kMaxMessages> headers_;
    std::array<mmsghdr, kMaxMessages> messages_;
    std::array<iovec, kMaxPieces> pieces_;
};

} // namespace vx
