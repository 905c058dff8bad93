// SPDX-License-Identifier: BSD-3-Clause
// Kinds that attach to an interface of the kernel: af_packet and af_xdp.
#include "dataplane/net/headers.h"
#include "dataplane/port/port_kinds.h"

#include <fmt/format.h>

#include <net/if.h>

#include <algorithm>
#include <atomic>

namespace vx
{

namespace
{

constexpr std::uint32_t kTaggedHeader = sizeof(EthernetHeader) + 4;

struct Attachment {
    KernelInterface interface;
    std::uint16_t mtu;
    std::string warning;
};

std::string warning_about(const KernelInterface& interface)
{
    return interface.is_up() ? "" : fmt::format("interface \"{0}\" is down: ip link set {0} up", interface.name());
}

// What the other end of a veth must not leave undone, as the port is not told; "" for what is no veth.
std::string warning_about_peer(const KernelInterface& interface, std::string_view what, std::string_view feature)
{
    if (interface.driver() != "veth")
        return "";
    return fmt::format("interface \"{}\" is a veth, whose other end hands over {}; there: ethtool -K PEER {} off",
                       interface.name(), what, feature);
}

void add_line(std::string& warning, std::string_view line)
{
    warning += fmt::format("{}{}", warning.empty() || line.empty() ? "" : "\n", line);
}

Result<Attachment> attach(const PortSpec& spec)
{
    if (auto checked = check_interface_name(spec.option("dev")); !checked)
        return std::move(checked).error();
    auto interface = KernelInterface::find(spec.option("dev"));
    if (!interface)
        return std::move(interface).error();
    if (interface->is_loopback())
        return error("interface \"{}\" is the loopback; expected one that leads to somebody else", interface->name());
    if (auto borrowed = interface->borrow(); !borrowed)
        return std::move(borrowed).error();
    if (spec.mtu)
        if (auto set = interface->set_mtu(*spec.mtu); !set)
            return std::move(set).error();
    if (spec.mac) // not left to the driver: it is to be given back
        if (auto set = interface->set_mac(*spec.mac); !set)
            return std::move(set).error();
    const auto mtu = interface->mtu();
    if (!mtu)
        return mtu.error();
    std::string warning = warning_about(*interface);
    return Attachment{std::move(*interface), *mtu, std::move(warning)};
}

// Buffers of its own for a port whose frames the common ones cannot hold, or which would keep many of them: a queue up
// to 6144 in its rings.
Result<std::unique_ptr<MbufPool>> pool_for(const PortContext& context, std::uint32_t room, std::uint32_t queues)
{
    constexpr std::uint32_t kEach = 8192;
    if (room <= context.pool.room() && queues == 1)
        return std::unique_ptr<MbufPool>{};
    room = std::max<std::uint32_t>(room, context.pool.room());
    // Numbered, because the pool of an earlier port of this name may still have buffers under way.
    static std::atomic<unsigned> last_number = 0;
    auto pool = MbufPool::create(fmt::format("vx_rx_{}", ++last_number), kEach * queues, MbufPool::kAnyNode,
                                 static_cast<std::uint16_t>(room + RTE_PKTMBUF_HEADROOM));
    if (!pool)
        return std::move(pool).error();
    return std::make_unique<MbufPool>(std::move(*pool));
}

} // namespace

namespace
{

bool attaches(const PortSpec& spec)
{
    return spec.kind == "af_packet" || spec.kind == "af_xdp";
}

} // namespace

bool has_interface(const PortSpec& spec)
{
    return KernelInterface::exists(spec.option("dev"));
}

bool share_interface(const PortSpec& one, const PortSpec& other)
{
    const auto inside = [](const PortSpec& spec) {
        return spec.has("ifname") ? spec.option("ifname") : std::string_view{spec.name};
    };
    if (one.kind == "tap" && other.kind == "tap")
        return one.option("netns") == other.option("netns") && inside(one) == inside(other);
    if (one.kind == "memif" && other.kind == "memif") // DPDK ends the process when one of two links leaves
        return one.option("path") == other.option("path");
    if (!attaches(one) || !attaches(other))
        return false;
    const std::string device{one.option("dev")};
    const std::string other_device{other.option("dev")}; // may be another name of the same
    const unsigned index = if_nametoindex(device.c_str());
    return device == other_device || (index != 0 && index == if_nametoindex(other_device.c_str()));
}

Result<OpenedPort> open_af_packet(const PortSpec& spec, const PortContext& context)
{
    auto attached = attach(spec);
    if (!attached)
        return std::move(attached).error();
    if (!PacketPort::kernel_has_uso())
        add_line(attached->warning,
                 warning_about_peer(attached->interface,
                                    "uncut datagrams, which this kernel drops on their way here (Linux 6.2 does not)",
                                    "tx-udp-segmentation"));
    auto port = PacketPort::open(std::move(attached->interface), context.pool);
    if (!port)
        return std::move(port).error();
    return OpenedPort{std::make_unique<Port>(std::move(*port)), std::move(attached->warning)};
}

namespace
{

// Of an interface whose receive queues were asked for, or are all to be opened.
struct XdpQueues {
    std::uint32_t count;
    std::string warning; // about those that stay with the kernel
};

std::string in_words(const KernelInterface::Queues& queues)
{
    const std::string own = fmt::format("{} receive and {} transmit queues", queues.rx, queues.tx);
    if (queues.combined == 0)
        return own + " and no combined ones";
    return fmt::format("{} combined queue{}{}", queues.combined, queues.combined == 1 ? "" : "s",
                       queues.rx + queues.tx == 0 ? "" : ", and besides " + own);
}

// A socket hears one queue. net_af_xdp opens combined ones, and of an interface without those, the first.
Result<XdpQueues> queues_of(const PortSpec& spec, const KernelInterface& interface)
{
    const KernelInterface::Queues has = interface.queues();
    const std::uint32_t most = std::min(std::max(has.combined, 1U), kMaxQueues);
    const std::uint32_t count = count_of(spec, "queues", most);
    if (count > most)
        return error(
            "queues {}: interface \"{}\" has {}; expected {} at most, what DPDK's driver opens (ethtool -l {})", count,
            interface.name(), in_words(has), most, interface.name());
    XdpQueues queues{count, {}};
    const std::uint32_t receiving = has.combined + has.rx;
    if (count >= receiving)
        return queues;
    std::string remedy = has.combined == 0 ? fmt::format("ethtool -L {} rx 1 tx 1", interface.name())
                                           : fmt::format("ethtool -L {} combined {}{}", interface.name(), count,
                                                         has.rx + has.tx == 0 ? "" : " rx 0 tx 0");
    if (interface.driver() == "veth")
        remedy = "ethtool -L PEER rx 1 tx 1 at its other end, and " + remedy;
    queues.warning = fmt::format("interface \"{}\" receives by {} queues, and {} of them {} opened: what comes by the "
                                 "others is lost; {}",
                                 interface.name(), receiving, count, count == 1 ? "is" : "are", remedy);
    return queues;
}

} // namespace

// net_af_xdp lays the kernel's view over the buffers themselves: a frame that arrived here, or is to leave here, is
// not copied if it lies in the port's pool.
Result<OpenedPort> open_af_xdp(const PortSpec& spec, const PortContext& context)
{
    constexpr std::uint32_t kXdpHeadroom = 256;
    // A buffer with all its headers has to fit in a page, in whole cache lines of an odd number.
    constexpr std::uint32_t kPageRoom = 4032 - 64 - 128 - RTE_PKTMBUF_HEADROOM;

    if (auto checked = check_devargs_value("dev", spec.option("dev")); !checked)
        return std::move(checked).error();
    auto attached = attach(spec);
    if (!attached)
        return std::move(attached).error();
    add_line(attached->warning,
             warning_about_peer(attached->interface,
                                "unfinished checksums and frames larger than the MTU, which arrive corrupt", "tx"));
    const std::uint32_t room = attached->mtu + kTaggedHeader + kXdpHeadroom + RTE_PKTMBUF_HEADROOM;
    if (room > kPageRoom)
        return error("interface \"{}\" has an MTU of {}; af_xdp takes {} at most", attached->interface.name(),
                     attached->mtu, kPageRoom - kTaggedHeader - kXdpHeadroom - RTE_PKTMBUF_HEADROOM);
    auto queues = queues_of(spec, attached->interface);
    if (!queues)
        return std::move(queues).error();
    add_line(attached->warning, queues->warning);
    auto own_pool = pool_for(context, room, queues->count);
    if (!own_pool)
        return error("{}; fewer queues need less memory: ethtool -L {} combined N", own_pool.error().message,
                     attached->interface.name());

    EthSetup setup = eth_setup(spec, context,
                               fmt::format("{},iface={},queue_count={}", device_name("net_af_xdp", spec.name),
                                           attached->interface.name(), queues->count));
    setup.rx_queues = static_cast<std::uint16_t>(queues->count);
    setup.tx_queues = EthSetup::TxQueues::kAsRx;
    setup.mtu = attached->mtu;
    setup.max_frame = attached->mtu + kTaggedHeader;
    setup.interface = std::move(attached->interface);
    setup.own_pool = std::move(*own_pool);
    return open_eth(std::move(setup), context, std::move(attached->warning));
}

} // namespace vx
