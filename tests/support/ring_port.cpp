// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/ring_port.h"

#include <rte_bus_vdev.h>
#include <rte_errno.h>
#include <rte_eth_ring.h>

namespace vx::test
{

Result<std::unique_ptr<RingPort>> RingPort::create(const std::string& name, unsigned tx_count)
{
    constexpr unsigned kRxCount = 256;
    constexpr unsigned kFlags = RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ;
    rte_ring* to_vxd = rte_ring_create(("to_" + name).c_str(), kRxCount, SOCKET_ID_ANY, kFlags);
    rte_ring* from_vxd = rte_ring_create(("from_" + name).c_str(), tx_count, SOCKET_ID_ANY, kFlags);
    std::unique_ptr<RingPort> port{new RingPort(name, to_vxd, from_vxd)};
    if (to_vxd == nullptr || from_vxd == nullptr)
        return error("rings of \"{}\": {}", name, rte_strerror(rte_errno));
    if (rte_eth_from_rings(name.c_str(), &to_vxd, 1, &from_vxd, 1, 0) < 0)
        return error("ring device \"{}\": {}", name, rte_strerror(rte_errno));
    return port;
}

RingPort::~RingPort()
{
    rte_vdev_uninit((kPrefix + name_).c_str());
    for (rte_ring* ring : {to_vxd_, from_vxd_}) {
        void* mbuf = nullptr;
        while (ring != nullptr && rte_ring_dequeue(ring, &mbuf) == 0)
            rte_pktmbuf_free(static_cast<rte_mbuf*>(mbuf));
        rte_ring_free(ring);
    }
}

rte_mbuf* RingPort::take()
{
    void* mbuf = nullptr;
    return rte_ring_dequeue(from_vxd_, &mbuf) == 0 ? static_cast<rte_mbuf*>(mbuf) : nullptr;
}

} // namespace vx::test
