// SPDX-License-Identifier: BSD-3-Clause
// One tenant floods, and the others do not notice: what a turn does, what waits for the next, and what becomes of that
// when the configuration changes meanwhile. Turn by turn, between ports made of rings.
#include "dataplane/transmitter.h"
#include "tests/support/ring_port.h"
#include "tests/support/tcp_frames.h"
#include "tests/unit/daemon_lab.h"
#include "tests/unit/replay.h"

#include <map>

using namespace vx;
using namespace vx::test;

namespace
{

constexpr std::size_t kMostInTurn = kTurnWork + kQueueWork; // frames that leave

// The first six bytes: to everybody.
Frame broadcast(Frame frame)
{
    std::fill_n(frame.begin(), 6, 0xff);
    return frame;
}

rte_mbuf* tcp_mbuf(std::size_t segments, std::size_t size, bool is_broadcast)
{
    const FlowShape shape;
    Frame frame = frame_of(shape, Frame(segments * size, 7), Checksum::kPartial);
    if (is_broadcast)
        frame = broadcast(frame);
    rte_mbuf* const mbuf = mbuf_of(frame);
    mark_partial_checksum(mbuf);
    note_of(mbuf) = gso_note(shape, size);
    return mbuf;
}

std::unique_ptr<RingPort> ring(const std::string& name, unsigned tx_count = 4096)
{
    (void)eal();
    auto made = RingPort::create(name, tx_count);
    REQUIRE(made.has_value());
    return std::move(*made);
}

// Two tenants on one uplink: VNI 100 of a container that floods, and another one beside it, to many far VTEPs; VNI 200
// of its victim, with one far host.
class Rack
{
public:
    explicit Rack(std::size_t far_count, unsigned uplink_room = 4096) : uplink_(ring("uplink", uplink_room))
    {
        vxd_("link add uplink type vdev args net_ring_uplink\n"
             "addr add 192.0.2.1/24 dev uplink\n"
             "neigh add 192.0.2.2 lladdr 02:00:00:00:01:02 dev uplink\n"
             "route add 198.18.0.0/16 via 192.0.2.2 dev uplink\n"
             "link add br0 type bridge\nlink add br1 type bridge\n"
             "link add vx100 type vxlan id 100 local 192.0.2.1\nlink set vx100 master br0\n"
             "link add vx200 type vxlan id 200 local 192.0.2.1\nlink set vx200 master br1\n"
             "link add m1 type vdev args net_ring_m1\nlink set m1 master br0\n"
             "link add m2 type vdev args net_ring_m2\nlink set m2 master br0\n"
             "link add v1 type vdev args net_ring_v1\nlink set v1 master br1\n"
             "fdb append 02:00:00:00:00:02 dev vx200 dst 192.0.2.2\n"
             "fdb append 02:00:00:00:00:63 dev vx100 dst 192.0.2.2\n");
        vxd_(far_hosts(far_count));
        settle();
    }

    static std::string far_hosts(std::size_t count)
    {
        std::string script;
        for (std::size_t i = 0; i < count; ++i)
            script += fmt::format("fdb append 00:00:00:00:00:00 dev vx100 dst 198.18.{}.{}\n", i >> 8, i & 255);
        return script;
    }

    Daemon& vxd() { return vxd_; }
    RingPort& m1() { return *m1_; }
    RingPort& m2() { return *m2_; }
    void victim_sends() { REQUIRE(v1_->give(mbuf_of(from_to(1, 2)))); }
    void flood(RingPort& port, std::uint8_t number) { REQUIRE(port.give(mbuf_of(broadcast(from_to(number, 0))))); }

