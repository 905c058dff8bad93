// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/exporter_lab.h"

using namespace vx;
using namespace vx::exporter;

namespace
{

const Json kDrops = {{"no_route", 5}};

std::uint64_t drops(const DeviceCounts& counts)
{
    const auto found = counts.drops.find("no_route");
    return found == counts.drops.end() ? 0 : found->second;
}

} // namespace

TEST_CASE("a device that is removed takes nothing from the sums")
{
    Viewer viewer(10);
    const Snapshot both = snapshot_of({device_json(1, "a", 10, kDrops), device_json(2, "b", 20, kDrops)}, 1);
    CHECK(drops(viewer.look_at(both).all) == 10);
    const Snapshot one = snapshot_of({device_json(2, "b", 21, {{"no_route", 6}})}, 2);
    CHECK(drops(viewer.look_at(one).all) == 11);
    // The same name, and another device.
    const Snapshot again = snapshot_of({device_json(2, "b", 21, {{"no_route", 6}}), device_json(3, "a", 0)}, 3);
    CHECK(drops(viewer.look_at(again).all) == 11);
    CHECK(viewer.look_at(again).shown.size() == 2);
}

TEST_CASE("a device that comes to be shown stays in the sum of the others")
{
    Viewer viewer(1);
    const Snapshot both = snapshot_of({device_json(1, "a", 10), device_json(2, "b", 20)}, 1);
    CHECK(viewer.look_at(both).others.rx_packets == 20);
    CHECK(viewer.look_at(both).hidden_count == 1);
    const Snapshot one = snapshot_of({device_json(2, "b", 25)}, 2);
    const View view = viewer.look_at(one);
    CHECK(view.hidden_count == 0);
    CHECK(view.shown[0].name == "b");
    CHECK(view.others.rx_packets == 20);
}

TEST_CASE("another vxd counts from zero")
{
    Viewer viewer(10);
    const Snapshot before = snapshot_of({device_json(1, "a", 10, kDrops), device_json(2, "b", 20, kDrops)}, 100);
    CHECK(drops(viewer.look_at(before).all) == 10);
    const Snapshot after = snapshot_of({device_json(1, "a", 0, {{"no_route", 1}})}, 50);
    CHECK(drops(viewer.look_at(after).all) == 1);
    viewer.forget();
    CHECK(drops(viewer.look_at(snapshot_of({}, 60)).all) == 0);
}
