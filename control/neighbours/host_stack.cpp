// SPDX-License-Identifier: BSD-3-Clause
#include "control/neighbours/host_stack.h"

#include <algorithm>

namespace vx
{

namespace
{

const EthernetHeader& ethernet_of(Bytes frame)
{
    return header_at<EthernetHeader>(frame, 0);
}

IpAddress address_of(const Be32& wire)
{
    return IpAddress::v4_from_wire(&wire);
}
IpAddress address_of(const std::array<std::uint8_t, 16>& wire)
{
    return IpAddress::v6_from_wire(wire.data());
}

// A group frame that is not for us was flooded: others have it, so nothing was dropped.
std::optional<DropReason> not_for_us(Bytes frame, DropReason reason)
{
    return ethernet_of(frame).destination.is_group() ? std::nullopt : std::optional{reason};
}

constexpr std::uint8_t kDscp = 0xfc; // RFC 1122: a reply has the request's type of service; ECN is the path's

// RFC 1122 section 3.2.2: none about an error, a later fragment, a broadcast.
bool may_be_complained_of(const EthernetHeader& ethernet, const Ipv4Packet& packet)
{
    if (ethernet.destination.is_group() || !ethernet.source.is_unicast() || packet.header.is_later_fragment())
        return false;
    if (packet.header.protocol != ip_protocol::kIcmp)
        return true;
    if (packet.payload.empty())
        return false;
    const auto type = std::to_integer<std::uint8_t>(packet.payload[0]);
    const bool is_error = type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
    return !is_error && type <= 18; // RFC 1812 4.3.2.7: what is not known may be an error
}

} // namespace

std::optional<NeighborKey> next_hop_of(const Model& model, const IpAddress& destination)
{
    const auto& broadcasters = model.broadcasters(destination);
    const bool is_broadcast =
        std::any_of(broadcasters.begin(), broadcasters.end(), [&](LinkId id) { return model.find(id)->is_up; });
    const Link* owner = model.owner_of(destination);
    if (is_broadcast || (owner != nullptr && owner->is_up))
        return std::nullopt;
    const auto path = model.path_to(destination);
    if (!path || model.is_underlay(*path->link))
        return std::nullopt;
    return NeighborKey{path->link->id, path->next_hop};
}

std::optional<DropReason> HostStack::receive(const Punted& packet, std::int64_t now_ms)
{
    const auto& [in, reason, frame, tag] = packet;
    // The model may have changed since the frame was punted.
    const Link* link = model_.find(in);
    const bool is_underlay = reason == PuntReason::kUnderlay;
    if (link == nullptr || model_.is_underlay(*link) != is_underlay)
        return DropReason::local_unserved;
    const Link* interface = is_underlay ? link : model_.interface_of(*link);
    if (interface == nullptr || !interface->is_up || frame.size() < sizeof(EthernetHeader))
        return DropReason::local_unserved;
    if (reason == PuntReason::kUnresolved)
        return hold(packet, now_ms);
    if (reason == PuntReason::kTtlExpired) {
        send_error(*interface, IcmpError::time_exceeded(), frame, now_ms);
        return DropReason::ttl_expired;
    }
    if (reason == PuntReason::kTooBig) {
        tell_of_mtu(*interface, frame, now_ms);
        return DropReason::frame_too_big;
    }
    switch (ethernet_of(frame).type.host()) {
    case ether_type::kArp:
        return receive_arp(*interface, frame, now_ms);
    case ether_type::kIpv4:
        return receive_ipv4(*interface, frame, now_ms);
    case ether_type::kIpv6:
        return receive_ipv6(*interface, frame, now_ms);
    default:
        return DropReason::local_unserved;
    }
}

// ---- ARP -------------------------------------------------------------------------------------------------------

HostStack::Verdict HostStack::receive_arp(const Link& interface, Bytes frame, std::int64_t now_ms)
{
    const ArpPacket* arp = parse_arp(frame);
    if (arp == nullptr)
        return DropReason::local_unserved;
    const Station sender{arp->sender_mac, address_of(arp->sender_ip)};
    const IpAddress target = address_of(arp->target_ip);
    const bool is_request = arp->operation.host() == ArpPacket::kRequest;
    const bool is_probe = sender.address.is_unspecified(); // RFC 5227
    if (sender.mac == interface.mac || (!is_probe && !is_peer(sender.address)))
        return not_for_us(frame, DropReason::local_unserved); // our own echo, a conflict with us, or nonsense
    const bool is_for_us = has(interface, target);
    if (is_for_us && is_request && !is_kernels_(interface.id, target))
        send_(interface.id, arp_frame(sender.mac, ArpPacket::kReply, {interface.mac, target}, sender));
    if (is_probe)
        return is_for_us ? std::nullopt : not_for_us(frame, DropReason::local_unserved);
    const bool is_answer = is_for_us && !is_request && ethernet_of(frame).destination == interface.mac;
    const bool is_new = is_for_us && is_request && may_introduce(interface, sender.address);
    resolver_.heard({interface.id, sender.address}, sender.mac,
                    is_answer ? Resolver::Claim::kAnswer
                    : is_new  ? Resolver::Claim::kIntroduction
                              : Resolver::Claim::kNotice,
                    now_ms);
    return is_for_us ? std::nullopt : not_for_us(frame, DropReason::local_unserved);
}

// ---- ICMP ------------------------------------------------------------------------------------------------------

HostStack::Verdict HostStack::receive_ipv4(const Link& interface, Bytes frame, std::int64_t now_ms)
{
    const auto packet = parse_ipv4(frame);
    if (!packet)
        return DropReason::local_unserved;
    const EthernetHeader& ethernet = ethernet_of(frame);
    const IpAddress own = address_of(packet->header.destination);
    const IpAddress peer = address_of(packet->header.source);
    if (ethernet.destination.is_group() || !ethernet.source.is_unicast() || !is_served(interface, own) ||
        !is_peer(peer))
        return DropReason::local_unserved;
    if (packet->header.protocol != ip_protocol::kIcmp || packet->header.is_fragment() ||
        packet->payload.size() < sizeof(IcmpHeader) ||
        !checksum_is_right(checksum_add(0, packet->payload.data(), packet->payload.size())))
        return DropReason::local_unserved;
    const auto& icmp = header_at<IcmpHeader>(packet->payload, 0);
    if (const auto error = model_.is_underlay(interface) ? tunnel_error(model_, packet->payload, peer) : std::nullopt)
        return tunnel_errors_.note(*error, now_ms);
    if (icmp.type != IcmpHeader::kEchoRequest || icmp.code != 0)
        return DropReason::local_unserved;
    if (is_kernels_(interface.id, own))
        return std::nullopt;
    std::vector<std::byte> message(packet->payload.begin(), packet->payload.end());
    message[0] = std::byte{IcmpHeader::kEchoReply};
    const auto tos = static_cast<std::uint8_t>(packet->header.tos & kDscp);
    send_(interface.id,
          icmp4_frame({interface.mac, own}, {ethernet.source, peer}, tos, packet->header.id, std::move(message)));
    return std::nullopt;
}

// RFC 1191: the largest packet that would have passed.
void HostStack::tell_of_mtu(const Link& interface, Bytes frame, std::int64_t now_ms)
{
    const auto packet = parse_ipv4(frame);
    if (!packet)
        return;
    if (const auto path = model_.path_to(address_of(packet->header.destination)))
        send_error(interface, IcmpError::fragmentation_needed(model_.mtu_of(*path->link)), frame, now_ms);
}

void HostStack::send_error(const Link& interface, const IcmpError& error, Bytes frame, std::int64_t now_ms)
{
    constexpr std::size_t kMaxQuote = 576 - sizeof(Ipv4Header) - sizeof(IcmpHeader); // RFC 1812 section 4.3.2.3
    constexpr std::uint8_t kInternetControl = 0xc0;                                  // RFC 1812 section 4.3.2.5
    if (ethernet_of(frame).type.host() != ether_type::kIpv4)
        return;
    const EthernetHeader& ethernet = ethernet_of(frame);
    const auto packet = parse_ipv4(frame);
    if (!packet || !may_be_complained_of(ethernet, *packet))
        return;
    const IpAddress peer = address_of(packet->header.source);
    const auto own = model_.source_for(interface.id, peer);
    if (!own || !is_peer(peer) || address_of(packet->header.destination).is_multicast() || !may_send_error(now_ms))
        return;
    std::vector<std::byte> message(sizeof(IcmpHeader));
    message[0] = std::byte{error.type};
    message[1] = std::byte{error.code};
    message[6] = static_cast<std::byte>(error.mtu >> 8);
    message[7] = static_cast<std::byte>(error.mtu & 0xff);
    const Bytes quote = packet->whole.first(std::min(packet->whole.size(), kMaxQuote));
    message.insert(message.end(), quote.begin(), quote.end());
    send_(interface.id, icmp4_frame({interface.mac, *own}, {ethernet.source, peer}, kInternetControl, packet->header.id,
                                    std::move(message)));
}

bool HostStack::may_send_error(std::int64_t now_ms)
{
    if (now_ms - icmp_window_ms_ >= 1000) {
        icmp_window_ms_ = now_ms;
        icmp_in_window_ = 0;
    }
    return ++icmp_in_window_ <= kMaxIcmpErrors;
}

// ---- IPv6 ------------------------------------------------------------------------------------------------------

HostStack::Verdict HostStack::receive_ipv6(const Link& interface, Bytes frame, std::int64_t now_ms)
{
    const DropReason unserved =
        model_.is_underlay(interface) ? DropReason::local_unserved : DropReason::routed_not_ipv4;
    const EthernetHeader& ethernet = ethernet_of(frame);
    if (frame.size() < sizeof(EthernetHeader) + sizeof(Ipv6Header) || !ethernet.source.is_unicast())
        return not_for_us(frame, unserved);
    const IpAddress own = address_of(header_at<Ipv6Header>(frame, sizeof(EthernetHeader)).destination);
    if (!own.is_multicast() && !is_served(interface, own))
        return not_for_us(frame, unserved);
    if (model_.is_underlay(interface) && is_listener_query(frame)) {
        const auto query = parse_mld_query(frame);
        if (!query)
            return DropReason::mld_query_invalid;
        groups_.heard(interface.id, *query, now_ms);
        return std::nullopt;
    }
    const auto packet = parse_icmp6(frame);
    if (!packet)
        return not_for_us(frame, DropReason::local_unserved);
    if (packet->type() == IcmpHeader::kNeighborSolicitation)
        return receive_solicitation(interface, frame, *packet, now_ms);
    if (packet->type() == IcmpHeader::kNeighborAdvertisement)
        return receive_advertisement(interface, *packet, now_ms);
    const IpAddress peer = address_of(packet->header.source);
    const auto code = std::to_integer<std::uint8_t>(packet->message[1]);
    if (model_.is_underlay(interface) && !own.is_multicast() && is_peer(peer))
        if (const auto error = tunnel_error(model_, packet->message, peer))
            return tunnel_errors_.note(*error, now_ms);
    if (packet->type() != IcmpHeader::kEchoRequest6 || code != 0 || own.is_multicast() ||
        ethernet.destination.is_group() || !is_peer(peer))
        return not_for_us(frame, DropReason::local_unserved);
    if (is_kernels_(interface.id, own))
        return std::nullopt;
    std::vector<std::byte> message(packet->message.begin(), packet->message.end());
    message[0] = std::byte{IcmpHeader::kEchoReply6};
    constexpr std::uint8_t kHopLimit = 64;
    const auto traffic_class = static_cast<std::uint8_t>(packet->header.traffic_class() & kDscp);
    send_(interface.id,
          icmp6_frame({interface.mac, own}, {ethernet.source, peer}, kHopLimit, traffic_class, std::move(message)));
    return std::nullopt;
}

HostStack::Verdict HostStack::receive_solicitation(const Link& interface, Bytes frame, const Icmp6Packet& packet,
                                                   std::int64_t now_ms)
{
    const auto solicitation = parse_neighbor_discovery(packet);
    if (!solicitation)
        return not_for_us(frame, DropReason::local_unserved);
    const EthernetHeader& ethernet = ethernet_of(frame);
    const IpAddress peer = address_of(packet.header.source);
    const IpAddress destination = address_of(packet.header.destination);
    const IpAddress& target = solicitation->target;
    const bool is_to_group = destination == solicited_node(target);
    if (ethernet.source == interface.mac || !has(interface, target) || (!is_to_group && !has(interface, destination)))
        return not_for_us(frame, DropReason::local_unserved);
    const Station own{interface.mac, target};
    const bool is_kernels = is_kernels_(interface.id, target);
    if (peer.is_unspecified()) { // duplicate address detection: the address is taken
        if (!is_to_group || solicitation->mac)
            return not_for_us(frame, DropReason::local_unserved);
        if (is_kernels)
            return std::nullopt;
        send_(interface.id,
              neighbor_advertisement(own, {group_mac(all_nodes()), all_nodes()}, NeighborMessage::kOverride));
        return std::nullopt;
    }
    if (!is_peer(peer))
        return not_for_us(frame, DropReason::local_unserved);
    if (!is_kernels)
        send_(interface.id, neighbor_advertisement(own, {ethernet.source, peer},
                                                   NeighborMessage::kSolicited | NeighborMessage::kOverride));
    if (solicitation->mac && *solicitation->mac != interface.mac)
        resolver_.heard({interface.id, peer}, *solicitation->mac,
                        may_introduce(interface, peer) ? Resolver::Claim::kIntroduction : Resolver::Claim::kNotice,
                        now_ms);
    return std::nullopt;
}

HostStack::Verdict HostStack::receive_advertisement(const Link& interface, const Icmp6Packet& packet,
                                                    std::int64_t now_ms)
{
    const auto advertisement = parse_neighbor_discovery(packet);
    if (!advertisement || !is_peer(advertisement->target))
        return std::nullopt; // malformed, or a conflict with us; it is nobody's traffic
    const bool is_to_group = address_of(packet.header.destination).is_multicast();
    const bool is_solicited = (advertisement->message.flags & NeighborMessage::kSolicited) != 0;
    const bool is_override = (advertisement->message.flags & NeighborMessage::kOverride) != 0;
    if (is_to_group && is_solicited)
        return std::nullopt; // RFC 4861 section 7.1.2
    const NeighborKey key{interface.id, advertisement->target};
    const auto known = resolver_.find(key);
    const auto mac = advertisement->mac ? advertisement->mac : known; // an answer to unicast may leave it out
    if (!mac || *mac == interface.mac || (known && *known != *mac && !is_override))
        return std::nullopt;
    resolver_.heard(key, *mac, is_solicited ? Resolver::Claim::kAnswer : Resolver::Claim::kNotice, now_ms);
    return std::nullopt;
}

// ---- asking and announcing -------------------------------------------------------------------------------------

HostStack::Verdict HostStack::hold(const Punted& packet, std::int64_t now_ms)
{
    const Bytes frame = packet.frame;
    if (ethernet_of(frame).type.host() != ether_type::kIpv4)
        return DropReason::routed_not_ipv4;
    const auto ip = parse_ipv4(frame);
    if (!ip)
        return DropReason::routed_ip_malformed;
    const auto key = next_hop_of(model_, address_of(ip->header.destination));
    if (!key)
        return DropReason::no_route; // since
    if (model_.neighbors().contains(*key))
        return DropReason::neighbor_unresolved; // it came while the frame was on its way; the next one will pass
    resolver_.hold(*key, {packet.in, {frame.begin(), frame.end()}, packet.tag}, now_ms);
    return std::nullopt;
}

void HostStack::solicit(LinkId link, const IpAddress& address, std::optional<Mac> known)
{
    const Link* interface = model_.find(link);
    if (interface == nullptr || !interface->is_up)
        return;
    const auto source = model_.source_for(link, address);
    if (!source)
        return; // it has no address of this family to ask from
    const Station own{interface->mac, *source};
    send_(link, address.is_v4()
                    ? arp_frame(known.value_or(Mac::broadcast()), ArpPacket::kRequest, own, {Mac{}, address})
                    : neighbor_solicitation(own, address, known));
}

void HostStack::announce(LinkId link, const IpAddress& address)
{
    const Link* interface = model_.find(link);
    if (interface == nullptr || !interface->is_up)
        return;
    const Station own{interface->mac, address};
    send_(link, address.is_v4()
                    ? arp_frame(Mac::broadcast(), ArpPacket::kRequest, own, {Mac{}, address})
                    : neighbor_advertisement(own, {group_mac(all_nodes()), all_nodes()}, NeighborMessage::kOverride));
}

// RFC 3810 section 5.2.13: from a link-local address, or from none if the port has none.
void HostStack::report(LinkId link, MldVersion version, std::span<const GroupRecord> records)
{
    const Link* interface = model_.find(link);
    if (interface == nullptr || !interface->is_up)
        return;
    Station own{interface->mac, IpAddress::v6_from_wire(std::array<std::uint8_t, 16>{}.data())};
    for (const AddressKey& key : model_.addresses_of(link))
        if (key.second.address().is_v6() && key.second.address().is_link_local())
            own.address = key.second.address();
    if (version == MldVersion::kV2)
        return send_(link, mld2_report(own, records));
    for (const GroupRecord& record : records)
        send_(link, mld1_report(own, record));
}

// ---- whose address it is ---------------------------------------------------------------------------------------

bool HostStack::has(const Link& interface, const IpAddress& address) const
{
    const auto found = model_.addresses().lower_bound(AddressKey{interface.id, IpPrefix{address, 0}});
    return found != model_.addresses().end() && found->first == interface.id && found->second.address() == address;
}

bool HostStack::is_served(const Link& interface, const IpAddress& address) const
{
    const Link* owner = model_.owner_of(address);
    return owner != nullptr && model_.is_underlay(*owner) == model_.is_underlay(interface);
}

// RFC 826 learns from every request for us. On the underlay, where only next hops matter, nobody fills the table.
bool HostStack::may_introduce(const Link& interface, const IpAddress& peer) const
{
    return !model_.is_underlay(interface) && model_.is_on_link(interface.id, peer);
}

// Somebody else's unicast address.
bool HostStack::is_peer(const IpAddress& address) const
{
    return address.is_unicast() && model_.owner_of(address) == nullptr && model_.broadcasters(address).empty();
}

} // namespace vx
