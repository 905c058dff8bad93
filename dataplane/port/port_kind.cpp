// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/port/port_kind.h"

#include "dataplane/port/port_kinds.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace vx
{

// ---- the table -------------------------------------------------------------------------------------------------

namespace
{

using Type = PortOption::Type;

constexpr PortOption kTapOptions[] = {
    {.name = "netns", .type = Type::kNetns, .expected = "NAME|PID|PATH"},
    {.name = "ifname", .type = Type::kInterface, .expected = "NAME"},
    {.name = "queues", .type = Type::kCount, .expected = "N", .max = TapPort::kMaxQueues},
};
constexpr PortOption kPciOptions[] = {
    {.name = "", .type = Type::kPciAddress, .is_required = true, .expected = "0000:81:00.0"},
    {.name = "queues", .type = Type::kCount, .expected = "N", .max = kMaxQueues},
};
constexpr PortOption kAfXdpOptions[] = {
    {.name = "dev", .type = Type::kInterface, .is_required = true, .expected = "IFACE"},
    {.name = "queues", .type = Type::kCount, .expected = "N", .max = kMaxQueues},
};
constexpr PortOption kAfPacketOptions[] = {
    {.name = "dev", .type = Type::kInterface, .is_required = true, .expected = "IFACE"},
};
constexpr PortOption kMemifOptions[] = {
    {.name = "path", .type = Type::kFile, .is_required = true, .expected = "SOCKET"},
    {.name = "id", .type = Type::kCount, .is_required = true, .expected = "N", .max = 0xffffffff, .min = 0},
    {.name = "role", .type = Type::kChoice, .expected = "server|client"},
    {.name = "rsize", .type = Type::kCount, .expected = "LOG2", .max = 14},
};
constexpr PortOption kVhostUserOptions[] = {
    {.name = "path", .type = Type::kFile, .is_required = true, .expected = "SOCKET"},
    {.name = "mode", .type = Type::kChoice, .expected = "server|client"},
    {.name = "queues", .type = Type::kCount, .expected = "N", .max = kMaxQueues},
};
constexpr PortOption kPcapOptions[] = {
    {.name = "rx", .type = Type::kFile, .expected = "FILE"},
    {.name = "loop", .type = Type::kFlag, .expected = {}},
    {.name = "tx", .type = Type::kFile, .expected = "FILE"},
};
constexpr PortOption kVdevOptions[] = {
    {.name = "args", .type = Type::kText, .is_required = true, .expected = "DPDK-DEVARGS"},
};

constexpr PortKind kPortKinds[] = {
    {"tap",
     "an interface made for a container, in its network namespace",
     kTapOptions,
     open_tap,
     false,
     {},
     has_place_for_tap},
    {"pci", "a network card, by its PCI address, driven by DPDK", kPciOptions, open_pci},
    {"af_xdp", "an interface of the kernel, through AF_XDP sockets", kAfXdpOptions, open_af_xdp, true, "interface",
     has_interface},
    {"af_packet", "an interface of the kernel, through an AF_PACKET socket", kAfPacketOptions, open_af_packet, true,
     "interface", has_interface},
    {"memif", "another process, through shared memory", kMemifOptions, open_memif, false, "other end",
     can_attach_memif},
    {"vhost-user", "a virtual machine, whose network card is shared memory", kVhostUserOptions, open_vhost_user, false,
     "guest", can_attach_vhost_user},
    {"pcap", "capture files: frames come from one and go to another", kPcapOptions, open_pcap},
    {"null", "nothing: no frame comes, what goes there is gone", {}, open_null, false},
    {"vdev", "any virtual device that DPDK has", kVdevOptions, open_vdev},
};

} // namespace

std::span<const PortKind> port_kinds()
{
    return kPortKinds;
}

const PortKind* find_port_kind(std::string_view name)
{
    const auto* found = std::find_if(std::begin(kPortKinds), std::end(kPortKinds),
                                     [name](const PortKind& k) { return k.name == name; });
    return found == std::end(kPortKinds) ? nullptr : found;
}

bool can_attach(const PortSpec& spec)
{
    const PortKind* const kind = find_port_kind(spec.kind);
    return kind != nullptr && (kind->can_attach == nullptr || kind->can_attach(spec));
}

std::string usage_of(const PortKind& kind)
{
    std::string usage;
    for (const PortOption& option : kind.options) {
        const std::string_view between = option.name.empty() || option.expected.empty() ? "" : " ";
        const std::string words = fmt::format("{}{}{}", option.name, between, option.expected);
        usage += fmt::format(fmt::runtime(option.is_required ? "{}{}" : "{}[ {} ]"), usage.empty() ? "" : " ", words);
    }
    return usage;
}

// ---- common to the kinds ---------------------------------------------------------------------------------------

std::uint32_t count_of(const PortSpec& spec, std::string_view option, std::uint32_t otherwise)
{
    const std::string_view text = spec.option(option);
    std::uint32_t value = otherwise;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

std::string device_name(std::string_view driver, std::string_view link)
{
    std::string name = fmt::format("{}_", driver);
    for (const char c : link) {
        const bool is_plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
                              c == '-' || c == '.';
        if (is_plain)
            name += c;
        else
            name += fmt::format("%{:02x}", static_cast<unsigned char>(c));
    }
    return name;
}

Result<> check_devargs_value(std::string_view option, std::string_view value)
{
    if (value.empty() || value.find_first_of(",[]=\"'") != std::string_view::npos)
        return error("{} \"{}\": DPDK takes no text here that is empty or holds one of , [ ] = \" '", option, value);
    return Ok{};
}

EthSetup eth_setup(const PortSpec& spec, const PortContext& context, std::string devargs)
{
    EthSetup setup;
    setup.devargs = std::move(devargs);
    setup.rx_queues = static_cast<std::uint16_t>(count_of(spec, "queues", 1));
    setup.worker_count = context.worker_count;
    setup.mac = spec.mac;
    setup.mtu = spec.mtu;
    return setup;
}

Result<OpenedPort> open_eth(EthSetup setup, const PortContext& context, std::string warning)
{
    auto port = EthPort::start(std::move(setup), context.pool);
    if (!port)
        return std::move(port).error();
    return OpenedPort{std::make_unique<Port>(std::move(*port)), std::move(warning)};
}

} // namespace vx
