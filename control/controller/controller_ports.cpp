// SPDX-License-Identifier: BSD-3-Clause
// Ports whose interface in the kernel comes and goes without a command: a container ends, a driver is loaded anew.
#include "control/base/log.h"
#include "control/commands/show.h"
#include "control/controller/controller.h"

#include <set>

namespace vx
{

// Once a second. The links stay as they were configured.
void Controller::check_ports()
{
    std::set<LinkId> failed;
    for (const auto& [id, has_lost_memory] : dataplane_.close_gone_ports())
        if (const Link* link = model_.find(id)) {
            tell_port(*link, "gone");
            if (has_lost_memory) {
                failed.insert(id);
                log_warning(
                    "{}: its other end has taken away memory that both share (it has made the file shorter); it "
                    "is closed, and opened again in a second",
                    link->name);
                continue;
            }
            const std::string_view lost = find_port_kind(link->port()->kind)->attaches_to;
            log_warning("{}: its {} is gone; {}", link->name, lost.empty() ? "interface" : lost,
                        lost.empty()
                            ? "config apply makes it again when there is a place for it, link del removes what is left"
                            : "it is opened again when there is one at the same place");
        }
    for (const auto& [id, link] : model_.links())
        if (link.port() != nullptr && !dataplane_.has_port(id) && !failed.contains(id) &&
            !find_port_kind(link.port()->kind)->attaches_to.empty() && can_attach(*link.port()) &&
            !dataplane_.port_on(std::string{link.port()->option("dev")}))
            reopen(link);
    follow_interfaces();
    check_carriers();
    std::erase_if(reopen_errors_, [this](const auto& entry) { return model_.find(entry.first) == nullptr; });
}

// What somebody else gave the interface is the port's.
void Controller::follow_interfaces()
{
    ModelDiff before;
    for (const auto& [id, mtu, mac, trouble] : dataplane_.follow_interfaces()) {
        Link* link = model_.edit(id);
        if (link == nullptr)
            continue;
        if (!trouble.empty())
            log_warning("{}: tenants have no receive queues of their own, so a storm of one is another's loss: {}",
                        link->name, trouble);
        if (!mtu && !mac)
            continue;
        before.links[id] = *link;
        if (mtu) {
            link->mtu = *mtu;
            log_notice("{}: its interface has another MTU now, {}", link->name, *mtu);
        }
        if (mac) {
            link->mac = *mac;
            log_notice("{}: its interface has another MAC address now, {}", link->name, mac->to_string());
        }
    }
    note_shared_addresses();
    if (before.links.empty())
        return;
    compiler_.note(before);
    publish();
    follow_groups(before);
    announce_addresses(before); // of those whose MAC is another, the neighbours have to hear
    tell_changes(before);
}

// Whoever added the address was warned, if the kernel had it then.
void Controller::note_shared_addresses()
{
    std::set<AddressKey> shared;
    for (const auto& [id, link] : model_.links()) {
        if (link.port() == nullptr || !model_.is_underlay(link))
            continue;
        for (const AddressKey& key : model_.addresses_of(id))
            if (dataplane_.kernel_has(id, key.second.address()) && shared.insert(key).second &&
                !shared_addresses_.contains(key))
                log_warning("{}: {}", link.name, shared_address_text(link, key.second));
    }
    shared_addresses_ = std::move(shared);
}

// Of every port there is one who watches, of an underlay's the log too: a tenant's comes and goes as often as he likes.
void Controller::check_carriers()
{
    const bool is_watched = monitors_.is_wanted(MonitorTopic::kLink);
    std::map<LinkId, bool> carriers;
    for (const auto& [id, link] : model_.links()) {
        const bool is_underlay = link.port() != nullptr && model_.is_underlay(link);
        if (link.port() == nullptr || !dataplane_.has_port(id) || !(is_watched || is_underlay))
            continue;
        const bool has_carrier = carriers[id] = dataplane_.is_up(id);
        const auto known = carriers_.find(id);
        const bool had_carrier = known != carriers_.end() && known->second;
        if (is_underlay && has_carrier && !had_carrier)
            groups_.repeat(id, options_.clock_ms()); // also what was said before it first had one
        if (known == carriers_.end() || known->second == has_carrier)
            continue;
        if (is_underlay && has_carrier)
            log_notice("{}: its carrier is back", link.name);
        else if (is_underlay)
            log_warning("{}: it has lost its carrier", link.name);
        tell_link(link);
    }
    carriers_ = std::move(carriers);
}

// A switch that snoops sends neighbours' solicitations to those who are in the group of the address.
void Controller::follow_groups(const ModelDiff& before)
{
    std::set<LinkId> touched;
    for (const auto& [key, was_there] : before.addresses)
        touched.insert(key.first);
    for (const auto& [id, old] : before.links)
        touched.insert(id);
    for (const LinkId id : touched)
        join_groups(id);
    for (const auto& [id, old] : before.links)
        if (const Link* link = model_.find(id); link != nullptr && old && old->mac != link->mac)
            groups_.repeat(id, options_.clock_ms());
}

void Controller::join_groups(LinkId id)
{
    const Link* link = model_.find(id);
    if (link == nullptr || !model_.is_underlay(*link) || !link->is_up)
        return groups_.forget(id);
    std::set<IpAddress> groups;
    for (const AddressKey& key : model_.addresses_of(id))
        if (key.second.address().is_v6())
            groups.insert(solicited_node(key.second.address()));
    groups_.listen(id, groups, options_.clock_ms());
}

void Controller::reopen(const Link& link)
{
    PortSpec spec = *link.port();
    spec.name = link.name;
    const auto added = dataplane_.add_port(link.id, spec);
    if (!added) {
        if (reopen_errors_[link.id] != added.error().message)
            log_warning("{}: opening it again: {}", link.name, added.error().message);
        reopen_errors_[link.id] = added.error().message;
        return;
    }
    reopen_errors_.erase(link.id);
    log_notice("{}: its {} is back", link.name, find_port_kind(spec.kind)->attaches_to);
    tell_port(link, "back");
    if (!added->warning.empty())
        log_warning("{}: {}", link.name, added->warning);
    ModelDiff before;
    before.links[link.id] = link;
    Link& changed = *model_.edit(link.id);
    changed.mac = added->mac;
    changed.mtu = added->mtu;
    compiler_.note(before);
    // Who is at the other end now is not known, and whoever was wanted there still is.
    std::vector<NeighborKey> neighbors;
    for (auto at = resolver_.all().lower_bound({link.id, IpAddress{}});
         at != resolver_.all().end() && at->first.first == link.id; ++at)
        neighbors.push_back(at->first);
    for (const NeighborKey& key : neighbors)
        resolver_.forget(key);
    publish();
    for (const AddressKey& key : model_.addresses_of(link.id))
        host_stack_.announce(link.id, key.second.address());
}

} // namespace vx
