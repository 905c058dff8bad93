// SPDX-License-Identifier: BSD-3-Clause
// A whole vxd with an underlay port, two containers and both of the tutorial's schemes, and what has to hold whatever
// comes in: what leaves by the underlay is sound, and every buffer comes back. One a process.
#pragma once

#include "dataplane/dpdk/mbuf_pool.h"
#include "dataplane/port/kernel/vnet_header.h"
#include "tests/fuzz/daemon.h"
#include "tests/fuzz/target.h"
#include "tests/support/mbuf_shape.h"
#include "tests/support/ring_port.h"

#include <array>
#include <memory>

namespace vx::fuzz
{

class PipelineHost
{
public:
    static PipelineHost& the();
    ~PipelineHost();
    PipelineHost(const PipelineHost&) = delete;
    PipelineHost& operator=(const PipelineHost&) = delete;

    static constexpr std::size_t kPorts = 3; // the underlay's, the containers'
    // `header`: what a TAP's kernel would say of the frame; nullptr: nothing.
    void receive(std::size_t port, Input bytes, const test::MbufShape& shape, const VnetHeader* header = nullptr);
    void check(); // lets all of it through

private:
    PipelineHost();
    void take_all();

    Daemon daemon_;
    MbufPool pool_;
    std::array<std::unique_ptr<test::RingPort>, kPorts> ports_;
};

} // namespace vx::fuzz
