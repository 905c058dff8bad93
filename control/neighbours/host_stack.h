// SPDX-License-Identifier: BSD-3-Clause
// What vxd says for itself: answers ARP, Neighbor Discovery and ping for its own addresses, sends ICMP errors for
// routed packets, asks for neighbours, announces its addresses and reports its groups. Reads the Model, feeds the
// Resolver and the MulticastGroups, and makes whole Ethernet frames; the caller sends them.
//
// ARP and ND are answered for the addresses of the interface that the question came in by, and for no others: Linux's
// arp_ignore=1, not its default, as an underlay and its overlays are different networks. Ping is answered for every
// own address of the same side (underlay or overlay), whichever interface it came in by. What the fabric's ICMP says of
// our tunnels' packets is counted and logged.
#pragma once

#include "control/model/model.h"
#include "control/neighbours/frames.h"
#include "control/neighbours/multicast_groups.h"
#include "control/neighbours/resolver.h"
#include "control/neighbours/tunnel_error.h"
#include "dataplane/net/drop_reason.h"
#include "dataplane/state/punt.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace vx
{

class HostStack
{
public:
    // `send(link, frame)` is Dataplane::inject: from an underlay port as it is, from a bridge or VXLAN device as its
    // own interface.
    using Send = std::function<void(LinkId link, const std::vector<std::byte>& frame)>;
    // `is_kernels(link, address)`: the kernel has one of our addresses on the underlay port's interface, gets its
    // frames too, and answers for it.
    using IsKernels = std::function<bool(LinkId link, const IpAddress& address)>;
    HostStack(
        const Model& model, Resolver& resolver, MulticastGroups& groups, Send send,
        IsKernels is_kernels = [](LinkId, const IpAddress&) { return false; })
        : model_(model), resolver_(resolver), groups_(groups), send_(std::move(send)),
          is_kernels_(std::move(is_kernels))
    {
    }

    // A frame that a worker punted. Every length is checked here; the frame is somebody else's. The reason if it
    // ends here unserved (local_unserved, routed_not_ipv4, ttl_expired, neighbor_unresolved, ...), nothing if it was
    // served or is held.
    std::optional<DropReason> receive(const Punted& packet, std::int64_t now_ms);

    // Resolver::Hooks::solicit.
    void solicit(LinkId link, const IpAddress& address, std::optional<Mac> known);
    // A gratuitous ARP or an unsolicited Neighbor Advertisement: an address of ours is new, or has a new MAC.
    void announce(LinkId link, const IpAddress& address);
    // MulticastGroups::Report.
    void report(LinkId link, MldVersion version, std::span<const GroupRecord> records);

private:
    static constexpr unsigned kMaxIcmpErrors = 100; // a second, to all together; RFC 1812 section 4.3.2.8

    using Verdict = std::optional<DropReason>;
    Verdict receive_arp(const Link& interface, Bytes frame, std::int64_t now_ms);
    Verdict receive_ipv4(const Link& interface, Bytes frame, std::int64_t now_ms);
    Verdict receive_ipv6(const Link& interface, Bytes frame, std::int64_t now_ms);
    Verdict receive_solicitation(const Link& interface, Bytes frame, const Icmp6Packet& packet, std::int64_t now_ms);
    Verdict receive_advertisement(const Link& interface, const Icmp6Packet& packet, std::int64_t now_ms);
    Verdict hold(const Punted& packet, std::int64_t now_ms);
    void send_error(const Link& interface, const IcmpError& error, Bytes frame, std::int64_t now_ms);
    void tell_of_mtu(const Link& interface, Bytes frame, std::int64_t now_ms);

    // Whether the address is one of the interface's; one that its whole side of vxd answers for; a neighbour's by the
    // interface's subnets; and one that a reply may be sent to.
    bool has(const Link& interface, const IpAddress& address) const;
    bool is_served(const Link& interface, const IpAddress& address) const;
    bool may_introduce(const Link& interface, const IpAddress& peer) const;
    bool is_peer(const IpAddress& address) const;
    bool may_send_error(std::int64_t now_ms);

    const Model& model_;
    Resolver& resolver_;
    MulticastGroups& groups_;
    Send send_;
    IsKernels is_kernels_;
    TunnelErrors tunnel_errors_;
    std::int64_t icmp_window_ms_ = 0;
    unsigned icmp_in_window_ = 0;
};

// How a routed packet leaves, as workers decide it (control/compile/compile.h): the interface and the neighbour on it.
// Nothing if there is no route, or one that leads to ourselves or out of an underlay port.
std::optional<NeighborKey> next_hop_of(const Model& model, const IpAddress& destination);

} // namespace vx
