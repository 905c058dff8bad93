// SPDX-License-Identifier: BSD-3-Clause
#include "control/commands/show.h"

#include <vector>

namespace vx
{

namespace
{

std::vector<std::string_view> flags_of(const Transaction& transaction, const Link& link)
{
    std::vector<std::string_view> flags;
    const bool is_running = link.is_up && has_carrier(transaction, link);
    if (link.is_up && !is_running)
        flags.push_back("NO-CARRIER");
    if (link.port() != nullptr && !transaction.dataplane().has_port(link.id))
        flags.push_back("GONE"); // the kernel has removed its interface
    flags.insert(flags.end(), {"BROADCAST", "MULTICAST"});
    if (link.is_up)
        flags.push_back("UP");
    if (is_running)
        flags.push_back("LOWER_UP");
    return flags;
}

} // namespace

bool has_carrier(const Transaction& transaction, const Link& link)
{
    return link.port() == nullptr || transaction.dataplane().is_up(link.id);
}

std::string_view operstate_of(const Transaction& transaction, const Link& link)
{
    if (!link.is_up || !has_carrier(transaction, link))
        return "DOWN";
    return link.vxlan() != nullptr ? "UNKNOWN" : "UP";
}

std::string link_text(const Transaction& transaction, const Link& link)
{
    const Model& model = transaction.model();
    std::string text = fmt::format("{}: {}: <{}> mtu {}", link.id.value, link.name,
                                   fmt::join(flags_of(transaction, link), ","), model.mtu_of(link));
    if (!link.master.is_none())
        text += fmt::format(" master {}", name_of(model, link.master));
    return text + fmt::format(" state {}\n    link/ether {} brd {}\n", operstate_of(transaction, link),
                              link.mac.to_string(), Mac::broadcast().to_string());
}

nlohmann::ordered_json link_json(const Transaction& transaction, const Link& link)
{
    const Model& model = transaction.model();
    nlohmann::ordered_json json{{"ifindex", link.id.value},
                                {"ifname", link.name},
                                {"flags", flags_of(transaction, link)},
                                {"mtu", model.mtu_of(link)}};
    if (!link.master.is_none())
        json["master"] = name_of(model, link.master);
    json["operstate"] = operstate_of(transaction, link);
    json["link_type"] = "ether";
    json["address"] = link.mac.to_string();
    json["broadcast"] = Mac::broadcast().to_string();
    return json;
}

std::string name_of(const Model& model, LinkId id)
{
    const Link* link = model.find(id);
    return link == nullptr ? fmt::format("if{}", id.value) : link->name;
}

std::string_view family_name(Family family)
{
    return family == Family::kIpv4 ? "inet" : "inet6";
}

std::string destination_text(const IpPrefix& prefix)
{
    if (prefix.length() == 0)
        return "default";
    return prefix.length() == prefix.address().bit_count() ? prefix.address().to_string() : prefix.to_string();
}

} // namespace vx
