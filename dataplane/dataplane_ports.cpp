// SPDX-License-Identifier: BSD-3-Clause
// The data plane's ports: opening, closing, settings, and who polls them.
#include "dataplane/dataplane_state.h"

#include <net/if.h>

#include <algorithm>

namespace vx
{

Result<AddedPort> Dataplane::add_port(LinkId link, const PortSpec& spec)
{
    const PortKind* kind = find_port_kind(spec.kind);
    if (kind == nullptr)
        return error("there is no port kind \"{}\"", spec.kind);
    std::vector<bool> is_taken(kMaxPorts);
    for (const auto& [id, record] : state_->ports)
        is_taken[record.slot] = true;
    const auto free_slot = std::find(is_taken.begin(), is_taken.end(), false);
    if (free_slot == is_taken.end())
        return error("there are {} ports already, and no more are supported", kMaxPorts);

    // Two sockets on one interface would both get its frames.
    if (spec.has("dev") && port_on(std::string{spec.option("dev")}))
        return error("interface \"{}\" is another port's", spec.option("dev"));
    auto opened = kind->open(spec, {state_->pool, static_cast<std::uint16_t>(state_->workers.size())});
    if (!opened)
        return std::move(opened).error();
    PortRecord record;
    record.port = std::move(opened->port);
    record.slot = static_cast<std::uint16_t>(free_slot - is_taken.begin());
    state_->give_workers(record);
    AddedPort added{record.port->mac(), record.port->mtu(), std::move(opened->warning)};
    state_->ports.emplace(link, std::move(record));
    return added;
}

void Dataplane::remove_port(LinkId link)
{
    state_->past_losses.erase(link);
    state_->loss_baselines.erase(link);
    const auto found = state_->ports.find(link);
    if (found == state_->ports.end())
        return;
    state_->unwatch(found->second);
    state_->ports.erase(found);
}

// Each goes to the worker that has the fewest.
void Dataplane::State::give_workers(PortRecord& record)
{
    if (record.queues.size() >= record.port->rx_queue_count())
        return;
    std::vector<std::size_t> load(workers.size());
    for (const PortRecord::Queue& queue : record.queues)
        ++load[queue.worker];
    for (const auto& [id, other] : ports)
        for (const PortRecord::Queue& queue : other.queues)
            load[queue.worker] += &other == &record ? 0 : 1;
    while (record.queues.size() < record.port->rx_queue_count()) {
        const auto least = static_cast<std::uint16_t>(std::min_element(load.begin(), load.end()) - load.begin());
        ++load[least];
        record.queues.push_back({least, next_watch++});
    }
}

void Dataplane::State::unwatch(PortRecord& record)
{
    for (; record.watched != 0; --record.watched) {
        const auto queue = static_cast<std::uint16_t>(record.watched - 1);
        if (const int fd = record.port->wake_fd(queue); fd >= 0)
            workers[record.queues[queue].worker]->unwatch(fd);
    }
}

std::vector<Dataplane::GonePort> Dataplane::close_gone_ports()
{
    std::vector<GonePort> gone;
    std::vector<PortRecord> closing;
    for (auto& [link, record] : state_->ports)
        if (record.port->is_gone())
            gone.push_back({link, record.port->has_lost_memory()});
    if (gone.empty())
        return gone;
    for (const auto& [link, has_lost_memory] : gone) {
        closing.push_back(std::move(state_->ports.extract(link).mapped()));
        state_->past_losses[link] += closing.back().port->losses();
    }
    auto config = std::make_unique<ForwardingConfig>(state_->config.read());
    for (const auto& [link, has_lost_memory] : gone)
        if (link.value < config->links.size())
            config->links.edit(link.value).port = nullptr;
    publish(std::move(config));
    for (PortRecord& record : closing)
        state_->unwatch(record);
    return gone;
}

std::vector<Dataplane::ChangedPort> Dataplane::follow_interfaces()
{
    std::vector<ChangedPort> changed;
    for (auto& [link, record] : state_->ports) {
        ChangedPort port{link, std::nullopt, std::nullopt, {}};
        record.port->follow_addresses();
        port.trouble = record.port->take_trouble();
        if (record.port->follow_mtu())
            port.mtu = record.port->mtu();
        if (record.port->follow_mac())
            port.mac = record.port->mac();
        if (port.mtu || port.mac || !port.trouble.empty())
            changed.push_back(std::move(port));
    }
    return changed;
}

Result<AddedPort> Dataplane::hand_over_port(LinkId from, LinkId to)
{
    const auto found = state_->ports.find(from);
    if (found == state_->ports.end() || found->second.port->is_gone())
        return error("the port is not there any more");
    auto node = state_->ports.extract(found);
    node.key() = to;
    const Port& port = *state_->ports.insert(std::move(node)).position->second.port;
    return AddedPort{port.mac(), port.mtu(), {}};
}

PortLosses Dataplane::port_losses(LinkId link) const
{
    PortLosses losses;
    if (const auto past = state_->past_losses.find(link); past != state_->past_losses.end())
        losses = past->second;
    if (const auto found = state_->ports.find(link); found != state_->ports.end())
        losses += found->second.port->losses();
    const auto baseline = state_->loss_baselines.find(link);
    return baseline == state_->loss_baselines.end() ? losses : losses.since(baseline->second);
}

bool Dataplane::has_port(LinkId link) const
{
    return state_->ports.contains(link);
}

std::optional<LinkId> Dataplane::port_on(const std::string& interface) const
{
    const unsigned ifindex = if_nametoindex(interface.c_str());
    for (const auto& [link, record] : state_->ports)
        if (ifindex != 0 && record.port->is_on(ifindex))
            return link;
    return std::nullopt;
}

bool Dataplane::is_up(LinkId link) const
{
    const auto found = state_->ports.find(link);
    return found != state_->ports.end() && found->second.port->is_up();
}

bool Dataplane::kernel_has(LinkId link, const IpAddress& address) const
{
    const auto found = state_->ports.find(link);
    return found != state_->ports.end() && found->second.port->kernel_has(address);
}

static Result<> interface_gone()
{
    return error("its interface is gone");
}

Result<> Dataplane::set_mtu(LinkId link, std::uint16_t mtu)
{
    const auto found = state_->ports.find(link);
    return found == state_->ports.end() ? interface_gone() : found->second.port->set_mtu(mtu);
}

Result<> Dataplane::set_mac(LinkId link, const Mac& mac)
{
    const auto found = state_->ports.find(link);
    return found == state_->ports.end() ? interface_gone() : found->second.port->set_mac(mac);
}

static ServedTraffic served_by(const ForwardingConfig& config)
{
    ServedTraffic served;
    for (const std::uint32_t& address : config.local_v4)
        served.addresses.push_back(IpAddress::v4_from_wire(&address));
    for (const auto& address : config.local_v6)
        served.addresses.push_back(IpAddress::v6_from_wire(address.data()));
    for (const VxlanListener& listener : config.listeners)
        served.udp_ports.push_back(listener.udp_port);
    return served;
}

void Dataplane::publish(std::unique_ptr<ForwardingConfig> config)
{
    config->fdb = &state_->fdb.table();
    config->neighbors = &state_->neighbors.table();
    config->captures = state_->captures;
    config->polls.assign(state_->workers.size(), {});
    const ServedTraffic served = served_by(*config);
    for (auto& [link, record] : state_->ports) {
        if (link.value >= config->links.size() || config->link(link).role == LinkState::Role::kNone)
            continue;
        LinkState& named = config->links.edit(link.value);
        named.port = record.port.get();
        named.slot = record.slot;
        const bool is_underlay = named.role == LinkState::Role::kUnderlay;
        record.port->set_use(is_underlay ? PortUse::kUnderlay : PortUse::kOverlay);
        if (is_underlay)
            record.port->serve(served);
        state_->give_workers(record);
        state_->watch(record);
        for (std::uint16_t queue = 0; queue < record.queues.size(); ++queue) {
            const bool wakes = queue < record.watched && record.port->wake_fd(queue) >= 0;
            const auto& [worker, watch] = record.queues[queue];
            config->polls[worker].push_back({link, queue, record.port.get(), wakes ? watch : Worker::kNoWatch});
        }
    }
    state_->config.publish(std::move(config));
    unwatch_unpolled();
    for (const auto& worker : state_->workers)
        worker->wake();
}

// If the kernel refuses, the rest of the port's queues is looked at now and then.
void Dataplane::State::watch(PortRecord& record)
{
    for (; record.watched < record.queues.size(); ++record.watched) {
        const int fd = record.port->wake_fd(static_cast<std::uint16_t>(record.watched));
        const auto& [worker, watch] = record.queues[record.watched];
        if (fd >= 0 && !workers[worker]->watch(fd, watch))
            return;
    }
}

// A worker sleeps on exactly the descriptors of the ports that it polls: one that nobody drains would wake it for ever.
void Dataplane::unwatch_unpolled()
{
    const ForwardingConfig& config = state_->config.read();
    for (auto& [link, record] : state_->ports) {
        if (link.value < config.links.size() && config.link(link).port != nullptr)
            continue;
        state_->unwatch(record);
    }
}

} // namespace vx
