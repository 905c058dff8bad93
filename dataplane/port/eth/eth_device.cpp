// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/port/eth/eth_device.h"

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

namespace vx
{

namespace
{

std::string name_of(const std::string& devargs)
{
    return devargs.substr(0, devargs.find(','));
}

} // namespace

Result<EthDevice> EthDevice::take(const std::string& devargs)
{
    const std::string name = name_of(devargs);
    std::vector<XdpSocket> others = xdp_sockets();
    std::uint16_t id = kNone;
    Origin origin = Origin::kFound;
    if (rte_eth_dev_get_port_by_name(name.c_str(), &id) != 0) {
        origin = Origin::kPlugged;
        if (rte_eth_dev_count_total() >= RTE_MAX_ETHPORTS)
            return error("DPDK has no room for more than {} devices; ports of the kinds tap and af_packet need none",
                         RTE_MAX_ETHPORTS);
        const int rc = rte_dev_probe(devargs.c_str());
        if (rc == -EFAULT) // no bus can make anything of it
            return error("there is no DPDK driver for \"{}\"", name);
        if (rc != 0)
            return error("DPDK device \"{}\": {}", devargs, rte_strerror(-rc));
        rte_dev_iterator iterator;
        id = rte_eth_iterator_init(&iterator, name.c_str()) == 0 ? rte_eth_iterator_next(&iterator) : kNone;
        if (id != kNone)
            rte_eth_iterator_cleanup(&iterator);
        if (id >= RTE_MAX_ETHPORTS) {
            rte_eal_hotplug_remove("vdev", name.c_str());
            return error("DPDK device \"{}\" is no network device", devargs);
        }
    }
    EthDevice device{id, origin};
    device.others_ = std::move(others);
    if (auto owned = device.own(); !owned)
        return std::move(owned).error();
    return device;
}

// DPDK keeps the owner, so a device cannot be taken twice.
Result<> EthDevice::own()
{
    rte_eth_dev_owner owner{};
    rte_eth_dev_owner_get(id_, &owner);
    if (owner.id != RTE_ETH_DEV_NO_OWNER) {
        id_ = kNone;
        return error("this DPDK device is in use ({})", owner.name);
    }
    owner = {};
    std::strcpy(owner.name, "vxd");
    if (rte_eth_dev_owner_new(&owner.id) != 0 || rte_eth_dev_owner_set(id_, &owner) != 0)
        return error("this DPDK device cannot be taken");
    return Ok{};
}

EthDevice::EthDevice(EthDevice&& other) noexcept
    : id_(std::exchange(other.id_, kNone)), origin_(other.origin_), others_(std::move(other.others_)),
      sockets_(std::move(other.sockets_))
{
}

std::vector<XdpSocket> EthDevice::new_sockets()
{
    std::vector<XdpSocket> known = others_;
    known.insert(known.end(), sockets_.begin(), sockets_.end());
    std::vector<XdpSocket> found = xdp_sockets(known);
    sockets_.insert(sockets_.end(), found.begin(), found.end());
    return found;
}

void EthDevice::remove()
{
    const std::uint16_t id = std::exchange(id_, kNone);
    if (id == kNone)
        return;
    rte_eth_dev_stop(id);
    rte_eth_dev_owner owner{};
    if (origin_ == Origin::kFound) {
        if (rte_eth_dev_owner_get(id, &owner) == 0)
            rte_eth_dev_owner_unset(id, owner.id);
        return;
    }
    rte_eth_dev_info info{};
    rte_device* const device = rte_eth_dev_info_get(id, &info) == 0 ? info.device : nullptr;
    rte_eth_dev_close(id);
    if (device != nullptr)
        rte_dev_remove(device);
    // net_af_xdp may leave its sockets open, and an interface's queue takes only one. The kernel lets go of the queue
    // some 20 ms later; whoever opens the interface before that is refused.
    for (const XdpSocket& socket : sockets_)
        if (is_open(socket))
            close(socket.fd);
    if (!sockets_.empty())
        std::this_thread::sleep_for(std::chrono::milliseconds{100});
}

} // namespace vx