    struct Turn {
        bool worked = false;
        std::map<std::uint32_t, std::size_t> by_vni;
        std::map<std::uint8_t, std::size_t> by_source; // of VNI 100, the last byte of the inner MAC
        std::size_t left = 0;                          // by the uplink
        std::size_t local = 0;                         // by m1 and m2
    };
    Turn turn()
    {
        Turn seen;
        seen.worked = vxd_.dataplane().run_once();
        while (rte_mbuf* const mbuf = uplink_->take()) {
            const Frame frame = frame_of(mbuf);
            rte_pktmbuf_free(mbuf);
            constexpr std::size_t kOuter = 50;
            constexpr std::size_t kVni = 46;
            if (frame.size() <= kOuter + 14)
                continue; // ARP
            ++seen.left;
            const std::uint32_t vni =
                (std::uint32_t{frame[kVni]} << 16) | (std::uint32_t{frame[kVni + 1]} << 8) | frame[kVni + 2];
            ++seen.by_vni[vni];
            if (vni == 100)
                ++seen.by_source[frame[kOuter + 11]];
        }
        for (RingPort* const port : {m1_.get(), m2_.get()})
            while (rte_mbuf* const mbuf = port->take()) {
                rte_pktmbuf_free(mbuf);
                ++seen.local;
            }
        return seen;
    }
    // All turns until there is nothing left to do, together.
    Turn settle()
    {
        Turn sum;
        for (Turn next = turn(); next.worked; next = turn()) {
            CHECK(next.left + next.local <= kMostInTurn);
            for (const auto& [vni, count] : next.by_vni)
                sum.by_vni[vni] += count;
            sum.left += next.left;
            sum.local += next.local;
        }
        return sum;
    }

    std::map<std::string, std::uint64_t> drops()
    {
        std::map<std::string, std::uint64_t> found;
        const auto stats = vxd_.json("stats show");
        for (const auto& [reason, count] : stats["drops"].items())
            found[reason] = count.get<std::uint64_t>();
        return found;
    }
    std::uint32_t free_buffers() { return vxd_.dataplane().buffers().free; }

private:
    std::unique_ptr<RingPort> uplink_;
    std::unique_ptr<RingPort> m1_ = ring("m1");
    std::unique_ptr<RingPort> m2_ = ring("m2");
    std::unique_ptr<RingPort> v1_ = ring("v1");
    Daemon vxd_{{0}, 16383}; // ends first
};

using Drops = std::map<std::string, std::uint64_t>;

} // namespace

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

TEST_CASE("an uplink that is full loses copies by name, and no other tenant's frame")
{
    constexpr std::size_t kFar = 3000;
    Rack rack{kFar, 40};
    rack.flood(rack.m1(), 1);
    std::size_t copies = 0;
    for (int turns = 0; turns < 300; ++turns) {
        rack.victim_sends();
        const Rack::Turn seen = rack.turn();
        CHECK(seen.by_vni.at(200) == 1);
        copies += seen.left - 1;
    }
    CHECK(rack.drops()["tx_full"] + copies == kFar);
    CHECK(rack.drops()["tx_full"] < kFar / 2);
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

TEST_CASE("a quarter of the places is for devices of which nothing waits yet, and a device has no more than a burst")
{
    constexpr std::size_t kPlenty = 100'000;
    Backlog backlog{kPlenty};
    const auto job = [](std::uint16_t device) {
        Job made;
        made.device = LinkId{device};
        made.packet.mbuf = mbuf_of(from_to(1, 2));
        return made;
    };
    const auto add = [&](std::uint16_t device) {
        Job made = job(device);
        const bool is_added = backlog.add(made);
        if (!is_added)
            made.free();
        return is_added;
    };
    for (std::size_t i = 0; i < kBurst; ++i)
        CHECK(add(1));
    CHECK_FALSE(add(1));
    std::uint16_t device = 2;
    for (; add(device) && add(device); ++device) {
    }
    std::size_t late = 0;
    for (std::uint16_t next = 1000; add(next); ++next) {
        CHECK_FALSE(add(next));
        ++late;
    }
    CHECK(late > 100);
    // They take turns; what is done makes room.
    REQUIRE(backlog.front().device == LinkId{1});
    backlog.rotate();
    CHECK(backlog.front().device == LinkId{2});
    backlog.front().free();
    backlog.pop();
    CHECK(backlog.front().device == LinkId{3});
    CHECK(backlog.has(LinkId{2}));
    CHECK(add(3000));
    CHECK_FALSE(add(3001));
}
