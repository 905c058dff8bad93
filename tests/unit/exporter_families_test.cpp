// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/net/drop_reason.h"
#include "tests/unit/exporter_lab.h"

#include <set>

using namespace vx;
using namespace vx::exporter;

namespace
{

std::vector<std::string> lines_of(const std::string& page, const std::string& begin)
{
    std::vector<std::string> lines;
    for (std::size_t at = page.find('\n'); at + 1 < page.size();) {
        const std::size_t end = page.find('\n', at + 1);
        if (const std::string line = page.substr(at + 1, end - at - 1); line.starts_with(begin))
            lines.push_back(line);
        at = end;
    }
    return lines;
}

} // namespace

TEST_CASE("what a device has counted is on the page, to the packet")
{
    Json device = device_json(1, "docker1", 9'007'199'254'740'990, {{"no_route", 4}});
    device["rx"]["missed"] = 6;
    const std::string page = page_of(snapshot_of({device}));
    CHECK(has(page, R"(vxd_device_receive_packets_total{device="docker1"} 9007199254740990)"));
    CHECK(has(page, R"(vxd_device_transmit_packets_total{device="docker1"} 4503599627370495)"));
    CHECK(has(page, R"(vxd_device_drops_total{device="docker1",reason="no_route"} 4)"));
    CHECK(has(page, R"(vxd_device_receive_lost_packets_total{device="docker1",reason="rx_missed"} 6)"));
    CHECK(lines_of(page, "vxd_device_drops_total{").size() == 1);
    CHECK(has(page, "vxd_devices 1"));
    CHECK(has(page, "vxd_devices_not_shown 0"));
}

TEST_CASE("every drop reason has a series under its name before it happens")
{
    const std::string page = page_of(snapshot_of({device_json(1, "a", 0)}));
    for (const DropReasonText& reason : kDropReasons)
        CHECK(has(page, fmt::format(R"(vxd_drops_total{{reason="{}"}} 0)", reason.name)));
    for (const DropReasonText& reason : kPortLosses)
        CHECK(has(page, fmt::format(R"(vxd_receive_lost_packets_total{{reason="{}"}} 0)", reason.name)));
}

TEST_CASE("a reason that only vxd knows is shown too")
{
    const std::string page = page_of(snapshot_of({device_json(1, "a", 0, {{"newer_than_this", 3}})}));
    CHECK(has(page, R"(vxd_drops_total{reason="newer_than_this"} 3)"));
}

TEST_CASE("drops are summed over the devices")
{
    const std::string page =
        page_of(snapshot_of({device_json(1, "a", 0, {{"tx_full", 2}}), device_json(2, "b", 0, {{"tx_full", 3}})}));
    CHECK(has(page, R"(vxd_drops_total{reason="tx_full"} 5)"));
}

TEST_CASE("devices above the limit are one, and are said to be")
{
    const Snapshot snapshot = snapshot_of({device_json(1, "a", 10), device_json(2, "b", 20, {{"no_route", 1}}),
                                           device_json(3, "c", 30, {{"no_route", 2}})});
    const std::string page = page_of(snapshot, 1);
    CHECK(has(page, R"(vxd_device_receive_packets_total{device="a"} 10)"));
    CHECK(has(page, R"(vxd_device_receive_packets_total{device="other devices"} 50)"));
    CHECK(has(page, R"(vxd_device_drops_total{device="other devices",reason="no_route"} 3)"));
    CHECK(has(page, "vxd_devices 3"));
    CHECK(has(page, "vxd_devices_not_shown 2"));
    CHECK(page.find("\"b\"") == page.npos);
    CHECK(lines_of(page_of(snapshot, 0), "vxd_device_receive_packets_total{").size() == 1);
}

TEST_CASE("the series of a page grow with the devices as far as the limit, and no further")
{
    std::vector<Json> devices;
    for (unsigned number = 1; number <= 500; ++number)
        devices.push_back(device_json(number, fmt::format("d{}", number), number));
    const Snapshot snapshot = snapshot_of(devices);
    const auto count = [&](std::size_t limit) { return lines_of(page_of(snapshot, limit), "vxd_").size(); };
    CHECK(count(101) - count(100) == count(102) - count(101));
    CHECK(count(10'000) == count(500));
}

TEST_CASE("ticks are seconds, and a worker's bursts and turns are histograms")
{
    const std::string page = page_of(snapshot_of({}));
    CHECK(has(page, R"(vxd_worker_info{cpu="3",worker="0"} 1)"));
    CHECK(has(page, R"(vxd_worker_busy_seconds_total{worker="0"} 1.5)"));
    CHECK(has(page, R"(vxd_worker_full_turn_packets_total{worker="0"} 640)"));
    CHECK(has(page, R"(vxd_worker_full_turn_seconds_total{worker="0"} 0.2)"));
    CHECK(has(page, R"(vxd_worker_burst_packets_count{worker="0"} 32)"));
    CHECK(has(page, R"(vxd_worker_burst_packets_sum{worker="0"} 528)"));
    CHECK(has(page, R"(vxd_worker_burst_packets_bucket{worker="0",le="1"} 1)"));
    CHECK(has(page, R"(vxd_worker_burst_packets_bucket{worker="0",le="8"} 8)"));
    CHECK(has(page, R"(vxd_worker_burst_packets_bucket{worker="0",le="32"} 32)"));
    CHECK(lines_of(page, "vxd_worker_burst_packets_bucket{").size() == 7);
    // 2^7 ticks of half a nanosecond, and the seven sizes of turns up to it.
    CHECK(has(page, R"(vxd_worker_turn_seconds_bucket{worker="0",le="6.4e-08"} 7)"));
    CHECK(has(page, R"(vxd_worker_turn_seconds_bucket{worker="0",le="+Inf"} 48)"));
    CHECK(has(page, R"(vxd_worker_turn_seconds_sum{worker="0"} 1.5)"));
}

TEST_CASE("each bound of turns is another one, whatever the TSC's rate")
{
    for (const double tsc_hz : {1e9, 2.595e9, 3.333333e9, 5.7e9}) {
        Snapshot snapshot = snapshot_of({});
        snapshot.tsc_hz = tsc_hz;
        std::set<std::string> bounds;
        for (const std::string& line : lines_of(page_of(snapshot), "vxd_worker_turn_seconds_bucket{"))
            CHECK(bounds.insert(line.substr(0, line.find(' '))).second);
        CHECK(bounds.size() == 27);
    }
}

TEST_CASE("the daemon's version, its tables and buffers, and whether it answers")
{
    const std::string page = page_of(snapshot_of({}));
    CHECK(has(page, R"(vxd_build_info{version="1.2.3"} 1)"));
    CHECK(has(page, "vxd_fdb_entries 12"));
    CHECK(has(page, "vxd_fdb_max_entries 4096"));
    CHECK(has(page, "vxd_fdb_learn_refused_total 7"));
    CHECK(has(page, "vxd_packet_buffers 16383"));
    CHECK(has(page, "vxd_packet_buffers_free 16000"));
    const std::string down = text_of(families_of_scrape(false, 0.25));
    CHECK(has(down, "vxd_up 0"));
    CHECK(has(down, "vxd_scrape_duration_seconds 0.25"));
}

TEST_CASE("names are OpenMetrics': counters, and only they, end in _total, and each has a help text")
{
    const Snapshot snapshot = snapshot_of({device_json(1, "a", 1)});
    Viewer viewer(10);
    std::set<std::string> names;
    for (const prometheus::MetricFamily& family : families_of(snapshot, viewer.look_at(snapshot))) {
        CAPTURE(family.name);
        CHECK(family.name.starts_with("vxd_"));
        CHECK(family.name.ends_with("_total") == (family.type == prometheus::MetricType::Counter));
        CHECK(family.help.ends_with("."));
        CHECK(names.insert(family.name).second);
    }
}
