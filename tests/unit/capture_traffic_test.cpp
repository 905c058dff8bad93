// SPDX-License-Identifier: BSD-3-Clause
// Captures at full rate.
#include "tests/unit/daemon_lab.h"
#include "tests/unit/replay.h"

#include <unistd.h>

using namespace vx;
using namespace vx::test;

namespace
{

constexpr std::uint64_t kFrames = 100'000;

std::uint64_t count_of(Daemon& vxd, std::string_view device, const char* way)
{
    return vxd.json(fmt::format("stats show dev {}", device))["links"][0][way]["packets"].get<std::uint64_t>();
}

} // namespace

TEST_CASE("a capture costs the data plane no packet, and what it loses itself is counted to the packet")
{
    const PcapFile traffic{std::vector<Frame>(kFrames, from_to(1, 2))};
    Daemon vxd{{0}, 8191};
    vxd("link add br0 type bridge\nlink add out type null\nlink set out master br0\n"
        "fdb add 02:00:00:00:00:02 dev out master static\n" +
        traffic.once("src") + "\nlink set src master br0\n");
    CaptureSpec spec;
    spec.point = CapturePoint::kBridge;
    const auto made = vxd.dataplane().start_capture(std::move(spec));
    REQUIRE(made.has_value());
    Capture& capture = **made;
    vxd.start_workers();
    std::uint64_t seen = 0;
    for (int i = 0; i < 10'000 && count_of(vxd, "src", "rx") < kFrames; ++i) {
        seen += capture.pop().has_value() ? 1 : 0; // a reader, but a slow one
        usleep(1000);
    }
    vxd.stop_workers();
    while (capture.pop())
        ++seen;
    CHECK(count_of(vxd, "src", "rx") == kFrames);
    CHECK(count_of(vxd, "out", "tx") == kFrames);
    CHECK(vxd.json("stats")["drops"].empty());
    CHECK(capture.taken() == kFrames);
    CHECK(capture.lost() > 0);
    CHECK(seen + capture.lost() == kFrames);
    vxd.dataplane().stop_capture(capture);
}

TEST_CASE("what is counted by VTEP is what its VXLAN device sent, without what no VTEP took")
{
    std::vector<Frame> frames;
    for (std::uint64_t i = 0; i < 3000; ++i)
        frames.push_back(from_to(1, static_cast<std::uint8_t>(2 + i % 3)));
    const PcapFile traffic{frames};
    Daemon vxd{{0}, 8191};
    vxd("link add uplink type null\naddr add 192.0.2.1/24 dev uplink\n"
        "neigh add 192.0.2.2 lladdr 02:00:00:00:01:02 dev uplink\nneigh add 192.0.2.4 lladdr 02:00:00:00:01:04 dev "
        "uplink\n"
        "link add br0 type bridge\nlink add vx type vxlan id 1 local 192.0.2.1\nlink set vx master br0\n"
        "fdb append 02:00:00:00:00:02 dev vx dst 192.0.2.2\n"
        "fdb append 02:00:00:00:00:03 dev vx dst 192.0.2.3\n" // whose MAC nobody tells
        "fdb append 02:00:00:00:00:04 dev vx dst 192.0.2.4\n" +
        traffic.once("src") + "\nlink set src master br0\n");
    vxd("stats vtep");
    vxd.start_workers();
    for (int i = 0; i < 10'000 && count_of(vxd, "src", "rx") < frames.size(); ++i)
        usleep(1000);
    vxd.stop_workers();
    const auto vteps = vxd.json("stats vtep")["vteps"];
    REQUIRE(vteps.size() == 2);
    for (const std::size_t row : {0, 1}) {
        CHECK(vteps[row]["dst"] == (row == 0 ? "192.0.2.2" : "192.0.2.4"));
        CHECK(vteps[row]["tx"]["packets"] == 1000);
    }
    CHECK(count_of(vxd, "vx", "tx") == 2000);
    CHECK(vxd.json("stats")["drops"]["vtep_unresolved"] == 1000);
}

TEST_CASE("what two workers count is added up, a flooded frame for every VTEP that got a copy")
{
    constexpr std::uint64_t kEach = 2000;
    const PcapFile traffic{std::vector<Frame>(kEach, from_to(1, 9))}; // to a MAC that nobody knows
    Daemon vxd{{0, 1}, 8191};
    vxd("link add uplink type null\naddr add 192.0.2.1/24 dev uplink\n"
        "neigh add 192.0.2.2 lladdr 02:00:00:00:01:02 dev uplink\nneigh add 192.0.2.4 lladdr 02:00:00:00:01:04 dev "
        "uplink\n"
        "link add br0 type bridge\nlink add vx type vxlan id 1 local 192.0.2.1 nolearning\nlink set vx master br0\n"
        "fdb append 00:00:00:00:00:00 dev vx dst 192.0.2.2\nfdb append 00:00:00:00:00:00 dev vx dst 192.0.2.4\n" +
        traffic.once("first") + "\n" + traffic.once("second") +
        "\nlink set first master br0\nlink set second master br0\n");
    vxd("stats vtep");
    vxd.start_workers();
    for (int i = 0; i < 10'000 && count_of(vxd, "first", "rx") + count_of(vxd, "second", "rx") < 2 * kEach; ++i)
        usleep(1000);
    vxd.stop_workers();
    const auto workers = vxd.json("stats show worker")["workers"];
    REQUIRE(workers.size() == 2);
    for (const auto& worker : workers)
        CHECK(worker["packets"] >= kEach); // and what vxd says itself
    const auto vteps = vxd.json("stats vtep")["vteps"];
    REQUIRE(vteps.size() == 2);
    for (const auto& vtep : vteps)
        CHECK(vtep["tx"]["packets"] == 2 * kEach);
    CHECK(count_of(vxd, "vx", "tx") == 4 * kEach);
}

TEST_CASE("counting does not begin in the middle of changes")
{
    Daemon vxd;
    vxd.tutorial();
    const Response response = vxd.run("link del docker1\nlink add docker1 mtu 1450 type null\nstats vtep\n");
    REQUIRE(response.failures.size() == 1);
    CHECK(has(response.failures[0].error.message, "in the middle of changes"));
    CHECK(vxd.json("link show docker1")[0]["master"] == "br0");
}

TEST_CASE("packets at full rate are counted by destination, each of them")
{
    std::vector<Frame> frames;
    for (std::uint64_t i = 0; i < kFrames; ++i)
        frames.push_back(from_to(1, i % 4 == 0 ? 2 : 3));
    const PcapFile traffic{frames};
    Daemon vxd{{0}, 8191};
    vxd("link add br0 type bridge\nlink add out type null\nlink set out master br0\n"
        "fdb add 02:00:00:00:00:02 dev out master static\nfdb add 02:00:00:00:00:03 dev out master static\n" +
        traffic.once("src") + "\nlink set src master br0\n");
    vxd("stats mac");
    vxd.start_workers();
    for (int i = 0; i < 10'000 && count_of(vxd, "src", "rx") < kFrames; ++i)
        usleep(1000);
    vxd.stop_workers();
    const auto macs = vxd.json("stats mac")["macs"];
    REQUIRE(macs.size() == 2);
    CHECK(macs[0]["mac"] == "02:00:00:00:00:03"); // the one with most comes first
    CHECK(macs[0]["packets"] == kFrames * 3 / 4);
    CHECK(macs[1]["packets"] == kFrames / 4);
    CHECK(macs[1]["bytes"] == kFrames / 4 * 60);
}
