// SPDX-License-Identifier: BSD-3-Clause
// What the Controller hands to streams: captures, and the events that monitors see.
#include "control/commands/route.h"
#include "control/commands/show.h"
#include "control/controller/controller.h"

namespace vx
{

namespace
{

using Json = nlohmann::ordered_json;
using Topic = MonitorTopic;

constexpr std::string_view action_of(bool was_there, bool is_there)
{
    return !is_there ? "del" : was_there ? "change" : "add";
}

MonitorEvent link_event(const Model& model, const Dataplane& dataplane, std::string_view action, const Link& link)
{
    const std::vector<std::string_view> flags = flags_of(dataplane, link);
    const std::string master = link.master.is_none() ? "" : name_of(model, link.master);
    const std::string_view state = link.is_up ? "up" : "down";
    MonitorEvent event{Topic::kLink, action,
                       fmt::format("{}: {}: <{}> type {} mtu {} link/ether {}{} {}", link.id.value, link.name,
                                   fmt::join(flags, ","), link.kind_name(), model.mtu_of(link), link.mac.to_string(),
                                   master.empty() ? "" : fmt::format(" master {}", master), state),
                       Json{{"ifindex", link.id.value},
                            {"ifname", link.name},
                            {"flags", flags},
                            {"kind", link.kind_name()},
                            {"mtu", model.mtu_of(link)},
                            {"address", link.mac.to_string()}}};
    if (!master.empty())
        event.json["master"] = master;
    event.json["admin"] = state;
    return event;
}

MonitorEvent route_event(const Model& model, std::string_view action, const IpPrefix& prefix, const Route& route)
{
    const std::string device = name_of(model, route.link);
    const std::string via = route.via ? route.via->to_string() : "";
    MonitorEvent event{Topic::kRoute, action,
                       fmt::format("{}{} dev {}{}", destination_text(prefix),
                                   via.empty() ? "" : fmt::format(" via {}", via), device,
                                   route.onlink ? " onlink" : ""),
                       Json{{"dst", destination_text(prefix)}}};
    if (!via.empty())
        event.json["gateway"] = via;
    event.json["dev"] = device;
    return event;
}

bool is_the_same(const Link& a, const Link& b)
{
    return a.mac == b.mac && a.mtu == b.mtu && a.master == b.master && a.is_up == b.is_up;
}

} // namespace

Result<> Controller::start_stream(const Request& request, const Reply& reply, Response& response)
{
    if (!reply.stream)
        return usage_error("it has an answer, and no stream that follows it: ask for it with the method \"run\"");
    if (request.method != Method::kStream || request.commands.size() != 1)
        return usage_error("its answer is a stream, so it is asked for alone: not in a batch or a configuration");
    Result<StreamTaker> taker = StreamTaker{};
    if (const auto* capture = std::get_if<CaptureSpec>(&*reply.stream)) {
        taker = captures_.start(*capture);
    } else {
        auto monitor = std::get<MonitorSpec>(*reply.stream);
        monitor.is_json = request.format == Format::kJson;
        taker = monitors_.start(monitor, {request.role, request.uid});
    }
    if (!taker)
        return std::move(taker).error();
    response.stream = *std::move(taker);
    return Ok{};
}

// After a transaction; `before` is all that it touched.
void Controller::tell_changes(const ModelDiff& before)
{
    for (const auto& [id, old] : before.links) {
        const Link* link = model_.find(id);
        if ((link != nullptr || old) && !(link != nullptr && old && is_the_same(*link, *old)) &&
            monitors_.wants(Topic::kLink))
            monitors_.tell(
                link_event(model_, dataplane_, action_of(old.has_value(), link != nullptr), link ? *link : *old));
    }
    const auto device = [&](LinkId id) {
        const auto gone = before.links.find(id);
        return model_.find(id) == nullptr && gone != before.links.end() && gone->second ? gone->second->name
                                                                                        : name_of(model_, id);
    };
    for (const auto& [key, was_there] : before.addresses)
        if (const bool is_there = model_.addresses().contains(key);
            is_there != was_there && monitors_.wants(Topic::kAddr)) {
            const std::string name = device(key.first);
            monitors_.tell({Topic::kAddr, action_of(was_there, is_there),
                            fmt::format("{} dev {}", key.second.to_string(), name),
                            Json{{"ifname", name},
                                 {"local", key.second.address().to_string()},
                                 {"prefixlen", key.second.length()}}});
        }
    for (const auto& [prefix, old] : before.routes) {
        const auto now = model_.routes().find(prefix);
        const bool is_there = now != model_.routes().end();
        if ((is_there || old) && monitors_.wants(Topic::kRoute))
            monitors_.tell(
                route_event(model_, action_of(old.has_value(), is_there), prefix, is_there ? now->second : *old));
    }
    for (const auto& [key, old] : before.neighbors)
        if (const auto now = model_.neighbors().find(key); now != model_.neighbors().end() || old)
            tell_neighbor(key, now != model_.neighbors().end() ? std::optional{now->second.mac} : std::nullopt,
                          now != model_.neighbors().end() ? now->second.state_name() : old->state_name());
}

void Controller::tell_neighbor(const NeighborKey& key, const std::optional<Mac>& mac, std::string_view state)
{
    if (!monitors_.wants(Topic::kNeigh))
        return;
    const std::string device = name_of(model_, key.first);
    MonitorEvent event{Topic::kNeigh, mac ? "add" : "del", fmt::format("{} dev {}", key.second.to_string(), device),
                       Json{{"dst", key.second.to_string()}, {"dev", device}}};
    if (mac) {
        event.text += fmt::format(" lladdr {} {}", mac->to_string(), state);
        event.json["lladdr"] = mac->to_string();
        event.json["state"] = Json::array({state});
    }
    monitors_.tell(event);
}

void Controller::tell_link(const Link& link)
{
    if (monitors_.wants(Topic::kLink))
        monitors_.tell(link_event(model_, dataplane_, "change", link));
}

void Controller::tell_port(const Link& link, std::string_view what)
{
    if (!monitors_.wants(Topic::kLink))
        return;
    MonitorEvent event = link_event(model_, dataplane_, "change", link);
    event.text += fmt::format(" interface {}", what);
    event.json["interface"] = what;
    monitors_.tell(event);
}

std::string Controller::link_name(LinkId id) const
{
    if (model_.find(id) == nullptr && committed_ != nullptr)
        if (const auto gone = committed_->links.find(id); gone != committed_->links.end() && gone->second)
            return gone->second->name;
    return name_of(model_, id);
}

// Where an FDB entry leads, in words and as members of `json`.
std::string Controller::place_of(Dest dest, Json& json) const
{
    const std::string device = link_name(dest.link());
    json["ifname"] = device;
    std::string text = fmt::format("dev {}", device);
    if (dest.kind() == Dest::Kind::kVtep) {
        const Remote& remote = vteps_.key_of(dest.vtep()).second;
        json["dst"] = remote.address.to_string();
        text += fmt::format(" dst {}", remote.address.to_string());
    } else if (dest.kind() == Dest::Kind::kReplicate) {
        Json all = Json::array();
        for (const VtepId id : vteps_.list_of(dest.replication()).vteps)
            all.push_back(vteps_.key_of(id).second.address.to_string());
        text += fmt::format(" dst {} VTEPs", all.size());
        json["dst"] = std::move(all);
    }
    return text;
}

void Controller::tell_fdb(FdbKey key, Dest old, Dest now)
{
    const bool was_there = old.kind() != Dest::Kind::kNone;
    const bool is_there = now.kind() != Dest::Kind::kNone;
    if (old == now || !monitors_.wants(Topic::kFdb))
        return;
    const bool is_move = was_there && is_there && !old.is_same_place(now);
    const Dest shown = is_there ? now : old;
    MonitorEvent event{Topic::kFdb, is_move ? "move" : action_of(was_there, is_there), {}, Json::object()};
    event.json["mac"] = key.mac().to_string();
    event.text = fmt::format("{} {}", key.mac().to_string(), place_of(shown, event.json));
    const Link* const link = model_.find(shown.link());
    if (link != nullptr && !link->master.is_none()) {
        event.text += fmt::format(" master {}", name_of(model_, link->master));
        event.json["master"] = name_of(model_, link->master);
    }
    const std::string_view cause = is_there     ? shown.has(Dest::kLearned) ? "learned" : "configured"
                                   : is_ageing_ ? "aged"
                                                : "removed";
    event.text += fmt::format(" {}", cause);
    event.json["cause"] = cause;
    if (is_move) {
        Json from = Json::object();
        event.text += fmt::format(", was {}", place_of(old, from));
        event.json["old"] = std::move(from);
    }
    monitors_.tell(event);
}

// A routed packet whose neighbour is not known yet.
void Controller::tell_miss(LinkId in, Bytes frame)
{
    constexpr std::size_t kAddress = sizeof(EthernetHeader) + offsetof(Ipv4Header, destination);
    if (frame.size() < kAddress + 4 || !monitors_.wants(Topic::kMiss))
        return;
    const std::string address = IpAddress::v4_from_wire(frame.data() + kAddress).to_string();
    const std::string device = name_of(model_, in);
    monitors_.tell({Topic::kMiss,
                    {},
                    fmt::format("neighbour of {} unknown, from dev {}", address, device),
                    Json{{"dst", address}, {"ifname", device}}});
}

} // namespace vx
