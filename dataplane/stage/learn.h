// SPDX-License-Identifier: BSD-3-Clause
// Stage: is the source where the FDB says it is? Known and unmoved: note that it was seen. Unknown or moved: tell the
// control thread, which alone writes the FDB. As the kernel's br_fdb_update() and vxlan_snoop().
#pragma once

#include "dataplane/net/martian.h"
#include "dataplane/stage/lookup.h"

#include <algorithm>
#include <cstring>

namespace vx
{

// Where the outer source address lies in front of the inner frame; decap only moved the data pointer. The IP header
// may have had options, so it is found from the front of the stripped bytes.
inline const std::byte* outer_source(const Packet& packet, Family family) noexcept
{
    const std::byte* l3 = head_of(packet.mbuf).data() - packet.outer_size + sizeof(EthernetHeader);
    return l3 + (family == Family::kIpv4 ? offsetof(Ipv4Header, source) : offsetof(Ipv6Header, source));
}

inline Family outer_family(const Packet& packet) noexcept
{
    const std::byte* l2 = head_of(packet.mbuf).data() - packet.outer_size;
    return reinterpret_cast<const EthernetHeader*>(l2)->type == Be16{ether_type::kIpv4} ? Family::kIpv4 : Family::kIpv6;
}

inline void report_source(const Packet& packet, Context& context) noexcept
{
    LearnEvent event;
    event.key = packet.source;
    event.link = packet.in;
    std::uint64_t place = packet.in.value;
    if (packet.outer_size != 0) {
        const Family family = outer_family(packet);
        const std::size_t size = family == Family::kIpv4 ? 4 : 16;
        std::memcpy(event.vtep.data(), outer_source(packet, family), size);
        event.vtep_family = static_cast<std::uint8_t>(family);
        place ^= load<std::uint64_t>(event.vtep.data()) ^ (load<std::uint64_t>(event.vtep.data() + 8) << 1);
    }
    if (context.learn.admit(packet.source.word(), place, context.now) && !context.learn.push(event))
        context.worker.learn_lost.add(1);
}

// Whether the outer source address is nobody's, or our own: Linux drops such packets as martians. Of the VTEP that the
// FDB names it is not asked, so this costs only what is from elsewhere. Precondition: packet.outer_size != 0.
inline bool is_from_martian(const Packet& packet, const ForwardingConfig& config) noexcept
{
    const Family family = outer_family(packet);
    const std::byte* const source = outer_source(packet, family);
    if (family == Family::kIpv6) {
        const auto& address = *reinterpret_cast<const std::array<std::uint8_t, 16>*>(source);
        return is_martian_source(address) || std::ranges::find(config.local_v6, address) != config.local_v6.end();
    }
    const auto address = load<std::uint32_t>(source);
    return is_martian_source(*reinterpret_cast<const Be32*>(source)) ||
           std::ranges::find(config.broadcasts_v4, address) != config.broadcasts_v4.end() ||
           std::ranges::find(config.local_v4, address) != config.local_v4.end();
}

// A source that is not where the FDB has it.
[[gnu::noinline]] inline void learn_elsewhere(Packet& packet, Context& context) noexcept
{
    const Dest known = packet.known_source;
    if (packet.outer_size != 0 && is_from_martian(packet, context.config))
        return drop(packet, DropReason::outer_martian);
    if (known.kind() == Dest::Kind::kLocal)
        return drop(packet, DropReason::source_mac_own);
    if (!context.link(packet.in).learns)
        return;
    if (!known.is_fixed())
        return report_source(packet, context);
    if (packet.outer_size != 0 && known.kind() != Dest::Kind::kReplicate)
        drop(packet, DropReason::source_mac_static);
}

// From a port: looks the source up too, unless that of the frame before is the same and all was well with it.
inline void learn_source(Packet& packet, Context& context) noexcept
{
    if (packet.source == context.ingress.settled) [[likely]]
        return;
    lookup_source(packet, context);
    if (!packet.known_source.is_same_place(context.ingress.place)) [[unlikely]]
        return learn_elsewhere(packet, context);
    if ((packet.known_source.word() & context.ingress.stamps) != 0)
        context.fdb.stamp(packet.source_slot, context.now);
    context.ingress.settled = packet.source;
}

inline bool is_from(const Packet& packet, const EncapTemplate& vtep) noexcept
{
    if (packet.outer_size == kOuterSizeV4) [[likely]] // of the sizes that there are, this one alone says IPv4
        return vtep.is_from(outer_source(packet, Family::kIpv4), Family::kIpv4);
    const Family family = outer_family(packet);
    return vtep.is_from(outer_source(packet, family), family);
}

// From a tunnel: the place is a VXLAN device and the outer source address.
inline void learn_vtep(Packet& packet, Context& context) noexcept
{
    const Dest known = packet.known_source;
    if (known.kind() != Dest::Kind::kVtep || known.link() != packet.in) [[unlikely]]
        return learn_elsewhere(packet, context);
    if (!is_from(packet, context.vtep(known.vtep()))) [[unlikely]]
        return learn_elsewhere(packet, context);
    if (known.has(Dest::kLearned) && context.link(packet.in).learns)
        context.fdb.stamp(packet.source_slot, context.now);
}

} // namespace vx
