// SPDX-License-Identifier: BSD-3-Clause
// A DPDK device made of two rings: what is given to it vxd receives, what vxd sends can be taken. It hands over the
// very mbufs, so their shape (segments, headroom, notes) is the test's choice. As a link: `type vdev args NAME`.
#pragma once

#include "dataplane/base/result.h"

#include <rte_mbuf.h>
#include <rte_ring.h>

#include <memory>
#include <string>

namespace vx::test
{

class RingPort
{
public:
    static constexpr const char* kPrefix = "net_ring_"; // DPDK puts it in front of the device's name

    // `tx_count`: frames that may wait to be taken before vxd finds the port full.
    static Result<std::unique_ptr<RingPort>> create(const std::string& name, unsigned tx_count);
    ~RingPort(); // no link may use it any more
    RingPort(const RingPort&) = delete;
    RingPort& operator=(const RingPort&) = delete;

    const std::string& name() const { return name_; }                 // without the prefix
    std::size_t room() const { return rte_ring_free_count(to_vxd_); } // for frames that are given
    bool give(rte_mbuf* mbuf) { return rte_ring_enqueue(to_vxd_, mbuf) == 0; }
    rte_mbuf* take(); // nullptr: nothing left

private:
    RingPort(std::string name, rte_ring* to_vxd, rte_ring* from_vxd)
        : name_(std::move(name)), to_vxd_(to_vxd), from_vxd_(from_vxd)
    {
    }

    std::string name_;
    rte_ring* to_vxd_;
    rte_ring* from_vxd_;
};

} // namespace vx::test
