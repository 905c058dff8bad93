// SPDX-License-Identifier: BSD-3-Clause
#include "control/commands/bridge_options.h"

#include "control/grammar/arguments.h"

#include <algorithm>
#include <limits>

namespace vx
{

namespace
{

// Every option of `ip link ... type bridge`, in the order in which iproute2 compares, for abbreviations.
constexpr std::string_view kIpOrder[] = {"forward_delay",
                                         "hello_time",
                                         "max_age",
                                         "ageing_time",
                                         "stp_state",
                                         "priority",
                                         "vlan_filtering",
                                         "vlan_protocol",
                                         "group_fwd_mask",
                                         "group_address",
                                         "fdb_flush",
                                         "vlan_default_pvid",
                                         "vlan_stats_enabled",
                                         "vlan_stats_per_port",
                                         "mcast_router",
                                         "mcast_snooping",
                                         "mcast_vlan_snooping",
                                         "mcast_query_use_ifaddr",
                                         "mcast_querier",
                                         "mcast_hash_elasticity",
                                         "mcast_hash_max",
                                         "mcast_last_member_count",
                                         "mcast_startup_query_count",
                                         "mcast_last_member_interval",
                                         "mcast_membership_interval",
                                         "mcast_querier_interval",
                                         "mcast_query_interval",
                                         "mcast_query_response_interval",
                                         "mcast_startup_query_interval",
                                         "mcast_stats_enabled",
                                         "mcast_igmp_version",
                                         "mcast_mld_version",
                                         "no_linklocal_learn",
                                         "nf_call_iptables",
                                         "nf_call_ip6tables",
                                         "nf_call_arptables",
                                         "fdb_max_learned"};

// Those whose 0 is what vxd does anyway: no spanning tree, no VLANs, no multicast snooping, no netfilter, and frames to
// 01:80:c2:00:00:0x stay.
constexpr std::string_view kIdle[] = {
    "forward_delay",          "stp_state",           "group_fwd_mask",   "vlan_filtering",      "vlan_default_pvid",
    "vlan_stats_enabled",     "vlan_stats_per_port", "mcast_snooping",   "mcast_vlan_snooping", "mcast_querier",
    "mcast_query_use_ifaddr", "mcast_stats_enabled", "nf_call_iptables", "nf_call_ip6tables",   "nf_call_arptables"};

constexpr std::uint32_t kMost = std::numeric_limits<std::uint32_t>::max();

} // namespace

Result<bool> take_bridge_option(Words& words, BridgeOptions& options)
{
    if (words.take("ageing_time", kIpOrder)) {
        if (auto read = store(options.ageing_time, words.number("CENTISECONDS", 0, kMost)); !read)
            return std::move(read).error();
        return true;
    }
    for (const std::string_view option : kIdle) {
        if (!words.take(option, kIpOrder))
            continue;
        const auto value = words.number("VALUE", 0, kMost);
        if (!value)
            return value.error();
        if (*value != 0)
            return words.invalid(
                fmt::format("is a {} that vxd does not support; expected 0, as which it acts", option));
        return true;
    }
    return false;
}

Error rejected_bridge_option(Words& words)
{
    return rejected_option(words, kBridgeUsage, kIpOrder);
}

std::string idle_bridge_options()
{
    return fmt::format("{}", fmt::join(kIdle, ", "));
}

void warn_of_ageing_time(Transaction& transaction, const Words& words, const BridgeOptions& options)
{
    constexpr std::uint32_t kShortest = 1000; // IEEE 802.1Q table 8-6: 10 s
    if (!options.ageing_time || *options.ageing_time >= kShortest)
        return;
    if (*options.ageing_time == 0)
        transaction.warn(fmt::format(
            "{}: ageing_time 0: the bridge learns nothing and floods everything, as with ip(8)", words.name()));
    else
        transaction.warn(fmt::format("{}: ageing_time {} is {:g} s: the unit is 1/100 s, as with ip(8)", words.name(),
                                     *options.ageing_time, *options.ageing_time / 100.0));
}

void change_bridge(BridgeSettings& settings, const BridgeOptions& options)
{
    settings.ageing_time = options.ageing_time.value_or(settings.ageing_time);
}

} // namespace vx
