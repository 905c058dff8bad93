// SPDX-License-Identifier: BSD-3-Clause
// A port as a worker sees it: receive and transmit bursts on a queue. The implementations are a DPDK ethdev (pci,
// af_xdp, memif, vhost-user, pcap, null, vdev) and our own TAP and packet socket; a burst costs a branch, not a virtual
// call.
#pragma once

#include "dataplane/net/mac.h"
#include "dataplane/port/eth/eth_port.h"
#include "dataplane/port/kernel/packet_port.h"
#include "dataplane/port/kernel/tap_port.h"

#include <cstdint>
#include <span>
#include <string>
#include <variant>

namespace vx
{

class Port
{
public:
    explicit Port(EthPort port) : port_(std::move(port)) {}
    explicit Port(TapPort port) : port_(std::move(port)) {}
    explicit Port(PacketPort port) : port_(std::move(port)) {}

    // Fills `out` from the front; returns the count. What a frame is still owed is in its MbufNote.
    std::uint16_t rx(std::uint16_t queue, std::span<rte_mbuf*> out) noexcept
    {
        if (auto* eth = std::get_if<EthPort>(&port_))
            return eth->rx(queue, out);
        if (auto* tap = std::get_if<TapPort>(&port_))
            return tap->rx(queue, out);
        return std::get_if<PacketPort>(&port_)->rx(queue, out);
    }

    // Takes the first n frames and returns n; the caller still owns the rest. Any worker may call with its own
    // index; a port with fewer queues than workers shares them under its own lock. The rest lies at the end: in its
    // order what found the port full, then what it will never take (is_unfit()).
    std::uint16_t tx(std::uint16_t worker, std::span<rte_mbuf*> frames) noexcept
    {
        if (auto* eth = std::get_if<EthPort>(&port_))
            return eth->tx(worker, frames);
        if (auto* tap = std::get_if<TapPort>(&port_))
            return tap->tx(worker, frames);
        return std::get_if<PacketPort>(&port_)->tx(worker, frames);
    }

    // What it takes undone.
    Offloads offloads() const noexcept
    {
        if (const auto* eth = std::get_if<EthPort>(&port_))
            return eth->offloads();
        if (const auto* tap = std::get_if<TapPort>(&port_))
            return tap->offloads();
        return std::get_if<PacketPort>(&port_)->offloads();
    }

    // Whether its frames have outer headers; control thread.
    void set_use(PortUse use);

    // Of an underlay's, where the kernel keeps the rest; control thread.
    void serve(const ServedTraffic& served);
    void follow_addresses();
    std::string take_trouble();                      // what an underlay's lacks, once; empty: nothing
    bool kernel_has(const IpAddress& address) const; // and serves it, for the frames reach it too

    std::uint16_t rx_queue_count() const;
    // A descriptor that epoll reports readable when a frame waits, or -1: the queue has to be polled.
    int wake_fd(std::uint16_t queue) const;
    Mac mac() const;                    // of our end for an ethdev; of the container's end for a TAP
    std::uint16_t mtu() const;          // largest payload behind the Ethernet header, bytes
    bool is_up() const;                 // false when the other end is gone or has no carrier
    bool is_gone() const;               // the kernel's interface behind it was removed; the port will never work again
    bool has_lost_memory() const;       // its other end took away what both share, and it is gone for that
    bool is_on(unsigned ifindex) const; // of vxd's own network namespace; never of a TAP
    PortLosses losses();                // since it was opened; control thread
    Result<> set_mtu(std::uint16_t mtu);
    // Takes over what somebody else gave an interface of vxd's own network namespace, the MTU as far as the driver's
    // rings take such frames; whether there was something new.
    bool follow_mtu();
    bool follow_mac();
    Result<> set_mac(const Mac& mac);

private:
    std::variant<EthPort, TapPort, PacketPort> port_;
};

} // namespace vx
