// SPDX-License-Identifier: BSD-3-Clause
// What a vxd might answer to `vxctl top`, made by hand.
#pragma once

#include "tools/vxctl/top/rates.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string_view>
#include <vector>

namespace vx::test
{

using top::Json;

// A vxd of which `stats show` and `link show` tell.
class FakeVxd
{
public:
    FakeVxd()
    {
        stats_ = {{"tsc_hz", 2'000'000'000},
                  {"links", Json::array()},
                  {"drops", Json::object()},
                  {"workers", Json::array()},
                  {"fdb", {{"entries", 7}, {"max", 1000}}},
                  {"buffers", {{"total", 200}, {"free", 150}}}};
    }

    // Returns the counters, to be changed.
    Json& add_link(std::uint32_t index, std::string_view name, std::string_view kind, std::string_view master = "")
    {
        links_.push_back({{"ifindex", index},
                          {"ifname", name},
                          {"flags", {"BROADCAST", "UP", "LOWER_UP"}},
                          {"linkinfo", {{"info_kind", kind}, {"info_data", Json::object()}}}});
        if (!master.empty())
            links_.back()["master"] = master;
        stats_["links"].push_back({{"ifindex", index},
                                   {"ifname", name},
                                   {"rx", {{"packets", 0}, {"bytes", 0}, {"missed", 0}, {"errors", 0}, {"nombuf", 0}}},
                                   {"tx", {{"packets", 0}, {"bytes", 0}}},
                                   {"drops", Json::object()}});
        return stats_["links"].back();
    }
    Json& add_vxlan(std::uint32_t index, std::string_view name, std::uint32_t vni)
    {
        Json& counters = add_link(index, name, "vxlan", "br0");
        about(name)["linkinfo"]["info_data"] = {{"id", vni}, {"local", "192.0.2.1"}, {"port", 4789}};
        return counters;
    }
    Json& add_worker(std::uint64_t cpu)
    {
        stats_["workers"].push_back({{"worker", stats_["workers"].size()},
                                     {"cpu", cpu},
                                     {"packets", 0},
                                     {"bursts", 0},
                                     {"busy_ticks", 0},
                                     {"idle_ticks", 0},
                                     {"full_turn_packets", 0},
                                     {"full_turn_ticks", 0},
                                     {"sleeps", 0},
                                     {"bursts_by_packets", std::vector<int>(33)},
                                     {"turns_by_log2_ticks", std::vector<int>(48)}});
        return stats_["workers"].back();
    }

    // From now on it is asked for VTEPs.
    void count_vteps()
    {
        vteps_ = {{"seconds", 0}, {"vteps", Json::array()}, {"others", {{"packets", 0}, {"bytes", 0}}}};
    }
    void add_vtep(std::string_view device, std::string_view address, std::uint64_t rx_packets, std::uint64_t tx_packets)
    {
        vteps_["vteps"].push_back({{"ifname", device},
                                   {"dst", address},
                                   {"rx", {{"packets", rx_packets}, {"bytes", 100 * rx_packets}}},
                                   {"tx", {{"packets", tx_packets}, {"bytes", 100 * tx_packets}}}});
    }

    Json& counters(std::string_view name) { return find(stats_["links"], name); }
    Json& about(std::string_view name) { return find(links_, name); }
    Json& worker(std::size_t index) { return stats_["workers"][index]; }
    Json& stats() { return stats_; }
    Json& vteps() { return vteps_; }
    const Json& links() const { return links_; }

    top::Sample sample(double seconds) const
    {
        using namespace std::chrono;
        return top::read_sample(stats_, links_, vteps_,
                                steady_clock::time_point{duration_cast<nanoseconds>(duration<double>(seconds))})
            .value();
    }

private:
    static Json& find(Json& links, std::string_view name)
    {
        return *std::find_if(links.begin(), links.end(), [&](const Json& link) { return link["ifname"] == name; });
    }

    Json stats_;
    Json links_ = Json::array();
    Json vteps_; // null: it is not asked
};

} // namespace vx::test
