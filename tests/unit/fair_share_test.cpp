// SPDX-License-Identifier: BSD-3-Clause
// One tenant floods, and the others do not notice: what a turn does, what waits for the next, and what becomes of that
// when the configuration changes meanwhile. Turn by turn, between ports made of rings.
#include "tests/unit/rack.h"

using namespace vx;
using namespace vx::test;

TEST_CASE("a broadcast GSO frame to 3000 far VTEPs takes many turns, in each of which the other tenant's frame leaves")
{
    constexpr std::size_t kFar = 3000;
    constexpr std::size_t kSegments = 5;
    Rack rack{kFar};
    const std::uint32_t free = rack.free_buffers();
    REQUIRE(rack.m1().give(tcp_mbuf(kSegments, 400, true)));
    std::size_t copies = 0;
    std::size_t local = 0;
    std::size_t turns = 0;
    for (; copies < kFar * kSegments && turns < 1000; ++turns) {
        rack.victim_sends();
        const Rack::Turn seen = rack.turn();
        CHECK(seen.left + seen.local <= kMostInTurn);
        CHECK(seen.by_vni.at(200) == 1);
        copies += seen.by_vni.contains(100) ? seen.by_vni.at(100) : 0;
        local += seen.local;
    }
    local += rack.settle().local;
    CHECK(turns > kFar * kSegments / kMostInTurn);
    CHECK(copies == kFar * kSegments);
    CHECK(local == kSegments);
    CHECK(rack.drops().empty());
    CHECK(rack.free_buffers() == free);
}

TEST_CASE("a flooded frame that stands for millions of copies is dropped by name, and the bridge's ports get it")
{
    Rack rack{3000};
    REQUIRE(rack.m1().give(tcp_mbuf(1800, 36, true)));
    const Rack::Turn seen = rack.settle();
    CHECK(seen.left == 0);
    CHECK(seen.local == 1800);
    CHECK(rack.drops() == Drops{{"flood_limit", 1}});
}

