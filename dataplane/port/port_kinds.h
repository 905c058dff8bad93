// SPDX-License-Identifier: BSD-3-Clause
// How each kind of port is opened; the table in port_kind.cpp names them.
#pragma once

#include "dataplane/port/eth/eth_port.h"
#include "dataplane/port/port.h"
#include "dataplane/port/port_kind.h"

namespace vx
{

Result<OpenedPort> open_tap(const PortSpec& spec, const PortContext& context);
Result<OpenedPort> open_pci(const PortSpec& spec, const PortContext& context);
Result<OpenedPort> open_af_xdp(const PortSpec& spec, const PortContext& context);
Result<OpenedPort> open_af_packet(const PortSpec& spec, const PortContext& context);
Result<OpenedPort> open_memif(const PortSpec& spec, const PortContext& context);
Result<OpenedPort> open_vhost_user(const PortSpec& spec, const PortContext& context);
Result<OpenedPort> open_pcap(const PortSpec& spec, const PortContext& context);
Result<OpenedPort> open_null(const PortSpec& spec, const PortContext& context);
Result<OpenedPort> open_vdev(const PortSpec& spec, const PortContext& context);

// PortKind::can_attach.
bool has_place_for_tap(const PortSpec& spec); // its namespace, and no interface of that name there
bool has_interface(const PortSpec& spec);
bool can_attach_memif(const PortSpec& spec); // nobody who listens there notices the question
bool can_attach_vhost_user(const PortSpec& spec);

// What the kinds have in common.
inline constexpr std::uint32_t kMaxQueues = 64;
std::uint32_t count_of(const PortSpec& spec, std::string_view option, std::uint32_t otherwise);
EthSetup eth_setup(const PortSpec& spec, const PortContext& context, std::string devargs);
Result<OpenedPort> open_eth(EthSetup setup, const PortContext& context, std::string warning = {});
// DPDK's name for a link's device: "net_null_NAME", what could be read as more than a name written as %XX.
std::string device_name(std::string_view driver, std::string_view link);
// DPDK's device arguments have no way to quote.
Result<> check_devargs_value(std::string_view option, std::string_view value);

} // namespace vx
