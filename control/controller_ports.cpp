// SPDX-License-Identifier: BSD-3-Clause
// Ports whose interface in the kernel comes and goes without a command: a container ends, a driver is loaded anew.
#include "control/controller.h"
#include "control/log.h"

namespace vx
{

// Once a second. The links stay as they were configured.
void Controller::check_ports()
{
    for (const LinkId id : dataplane_.close_gone_ports())
        if (const Link* link = model_.find(id)) {
            tell_port(*link, "gone");
            const std::string_view lost = find_port_kind(link->port()->kind)->attaches_to;
            log_warning("{}: its {} is gone; {}", link->name, lost.empty() ? "interface" : lost,
                        lost.empty()
                            ? "config apply makes it again when there is a place for it, link del removes what is left"
                            : "it is opened again when there is one at the same place");
        }
    for (const auto& [id, link] : model_.links())
        if (link.port() != nullptr && !dataplane_.has_port(id) &&
            !find_port_kind(link.port()->kind)->attaches_to.empty() && can_attach(*link.port()) &&
            !dataplane_.port_on(std::string{link.port()->option("dev")}))
            reopen(link);
    for (const auto& [id, mtu] : dataplane_.follow_mtus())
        if (Link* link = model_.edit(id)) {
            ModelDiff before;
            before.links[id] = *link;
            link->mtu = mtu;
            compiler_.note(before);
            needs_publish_ = true;
            log_notice("{}: its interface has another MTU now, {}", link->name, mtu);
            tell_changes(before);
        }
    publish_if_needed();
    std::erase_if(reopen_errors_, [this](const auto& entry) { return model_.find(entry.first) == nullptr; });
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
