// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/exporter_lab.h"

using namespace vx;
using namespace vx::exporter;

namespace
{

Json link_json(unsigned ifindex, const char* kind, Json data)
{
    return {{"ifindex", ifindex}, {"ifname", "x"},          {"flags", Json::array()},
            {"mtu", 1450},        {"operstate", "UNKNOWN"}, {"linkinfo", {{"info_kind", kind}, {"info_data", data}}}};
}

std::string failure(const Json& stats, const Json& links = Json::array())
{
    const auto snapshot = snapshot_from(stats, links, "1");
    return snapshot ? "" : snapshot.error().message;
}

} // namespace

TEST_CASE("what a device is comes from link show")
{
    Json vxlan = link_json(2, "vxlan", {{"id", 16777215}});
    vxlan["master"] = "br0";
    Json tap = link_json(1, "tap", Json::object());
    tap["operstate"] = "DOWN";
    const auto snapshot = snapshot_from(stats_json({device_json(1, "docker1", 0), device_json(2, "vxlan100", 0)}),
                                        Json::array({vxlan, tap}), "1");
    REQUIRE(snapshot);
    const Device& first = snapshot->devices[0];
    CHECK(first.kind == "tap");
    CHECK_FALSE(first.is_up);
    CHECK_FALSE(first.vni);
    const Device& second = snapshot->devices[1];
    CHECK(second.vni == 16777215U);
    CHECK(second.mtu == 1450);
    CHECK(second.is_up);
    const std::string page = page_of(*snapshot);
    CHECK(has(page, R"(vxd_device_info{device="docker1",kind="tap"} 1)"));
    CHECK(has(page, R"(vxd_device_info{device="vxlan100",kind="vxlan",master="br0",vni="16777215"} 1)"));
    CHECK(has(page, R"(vxd_device_up{device="docker1"} 0)"));
    CHECK(has(page, R"(vxd_device_mtu_bytes{device="vxlan100"} 1450)"));
}

TEST_CASE("an answer without something that is needed says what")
{
    CHECK(failure(stats_json({})).empty());
    for (const char* member : {"tsc_hz", "links", "workers", "learn_refused", "fdb", "buffers"}) {
        Json stats = stats_json({});
        stats.erase(member);
        CAPTURE(member);
        CHECK(failure(stats).find(member) != std::string::npos);
    }
    CHECK_FALSE(failure(Json{}).empty());
    CHECK_FALSE(failure("text").empty());
    CHECK_FALSE(failure(stats_json({Json::array()})).empty());
    CHECK_FALSE(failure(stats_json({}), Json::array({1})).empty());
    Json stats = stats_json({});
    stats["tsc_hz"] = 0;
    CHECK(failure(stats).find("tsc_hz is 0") != std::string::npos);
    stats = stats_json({});
    stats["workers"][0]["bursts_by_packets"].erase(0);
    CHECK_FALSE(failure(stats).empty());
}