TEST_CASE("a burst of frames that are cut into thousands of segments takes many turns, and loses none")
{
    Rack rack{1};
    for (int i = 0; i < 32; ++i)
        REQUIRE(rack.m1().give(tcp_mbuf(1000, 36, false)));
    std::size_t segments = 0;
    std::size_t others = 0;
    for (std::size_t turns = 1; turns <= 40; ++turns) {
        rack.victim_sends();
        const Rack::Turn seen = rack.turn();
        CHECK(seen.left <= kMostInTurn);
        others += seen.by_vni.contains(200) ? seen.by_vni.at(200) : 0;
        CHECK(others >= turns - 1); // what so large a burst leaves no room for is the first in the next
        segments += seen.by_vni.contains(100) ? seen.by_vni.at(100) : 0;
    }
    const Rack::Turn rest = rack.settle();
    CHECK(others + (rest.by_vni.contains(200) ? rest.by_vni.at(200) : 0) == 40);
    CHECK(segments + (rest.by_vni.contains(100) ? rest.by_vni.at(100) : 0) == 32'000);
    CHECK(rack.drops().empty());
}

TEST_CASE("a frame behind one that is cut, in the same burst, does not overtake it")
{
    Rack rack{1};
    REQUIRE(rack.m1().give(tcp_mbuf(1000, 36, false)));
    Frame frame = from_to(1, 0x63);
    frame.back() = 0xe1;
    REQUIRE(rack.m1().give(mbuf_of(frame)));
    std::vector<std::uint8_t> last_bytes;
    for (Rack::Turn next = rack.turn(); next.worked; next = rack.turn())
        last_bytes.insert(last_bytes.end(), next.last_bytes.begin(), next.last_bytes.end());
    CHECK(last_bytes.size() == 1000 + 1);
    CHECK(last_bytes.back() == 0xe1);
    CHECK(rack.drops().empty());
}

TEST_CASE("a storm of one port waits for itself, and floods of two ports share what there is")
{
    constexpr std::size_t kFar = 1000;
    Rack rack{kFar};
    for (int i = 0; i < 60; ++i) {
        rack.flood(rack.m1(), 1);
        if (i < 10)
            rack.flood(rack.m2(), 2);
    }
    std::map<std::uint8_t, std::size_t> by_source;
    for (int turns = 0; turns < 10; ++turns) {
        const Rack::Turn seen = rack.turn();
        CHECK(seen.left + seen.local <= kMostInTurn);
        for (const auto& [source, count] : seen.by_source)
            by_source[source] += count;
    }
    CHECK(by_source[1] + by_source[2] >= 10 * std::size_t{kBacklogWork});
    CHECK(by_source[2] > by_source[1] * 2 / 3);
    const Rack::Turn rest = rack.settle();
    CHECK(by_source[1] + by_source[2] + rest.left == 70 * kFar);
    CHECK(rack.drops().empty());
}

TEST_CASE("a change elsewhere does not end a flood that is under way")
{
    constexpr std::size_t kFar = 3000;
    Rack rack{kFar};
    rack.flood(rack.m1(), 1);
    std::size_t copies = rack.turn().left;
    rack.vxd()("link add br7 type bridge\nneigh replace 192.0.2.2 lladdr 02:00:00:00:01:03 dev uplink\n"
               "fdb append 00:00:00:00:00:00 dev vx200 dst 192.0.2.2\n");
    CHECK(copies < kFar);
    copies += rack.settle().by_vni[100];
    CHECK(copies == kFar);
    CHECK(rack.drops().empty());
}

TEST_CASE("a change to the underlay that leaves a list as it is does not end a flood that is under way")
{
    constexpr std::size_t kFar = 3000;
    const std::string change =
        GENERATE(as<std::string>{}, "addr add 192.0.2.77/24 dev uplink", "addr add 10.0.0.1/24 dev br1",
                 "route add 203.0.113.0/24 via 192.0.2.2 dev uplink", "link set m2 mtu 1400",
                 "link set br1 address 02:00:00:00:00:77", "link del v1");
    CAPTURE(change);
    Rack rack{kFar};
    rack.flood(rack.m1(), 1);
    std::size_t copies = rack.turn().left;
    CHECK(copies < kFar);
    rack.vxd()(change);
    const Rack::Turn rest = rack.settle();
    CHECK(copies + rest.by_vni.at(100) == kFar);
    CHECK(rest.local == 1);
    CHECK(rack.drops().empty());
}

TEST_CASE("a flood ends by name when its list, its bridge or its port is changed")
{
    const std::string change =
        GENERATE(as<std::string>{}, "fdb append 00:00:00:00:00:00 dev vx100 dst 198.18.99.1", "link set vx100 down",
                 "link set br0 down", "link del m1", "link del vx100", "link del br0");
    CAPTURE(change);
    Rack rack{3000};
    const std::uint32_t free = rack.free_buffers();
    rack.flood(rack.m1(), 1);
    CHECK(rack.turn().by_vni[100] > 0);
    rack.vxd()(change);
    const Rack::Turn rest = rack.settle();
    CHECK(rest.by_vni.empty());
    CHECK(rest.local == 0);
    CHECK(rack.drops()["no_destination"] == (change == "link del m1" ? 0 : 1)); // whose counters went with it
    CHECK(rack.free_buffers() == free);
}

TEST_CASE("a frame that waits never gets into the network that has its network's numbers now")
{
    Rack rack{3000};
    REQUIRE(rack.m1().give(tcp_mbuf(1000, 36, false))); // cut for the tunnel
    REQUIRE(rack.m2().give(tcp_mbuf(5, 400, true)));    // flooded
    rack.turn();
    rack.vxd()("link del m1\nlink del m2\nlink del vx100\nlink del br0");
    std::string script = "link add bra type bridge\nlink add vx300 type vxlan id 300 local 192.0.2.1\n"
                         "link set vx300 master bra\nlink add p1 type null\nlink set p1 master bra\n"
                         "link add p2 type null\nlink set p2 master bra\n";
    for (int i = 2; i < 250; ++i)
        script += fmt::format("fdb append 00:00:00:00:00:00 dev vx300 dst 198.18.7.{}\n", i);
    rack.vxd()(script);
    const Rack::Turn rest = rack.settle();
    CHECK_FALSE(rest.by_vni.contains(300));
    for (const char* port : {"p1", "p2"})
        CHECK(rack.vxd().json(fmt::format("stats show dev {}", port))["links"][0]["tx"]["packets"] == 0);
}

TEST_CASE("what waits when a data plane ends is freed")
{
    Rack rack{3000};
    REQUIRE(rack.m1().give(tcp_mbuf(5, 400, true)));
    REQUIRE(rack.m2().give(tcp_mbuf(1000, 36, false)));
    rack.turn();
}

TEST_CASE("hundreds of ports that send without end do not make a turn long, and each has its share")
{
    constexpr int kPorts = 24;
    const PcapFile traffic{{from_to(1, 2), from_to(3, 2)}};
    Daemon vxd{{0}, 16383};
    std::string script = "link add br0 type bridge\nlink add out type null\nlink set out master br0\n"
                         "fdb add 02:00:00:00:00:02 dev out master static\n";
    for (int i = 0; i < kPorts; ++i)
        script += traffic.port(fmt::format("s{}", i)) + fmt::format("link set s{} master br0\n", i);
    vxd(script);
    const auto received = [&](int port) {
        return vxd.json(fmt::format("stats show dev s{}", port))["links"][0]["rx"]["packets"].get<std::uint64_t>();
    };
    std::uint64_t before = vxd.json("stats")["workers"][0]["packets"];
    for (int turns = 0; turns < 70; ++turns) {
        vxd.dataplane().run_once();
        const std::uint64_t now = vxd.json("stats")["workers"][0]["packets"];
        CHECK(now - before <= kMostInTurn);
        before = now;
    }
    std::uint64_t least = UINT64_MAX;
    std::uint64_t most = 0;
    for (int i = 0; i < kPorts; ++i) {
        least = std::min(least, received(i));
        most = std::max(most, received(i));
    }
    CHECK(least > 0);
    CHECK(most - least <= 128);
}
