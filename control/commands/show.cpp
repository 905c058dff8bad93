// SPDX-License-Identifier: BSD-3-Clause
#include "control/commands/show.h"

#include "control/grammar/rows.h"

#include <algorithm>

namespace vx
{

namespace
{

// What a port did not take is a TX drop; any other reason is about a frame that came from the device.
std::uint64_t tx_dropped(const LinkTotals& totals)
{
    return totals.drops[static_cast<std::size_t>(DropReason::tx_full)];
}

// ip's columns; the first two grow with what is in them.
std::string statistics_lines(std::string_view direction, std::string_view last_columns, std::uint64_t bytes,
                             std::uint64_t packets, std::uint64_t dropped)
{
    const std::string counts[] = {fmt::format("{}", bytes), fmt::format("{}", packets), fmt::format("{}", dropped)};
    const std::size_t wide[] = {std::max<std::size_t>(10, counts[0].size()), std::max<std::size_t>(7, counts[1].size()),
                                std::max<std::size_t>(7, counts[2].size())};
    return fmt::format("    {}: {:>{}} {:>{}} errors {:>{}} {}           \n"
                       "    {:>{}} {:>{}} {:>6} {:>{}} {:>7} {:>7} \n",
                       direction, "bytes", wide[0] - 4, "packets", wide[1], "dropped", wide[2], last_columns, counts[0],
                       wide[0], counts[1], wide[1], 0, counts[2], wide[2], 0, 0);
}

} // namespace

std::size_t size_of(const nlohmann::ordered_json& json)
{
    constexpr std::size_t kNode = 64; // an allocation with its header
    if (const auto* const text = json.get_ptr<const std::string*>())
        return kNode + text->capacity();
    std::size_t size = sizeof(json);
    if (const auto* const object = json.get_ptr<const nlohmann::ordered_json::object_t*>())
        for (const auto& [name, value] : *object)
            size += kNode + size_of(value);
    if (const auto* const array = json.get_ptr<const nlohmann::ordered_json::array_t*>())
        for (const auto& value : *array)
            size += size_of(value);
    return size;
}

std::vector<std::string_view> flags_of(const Dataplane& dataplane, const Link& link)
{
    std::vector<std::string_view> flags;
    const bool is_running = link.is_up && (link.port() == nullptr || dataplane.is_up(link.id));
    if (link.is_up && !is_running)
        flags.push_back("NO-CARRIER");
    if (link.port() != nullptr && !dataplane.has_port(link.id))
        flags.push_back("GONE"); // the kernel has removed its interface
    flags.insert(flags.end(), {"BROADCAST", "MULTICAST"});
    if (link.is_up)
        flags.push_back("UP");
    if (is_running)
        flags.push_back("LOWER_UP");
    return flags;
}

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
                                   fmt::join(flags_of(transaction.dataplane(), link), ","), model.mtu_of(link));
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
                                {"flags", flags_of(transaction.dataplane(), link)},
                                {"mtu", model.mtu_of(link)}};
    if (!link.master.is_none())
        json["master"] = name_of(model, link.master);
    json["operstate"] = operstate_of(transaction, link);
    json["link_type"] = "ether";
    json["address"] = link.mac.to_string();
    json["broadcast"] = Mac::broadcast().to_string();
    return json;
}

std::string brief_text(const Transaction& transaction, const Link& link)
{
    return fmt::format("{:<16} {:<14} ", link.name, operstate_of(transaction, link));
}

nlohmann::ordered_json brief_json(const Transaction& transaction, const Link& link)
{
    return {{"ifname", link.name}, {"operstate", operstate_of(transaction, link)}};
}

std::string statistics_text(const LinkTotals& totals)
{
    const std::uint64_t sent_in_vain = tx_dropped(totals);
    return statistics_lines("RX", " missed   mcast", totals.rx_bytes, totals.rx_packets,
                            totals.dropped() - sent_in_vain) +
           statistics_lines("TX", "carrier collsns", totals.tx_bytes, totals.tx_packets, sent_in_vain);
}

nlohmann::ordered_json statistics_json(const LinkTotals& totals)
{
    const std::uint64_t sent_in_vain = tx_dropped(totals);
    return {{"rx",
             {{"bytes", totals.rx_bytes},
              {"packets", totals.rx_packets},
              {"errors", 0},
              {"dropped", totals.dropped() - sent_in_vain},
              {"over_errors", 0},
              {"multicast", 0}}},
            {"tx",
             {{"bytes", totals.tx_bytes},
              {"packets", totals.tx_packets},
              {"errors", 0},
              {"dropped", sent_in_vain},
              {"carrier_errors", 0},
              {"collisions", 0}}}};
}

std::string shared_address_text(const Link& port, const IpPrefix& prefix)
{
    const std::string_view interface = port.port()->option("dev");
    return fmt::format("the kernel has {} too, on {}: it answers ARP, ND and ping in vxd's place, and what comes for a "
                       "tunnel with \"port unreachable\"; ip addr del {} dev {}",
                       prefix.address().to_string(), interface, prefix.to_string(), interface);
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
