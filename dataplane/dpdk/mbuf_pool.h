// SPDX-License-Identifier: BSD-3-Clause
// A pool of packet buffers.
#pragma once

#include "dataplane/base/result.h"

#include <rte_mbuf.h>

#include <cstdint>
#include <string>
#include <utility>

namespace vx
{

class MbufPool
{
public:
    static constexpr int kAnyNode = SOCKET_ID_ANY;

    // `name` at most 25 characters and unique; memory of `numa_node` if it has any. `data_room` includes the headroom.
    static Result<MbufPool> create(const std::string& name, std::uint32_t count, int numa_node,
                                   std::uint16_t data_room = RTE_MBUF_DEFAULT_BUF_SIZE);

    MbufPool(MbufPool&& other) noexcept : pool_(std::exchange(other.pool_, nullptr)) {}
    MbufPool& operator=(MbufPool&&) = delete;
    ~MbufPool(); // no buffer may be in use

    rte_mbuf* alloc() noexcept { return rte_pktmbuf_alloc(pool_); } // nullptr: none left
    rte_mempool* raw() const { return pool_; }
    // Bytes that a fresh buffer takes behind its headroom.
    std::uint16_t room() const { return room(pool_); }
    static std::uint16_t room(rte_mempool* pool)
    {
        return static_cast<std::uint16_t>(rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM);
    }
    std::uint32_t size() const { return pool_->size; }
    std::uint32_t in_use_count() const { return rte_mempool_in_use_count(pool_); } // a snapshot, workers go on

private:
    explicit MbufPool(rte_mempool* pool) : pool_(pool) {}

    rte_mempool* pool_;
};

} // namespace vx
