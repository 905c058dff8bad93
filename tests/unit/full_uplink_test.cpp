// SPDX-License-Identifier: BSD-3-Clause
// An uplink that takes less than containers send: who sends too much waits, in order, and nobody else loses a frame.
#include "tests/unit/rack.h"

#include <chrono>

using namespace vx;
using namespace vx::test;

namespace
{

constexpr unsigned kUplinkRoom = 40; // frames that it takes in a turn

// To a far host, by VNI 100.
void send(RingPort& port, std::uint8_t source, std::size_t count)
{
    for (std::size_t i = 0; i < count; ++i)
        REQUIRE(port.give(mbuf_of(from_to(source, 0x63))));
}

// To 192.0.2.1 by VNI 200, from its far VTEP to br1's MAC, for 10.1.0.9.
Frame routed_frame(const Mac& uplink)
{
    Frame frame = {0,    0,    0,    0,    0,    0,    2,    0,    0,    0, 1,    2, 8,    0,    0x45, 0, 0,    0x5a,
                   0,    0,    0,    0,    0x40, 0x11, 0xf6, 0x8f, 0xc0, 0, 2,    2, 0xc0, 0,    2,    1, 0xc0, 0,
                   0x12, 0xb5, 0,    0x46, 0,    0,    8,    0,    0,    0, 0,    0, 0xc8, 0,    2,    0, 0,    0,
                   0,    0xfe, 2,    0,    0,    0,    0,    2,    8,    0, 0x45, 0, 0,    0x28, 0,    0, 0,    0,
                   0x40, 0xfd, 0x65, 0xc5, 0x0a, 2,    0,    9,    0x0a, 1, 0,    9, 7,    7,    7,    7, 7,    7,
                   7,    7,    7,    7,    7,    7,    7,    7,    7,    7, 7,    7, 7,    7};
    std::copy(uplink.bytes().begin(), uplink.bytes().end(), frame.begin());
    return frame;
}

} // namespace

TEST_CASE("a container that sends more than the uplink takes waits for itself, and loses nothing")
{
    constexpr std::size_t kFrames = 240;
    Rack rack{1, kUplinkRoom};
    const std::uint32_t free = rack.free_buffers();
    send(rack.m1(), 1, kFrames);
    std::size_t sent = 0;
    std::size_t victims = 0;
    for (std::size_t turns = 0; turns < 10; ++turns) {
        rack.victim_sends();
        const Rack::Turn seen = rack.turn();
        CHECK(seen.left <= kUplinkRoom);
        victims += seen.victims;
        CHECK(victims >= turns); // a turn later at most
        sent += seen.left - seen.victims;
    }
    CHECK(sent < kFrames + 10);
    CHECK(sent + rack.settle().by_vni[100] == kFrames);
    CHECK(rack.drops().empty());
    CHECK(rack.free_buffers() == free);
}

TEST_CASE("two containers that send more than the uplink takes have the same share of it")
{
    Rack rack{1, kUplinkRoom};
    std::map<std::uint8_t, std::size_t> by_source;
    std::size_t victims = 0;
    constexpr int kTurns = 100;
    for (int turns = 0; turns < kTurns; ++turns) {
        send(rack.m1(), 1, rack.m1().room());
        send(rack.m2(), 2, turns < 5 ? 32 : 16);
        rack.victim_sends();
        const Rack::Turn seen = rack.turn();
        for (const auto& [source, count] : seen.by_source)
            by_source[source] += count;
        victims += seen.victims;
    }
    CHECK(victims >= kTurns - 2);
    CHECK(by_source[2] >= kTurns * 15);
    CHECK(by_source[1] >= kTurns * 20);
}

TEST_CASE("what waits for a full uplink leaves in the order in which it came")
{
    constexpr std::uint8_t kFrames = 200;
    Rack rack{1, kUplinkRoom};
    for (std::uint8_t i = 0; i < kFrames; ++i) {
        Frame frame = from_to(1, 0x63);
        frame.back() = i;
        REQUIRE(rack.m1().give(mbuf_of(frame)));
    }
    std::vector<std::uint8_t> last_bytes;
    for (Rack::Turn next = rack.turn(); next.worked; next = rack.turn())
        last_bytes.insert(last_bytes.end(), next.last_bytes.begin(), next.last_bytes.end());
    CHECK(last_bytes.size() == kFrames);
    CHECK(std::is_sorted(last_bytes.begin(), last_bytes.end()));
}

TEST_CASE("a flood waits for a full uplink, and loses no copy")
{
    constexpr std::size_t kFar = 3000;
    Rack rack{kFar, kUplinkRoom};
    rack.flood(rack.m1(), 1);
    std::size_t copies = 0;
    std::size_t victims = 0;
    for (std::size_t turns = 0; turns < 30; ++turns) {
        rack.victim_sends();
        const Rack::Turn seen = rack.turn();
        victims += seen.victims;
        CHECK(victims >= turns); // a turn later at most
        copies += seen.left - seen.victims;
    }
    CHECK(copies < kFar);
    CHECK(copies + rack.settle().by_vni[100] == kFar);
    CHECK(rack.drops().empty());
}

TEST_CASE("a large frame waits for a full uplink, and loses no segment")
{
    Rack rack{1, kUplinkRoom};
    const std::uint32_t free = rack.free_buffers();
    for (int i = 0; i < 8; ++i)
        REQUIRE(rack.m1().give(tcp_mbuf(900, 36, false))); // more than may wait of a device
    CHECK(rack.settle().by_vni[100] == 7200);
    CHECK(rack.drops().empty());
    CHECK(rack.free_buffers() == free);
}

