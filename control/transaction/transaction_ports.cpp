// SPDX-License-Identifier: BSD-3-Clause
// How a Transaction opens ports, has one change hands that it removed, and opens one again that was gone.
#include "control/base/memory_reserve.h"
#include "control/transaction/transaction.h"

namespace vx
{

// A port that this transaction removed closes at commit, so that a rollback finds it as it was. Until then a new one
// cannot be opened on the same interface or device.
Result<AddedPort> Transaction::open_port(LinkId id, const PortSpec& spec)
{
    const Link* same = nullptr;  // the last removed of the same kind and options
    const Link* other = nullptr; // of the same kind
    for (const LinkId closed : closed_) {
        const auto before = before_.links.find(closed);
        if (before == before_.links.end() || !before->second || before->second->port()->kind != spec.kind)
            continue;
        const PortSpec& removed = *before->second->port();
        // A MAC or an MTU that was set cannot be unset but by opening anew; pcap reads its file again from the start.
        const bool is_same = removed.options == spec.options && spec.kind != "pcap" && (spec.mac || !removed.mac) &&
                             (spec.mtu || !removed.mtu || spec.kind == "tap");
        (is_same ? same : other) = &*before->second;
    }
    // A TAP may be wanted in a new namespace of the old name: where one can be made, it is.
    if (same != nullptr && spec.kind != "tap")
        if (auto taken = take_over_port(same->id, id, spec))
            return taken;
    auto added = dataplane_.add_port(id, spec);
    if (added) {
        opened_.push_back(id);
        return added;
    }
    if (same != nullptr && spec.kind == "tap")
        if (auto taken = take_over_port(same->id, id, spec))
            return taken;
    if (const Link* in_the_way = same != nullptr ? same : other)
        return error(
            "{} (the port of \"{}\" is closed only at the end of this transaction, and its place is taken over "
            "only by one with the same options; delete it in a transaction of its own)",
            added.error().message, in_the_way->name);
    return added;
}

Result<AddedPort> Transaction::take_over_port(LinkId from, LinkId to, const PortSpec& spec)
{
    auto taken = dataplane_.hand_over_port(from, to);
    if (!taken)
        return taken;
    const AddedPort before = *taken;
    const std::optional<std::uint16_t> mtu = spec.kind == "tap" ? spec.mtu.value_or(kDefaultMtu) : spec.mtu;
    const auto undo = [this, from, to, before] {
        (void)dataplane_.set_mtu(to, before.mtu);
        (void)dataplane_.set_mac(to, before.mac);
        (void)dataplane_.hand_over_port(to, from);
    };
    Result<> set = Ok{};
    if (mtu && *mtu != before.mtu)
        set = dataplane_.set_mtu(to, *mtu);
    if (set && spec.mac && *spec.mac != before.mac)
        set = dataplane_.set_mac(to, *spec.mac);
    if (!set) {
        undo();
        return std::move(set).error();
    }
    undo_.emplace_back(undo);
    taken->mtu = mtu.value_or(before.mtu);
    taken->mac = spec.mac.value_or(before.mac);
    return taken;
}

Result<> Transaction::reopen_port(LinkId id, const Link& wanted)
{
    const MemoryReserve::Use use; // a port that is open is one that a rollback closes
    Link& link = change_link(id);
    PortSpec spec = *link.port();
    spec.name = link.name;
    spec.mac = wanted.port()->mac;
    spec.mtu = wanted.port()->mtu;
    *link.port() = spec;
    if (!find_port_kind(spec.kind)->has_own_mac)
        spec.mac = wanted.mac;
    link.mac = spec.mac.value_or(link.mac);
    link.mtu = spec.mtu ? spec.mtu : link.mtu;
    auto added = dataplane_.add_port(id, spec);
    if (!added)
        return std::move(added).error();
    opened_.push_back(id);
    link.mac = added->mac;
    link.mtu = added->mtu;
    if (!added->warning.empty())
        warn(std::move(added->warning));
    // Who is at the other end now is not known.
    for (auto at = resolver_.all().lower_bound({id, IpAddress{}}); at != resolver_.all().end() && at->first.first == id;
         ++at)
        forget_neighbor(at->first);
    return Ok{};
}

} // namespace vx
