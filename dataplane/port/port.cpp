// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/port/port.h"

namespace vx
{

void Port::set_use(PortUse use)
{
    if (auto* tap = std::get_if<TapPort>(&port_))
        tap->set_use(use);
    else if (auto* packet = std::get_if<PacketPort>(&port_))
        packet->set_use(use);
}

void Port::serve(const ServedTraffic& served)
{
    if (auto* packet = std::get_if<PacketPort>(&port_))
        packet->serve(served);
}

void Port::follow_addresses()
{
    if (auto* packet = std::get_if<PacketPort>(&port_))
        packet->follow_addresses();
}

std::string Port::take_trouble()
{
    auto* packet = std::get_if<PacketPort>(&port_);
    return packet == nullptr ? std::string{} : packet->take_trouble();
}

bool Port::kernel_has(const IpAddress& address) const
{
    const auto* packet = std::get_if<PacketPort>(&port_);
    return packet != nullptr && packet->kernel_has(address);
}

std::uint16_t Port::rx_queue_count() const
{
    return std::visit([](const auto& port) { return port.rx_queue_count(); }, port_);
}

int Port::wake_fd(std::uint16_t queue) const
{
    return std::visit([queue](const auto& port) { return port.wake_fd(queue); }, port_);
}

Mac Port::mac() const
{
    return std::visit([](const auto& port) { return port.mac(); }, port_);
}

std::uint16_t Port::mtu() const
{
    return std::visit([](const auto& port) { return port.mtu(); }, port_);
}

bool Port::is_up() const
{
    return std::visit([](const auto& port) { return port.is_up(); }, port_);
}

bool Port::is_gone() const
{
    return std::visit([](const auto& port) { return port.is_gone(); }, port_);
}

bool Port::has_lost_memory() const
{
    const auto* eth = std::get_if<EthPort>(&port_);
    return eth != nullptr && eth->has_lost_memory();
}

bool Port::is_on(unsigned ifindex) const
{
    if (const auto* eth = std::get_if<EthPort>(&port_))
        return eth->is_on(ifindex);
    const auto* packet = std::get_if<PacketPort>(&port_);
    return packet != nullptr && packet->is_on(ifindex);
}

PortLosses Port::losses()
{
    return std::visit([](auto& port) { return port.losses(); }, port_);
}

Result<> Port::set_mtu(std::uint16_t mtu)
{
    return std::visit([mtu](auto& port) { return port.set_mtu(mtu); }, port_);
}

bool Port::follow_mtu()
{
    if (auto* eth = std::get_if<EthPort>(&port_))
        return eth->follow_mtu();
    auto* packet = std::get_if<PacketPort>(&port_);
    return packet != nullptr && packet->follow_mtu();
}

bool Port::follow_mac()
{
    if (auto* eth = std::get_if<EthPort>(&port_))
        return eth->follow_mac();
    auto* packet = std::get_if<PacketPort>(&port_);
    return packet != nullptr && packet->follow_mac();
}

Result<> Port::set_mac(const Mac& mac)
{
    return std::visit([&mac](auto& port) { return port.set_mac(mac); }, port_);
}

} // namespace vx