TEST_CASE("frames of several containers that one full uplink refuses together leave in each one's order")
{
    Rack rack{1, kUplinkRoom};
    std::map<std::uint8_t, std::vector<std::uint8_t>> sent;
    std::map<std::uint8_t, std::vector<std::uint8_t>> left;
    for (std::uint8_t turn = 0; turn < 40; ++turn) {
        for (const std::uint8_t source : {std::uint8_t{1}, std::uint8_t{2}})
            for (std::uint8_t i = 0; i < (turn % 3 == 0 ? 29 : 3); ++i) {
                Frame frame = from_to(source, 0x63);
                frame.back() = static_cast<std::uint8_t>(sent[source].size());
                sent[source].push_back(frame.back());
                REQUIRE((source == 1 ? rack.m1() : rack.m2()).give(mbuf_of(frame)));
            }
        for (const auto& [source, last_bytes] : rack.turn().last_bytes_by_source)
            left[source].insert(left[source].end(), last_bytes.begin(), last_bytes.end());
    }
    for (Rack::Turn next = rack.turn(); next.worked; next = rack.turn())
        for (const auto& [source, last_bytes] : next.last_bytes_by_source)
            left[source].insert(left[source].end(), last_bytes.begin(), last_bytes.end());
    CHECK(left == sent);
    CHECK(rack.drops().empty());
}

TEST_CASE("a frame that an uplink can never take is lost by name, and nobody waits for it")
{
    Rack rack{1};
    rack.vxd()("link set vx100 mtu 1500"); // more than the uplink has room for
    const auto large = [](std::size_t size) {
        Frame frame = from_to(1, 0x63);
        frame.resize(size);
        return mbuf_of(frame);
    };
    REQUIRE(rack.m1().give(large(1464)));
    REQUIRE(rack.m1().give(large(1465))); // would be 1515 bytes, which a frame without a tag must not be
    CHECK(rack.settle().by_vni[100] == 1);
    CHECK(rack.drops() == Drops{{"frame_too_big", 1}});
}

TEST_CASE("what came by a tunnel and meets a full uplink does not wait, and no container waits for it")
{
    Rack rack{1, kUplinkRoom};
    rack.vxd()("addr add 10.1.0.1/24 dev br0\naddr add 10.2.0.1/24 dev br1\n"
               "neigh add 10.1.0.9 lladdr 02:00:00:00:00:63 dev br0\nlink set br1 address 02:00:00:00:00:fe\n");
    rack.settle();
    const auto uplink = rack.vxd().json("link show dev uplink")[0]["address"].get<std::string>();
    const Frame routed = routed_frame(*Mac::parse(uplink));
    for (int i = 0; i < 128; ++i)
        REQUIRE(rack.uplink().give(mbuf_of(routed)));
    send(rack.m1(), 1, 1);
    std::size_t from_m1 = 0;
    std::size_t all = 0;
    for (int turns = 0; turns < 3; ++turns) {
        const Rack::Turn seen = rack.turn();
        all += seen.left;
        from_m1 += seen.by_source.contains(1) ? seen.by_source.at(1) : 0;
    }
    CHECK(from_m1 == 1);
    CHECK(all + rack.settle().left + rack.drops()["tx_full"] == 129);
    CHECK(rack.drops()["tx_full"] > 0);
}

TEST_CASE("an uplink that takes nothing more keeps no container from its neighbour, and loses by name")
{
    Rack rack{1, kUplinkRoom};
    rack.stop_uplink();
    send(rack.m1(), 1, 200);
    for (std::size_t turns = 0; turns < 10; ++turns)
        rack.turn();
    CHECK(rack.drops().empty());
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds{150}; // longer than any patience
    while (std::chrono::steady_clock::now() < end)
        rack.turn();
    CHECK(rack.drops() == Drops{{"tx_full", 200 - kUplinkRoom}});
    send(rack.m1(), 1, 32); // while it is stuck, they are lost at once
    rack.turn();
    CHECK(rack.drops() == Drops{{"tx_full", 232 - kUplinkRoom}});
    for (int i = 0; i < 32; ++i)
        rack.flood(rack.m1(), 1);
    CHECK(rack.turn().local == 32);
    rack.start_uplink();
    rack.turn(); // takes what the ring holds
    const auto lost = rack.drops()["tx_full"];
    send(rack.m1(), 1, 200);
    CHECK(rack.settle().by_vni[100] == 200);
    CHECK(rack.drops()["tx_full"] == lost);
}

TEST_CASE("a capture sees a frame that waits for a full uplink once")
{
    constexpr std::size_t kFrames = 200;
    Rack rack{1, kUplinkRoom};
    CaptureSpec spec;
    spec.point = CapturePoint::kPort;
    spec.direction = Direction::kOut;
    const auto capture = rack.vxd().dataplane().start_capture(std::move(spec)).value();
    rack.stop_uplink(); // so that it is offered again and again
    send(rack.m1(), 1, kFrames);
    for (int turns = 0; turns < 20; ++turns)
        rack.turn();
    rack.start_uplink();
    CHECK(rack.settle().by_vni[100] == kFrames);
    CHECK(capture->taken() == kFrames);
    rack.vxd().dataplane().stop_capture(*capture);
}

TEST_CASE("what waits for an uplink that is removed ends by name")
{
    Rack rack{1, kUplinkRoom};
    const std::uint32_t free = rack.free_buffers();
    send(rack.m1(), 1, 200);
    const std::size_t sent = rack.turn().by_vni[100];
    CHECK(sent == kUplinkRoom);
    rack.vxd()("link del uplink");
    rack.settle();
    CHECK(rack.drops()["link_down"] > 0);
    CHECK(rack.free_buffers() == free);
}

TEST_CASE("what waits for a full uplink when a data plane ends is freed")
{
    Rack rack{1, kUplinkRoom};
    send(rack.m1(), 1, 200);
    rack.turn();
}
