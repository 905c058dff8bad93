// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/dpdk/mbuf_pool.h"

#include <rte_errno.h>
#include <rte_mempool.h>

namespace vx
{

namespace
{
constexpr unsigned kCacheCount = 256; // buffers that each thread keeps at hand
}

Result<MbufPool> MbufPool::create(const std::string& name, std::uint32_t count, int numa_node, std::uint16_t data_room)
{
    rte_mempool* pool = rte_pktmbuf_pool_create(name.c_str(), count, kCacheCount, 0, data_room, numa_node);
    if (pool == nullptr && rte_errno == ENOMEM && numa_node != kAnyNode) // that node may have no memory of ours
        pool = rte_pktmbuf_pool_create(name.c_str(), count, kCacheCount, 0, data_room, kAnyNode);
    if (pool == nullptr)
        return error("packet buffers \"{}\": {} of {} bytes: {}", name, count, data_room, rte_strerror(rte_errno));
    return MbufPool{pool};
}

MbufPool::~MbufPool()
{
    rte_mempool_free(pool_);
}

} // namespace vx
