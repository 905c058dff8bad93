// SPDX-License-Identifier: BSD-3-Clause
// Packet buffers to read into, before it is known how large a frame is: enough for the largest. Those that were not
// needed go back at the end of the burst, untouched.
#pragma once

#include "dataplane/dpdk/mbuf_pool.h"
#include "dataplane/port/kernel/vnet_header.h"

#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <span>

namespace vx
{

// An IP packet, an Ethernet header, a VLAN tag.
constexpr std::size_t kMaxFrame = 65535 + sizeof(Ipv6Header) + sizeof(EthernetHeader) + 4;
constexpr std::size_t kMaxSegments = 40; // that it may lie in

class SpareBuffers
{
public:
    // The first `header_size` bytes of what is read are the beginning of a VnetHeader.
    explicit SpareBuffers(rte_mempool* pool, std::size_t header_size = sizeof(VnetHeader)) noexcept
        : pool_(pool), first_room_(MbufPool::room(pool)), rest_room_(rte_pktmbuf_data_room_size(pool)),
          count_(std::min(1 + (kMaxFrame - first_room_ + rest_room_ - 1) / rest_room_, kMaxSegments))
    {
        pieces_[0] = {&header, header_size};
        refill(count_);
    }
    ~SpareBuffers()
    {
        if (!is_empty_)
            rte_mempool_put_bulk(pool_, reinterpret_cast<void* const*>(buffers_.data()), static_cast<unsigned>(count_));
    }
    SpareBuffers(const SpareBuffers&) = delete;

    bool is_empty() const { return is_empty_; } // the pool was
    std::span<const iovec> pieces() const { return std::span{pieces_}.first(1 + count_); }

    // The first `size` bytes as a frame.
    rte_mbuf* take(std::size_t size) noexcept
    {
        rte_mbuf* const frame = buffers_[0];
        rte_pktmbuf_reset(frame);
        frame->pkt_len = static_cast<std::uint32_t>(size);
        frame->data_len = static_cast<std::uint16_t>(std::min(size, first_room_));
        std::size_t used = 1;
        for (std::size_t left = size - frame->data_len; left > 0; ++used) {
            rte_mbuf* const segment = buffers_[used];
            rte_pktmbuf_reset(segment);
            segment->data_off = 0;
            segment->data_len = static_cast<std::uint16_t>(std::min(left, rest_room_));
            left -= segment->data_len;
            buffers_[used - 1]->next = segment;
        }
        frame->nb_segs = static_cast<std::uint16_t>(used);
        refill(used);
        return frame;
    }

    VnetHeader header{}; // of the last frame

private:
    // The first `used` anew. Their own memory is not looked at.
    void refill(std::size_t used) noexcept
    {
        if (rte_mempool_get_bulk(pool_, reinterpret_cast<void**>(buffers_.data()), static_cast<unsigned>(used)) != 0) {
            if (count_ > used)
                rte_mempool_put_bulk(pool_, reinterpret_cast<void* const*>(buffers_.data() + used),
                                     static_cast<unsigned>(count_ - used));
            is_empty_ = true;
            return;
        }
        for (std::size_t i = 0; i < used; ++i) {
            char* const memory = rte_mbuf_buf_addr(buffers_[i], pool_);
            pieces_[1 + i] = i == 0 ? iovec{memory + RTE_PKTMBUF_HEADROOM, first_room_} : iovec{memory, rest_room_};
        }
    }

    rte_mempool* pool_;
    std::size_t first_room_;
    std::size_t rest_room_;
    std::size_t count_;
    bool is_empty_ = false;
    std::array<rte_mbuf*, kMaxSegments> buffers_;
    std::array<iovec, 1 + kMaxSegments> pieces_;
};

} // namespace vx
