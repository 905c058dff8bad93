// SPDX-License-Identifier: BSD-3-Clause
// Opening ports in tests, and moving frames through them.
#pragma once

#include "dataplane/dpdk/eal.h"
#include "dataplane/dpdk/mbuf.h"
#include "dataplane/dpdk/mbuf_pool.h"
#include "dataplane/port/port.h"
#include "dataplane/port/port_kind.h"
#include "tests/support/network.h"

#include <catch2/catch.hpp>

#include <map>
#include <memory>
#include <optional>
#include <string>

namespace vx::test
{

// DPDK starts once a process: the first test that wants it starts it.
const Eal& eal();
MbufPool& packet_pool();

struct PortRequest {
    std::string kind;
    std::map<std::string, std::string, std::less<>> options;
    std::string name = "test0";
    std::optional<Mac> mac = {};
    std::optional<std::uint16_t> mtu = {};
    std::uint16_t workers = 2;
};

bool cannot_make_namespaces(); // and says that the test is skipped
Result<OpenedPort> try_open(const PortRequest& request);
OpenedPort open(const PortRequest& request);      // has to succeed
std::string error_of(const PortRequest& request); // "" if it can be opened

rte_mbuf* mbuf_of(const Frame& frame, MbufPool& pool = packet_pool());
Frame frame_of(const rte_mbuf* mbuf);

bool send(Port& port, const Frame& frame, std::uint16_t worker = 0);
// The next experimental frame; nullptr after a second without. The caller frees it.
rte_mbuf* receive(Port& port, std::uint16_t queue = 0);
Frame receive_frame(Port& port, std::uint16_t queue = 0);
bool becomes_readable(int fd);

} // namespace vx::test

// A frame by its size: whole ones are long.
template <>
struct Catch::StringMaker<vx::test::Frame> {
    static std::string convert(const vx::test::Frame& frame) { return fmt::format("frame of {} bytes", frame.size()); }
};
