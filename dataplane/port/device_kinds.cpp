// SPDX-License-Identifier: BSD-3-Clause
// Kinds that need little more than a DPDK device: tap (ours), pci, null, vdev.
#include "dataplane/base/netns.h"
#include "dataplane/port/kernel/kernel_interface.h"
#include "dataplane/port/port_kinds.h"

#include <fmt/format.h>

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

namespace vx
{

static std::string_view interface_of(const PortSpec& tap)
{
    return tap.has("ifname") ? tap.option("ifname") : std::string_view{tap.name};
}

bool has_place_for_tap(const PortSpec& spec)
{
    const auto netns = Netns::open(spec.option("netns"));
    if (!netns)
        return false;
    const Result<bool> is_taken =
        netns->run([&]() -> Result<bool> { return KernelInterface::exists(interface_of(spec)); });
    return is_taken && !*is_taken;
}

Result<OpenedPort> open_tap(const PortSpec& spec, const PortContext& context)
{
    TapSetup setup;
    setup.ifname = interface_of(spec);
    setup.netns = spec.option("netns");
    setup.queues = static_cast<std::uint16_t>(count_of(spec, "queues", 1));
    setup.mac = spec.mac;
    setup.mtu = spec.mtu;
    auto port = TapPort::create(setup, context.pool);
    if (!port)
        return std::move(port).error();
    return OpenedPort{std::make_unique<Port>(std::move(*port)), {}};
}

Result<OpenedPort> open_pci(const PortSpec& spec, const PortContext& context)
{
    std::string address{spec.option("")};
    if (address.size() == std::string_view{"81:00.0"}.size())
        address.insert(0, "0000:");
    unsigned domain = 0, bus = 0, device = 0, function = 0;
    int end = 0;
    if (std::sscanf(address.c_str(), "%4x:%2x:%2x.%1u%n", &domain, &bus, &device, &function, &end) != 4 ||
        static_cast<std::size_t>(end) != address.size())
        return usage_error("\"{}\" is no PCI address such as 0000:81:00.0", address);
    if (std::error_code failure; !std::filesystem::exists("/sys/bus/pci/devices/" + address, failure))
        return error("there is no PCI device {}; 'lspci -D' lists them", address);
    auto opened = open_eth(eth_setup(spec, context, address), context);
    if (!opened)
        return error("{}; is it bound to vfio-pci (dpdk-devbind.py --status), or a NIC whose driver shares it with the "
                     "kernel?",
                     opened.error().message);
    return opened;
}

Result<OpenedPort> open_null(const PortSpec& spec, const PortContext& context)
{
    return open_eth(eth_setup(spec, context, device_name("net_null", spec.name) + ",no-rx=1"), context);
}

namespace
{

// net_virtio_user's path=/dev/vhost-net: without it DPDK takes the path for a socket's, and says "not permitted".
Result<> check_device_file(std::string_view args)
{
    constexpr std::string_view kKey = ",path=";
    const std::size_t key = args.find(kKey);
    if (key == std::string_view::npos)
        return Ok{};
    const std::string_view rest = args.substr(key + kKey.size());
    const std::string path{rest.substr(0, rest.find(','))};
    if (path.starts_with("/dev/") && access(path.c_str(), R_OK | W_OK) != 0)
        return error("args \"{}\": {}: {}", args, path, std::strerror(errno));
    return Ok{};
}

} // namespace

Result<OpenedPort> open_vdev(const PortSpec& spec, const PortContext& context)
{
    const std::string args{spec.option("args")};
    if (auto checked = check_device_file(args); !checked)
        return std::move(checked).error();
    EthSetup setup = eth_setup(spec, context, args);
    setup.received = EthSetup::Received::kChecked;
    return open_eth(std::move(setup), context);
}

} // namespace vx
