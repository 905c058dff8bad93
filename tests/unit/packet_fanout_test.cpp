// SPDX-License-Identifier: BSD-3-Clause
// The queues of an af_packet port of the underlay: which frame goes to which, and what a storm in one is to the others.
#include "dataplane/port/kernel/packet_fanout.h"
#include "dataplane/port/kernel/underlay_filter.h"
#include "tests/support/kernel_bpf.h"
#include "tests/support/ports.h"
#include "tests/support/tcp_frames.h"

#include <catch2/catch.hpp>

#include <linux/sock_diag.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <set>

using namespace vx;
using namespace vx::test;

namespace
{

constexpr std::uint16_t kPort = 4789;
constexpr std::size_t kRing = 2048; // slots

// VXLAN in front of `inner` bytes of no matter what.
Frame vxlan(std::uint32_t vni, bool is_v4 = true, std::size_t inner = 100, const std::vector<std::uint8_t>& extra = {})
{
    FlowShape shape;
    shape.is_v4 = is_v4;
    shape.is_udp = true;
    shape.ip_extra = is_v4 ? extra : std::vector<std::uint8_t>{};
    Frame payload{8,
                  0,
                  0,
                  0,
                  static_cast<std::uint8_t>(vni >> 16),
                  static_cast<std::uint8_t>(vni >> 8),
                  static_cast<std::uint8_t>(vni),
                  0x5a};
    payload.resize(8 + inner);
    Frame frame = frame_of(shape, payload);
    frame[shape.l4() + 2] = kPort >> 8;
    frame[shape.l4() + 3] = kPort & 0xff;
    return frame;
}

Frame fragment(Frame frame, std::uint16_t offset_and_flags)
{
    frame[20] = static_cast<std::uint8_t>(offset_and_flags >> 8);
    frame[21] = static_cast<std::uint8_t>(offset_and_flags);
    return frame;
}

Frame arp()
{
    Frame frame(60);
    std::fill_n(frame.begin(), 6, std::uint8_t{0xff});
    frame[6] = 0x02;
    frame[12] = 0x08;
    frame[13] = 0x06;
    return frame;
}

Frame experimental()
{
    Frame frame = arp();
    frame[12] = 0x88;
    frame[13] = 0xb5;
    return frame;
}

// By libpcap's interpreter.
std::uint32_t queue_of(const Frame& frame)
{
    static const std::vector<sock_filter> program = PacketFanout::program(std::array<std::uint16_t, 2>{8472, kPort});
    const auto protocol = static_cast<std::uint32_t>(frame[12] << 8 | frame[13]);
    return run_bpf(program, std::span{frame}.subspan(14), {.protocol = protocol});
}

ServedTraffic served_by(std::uint32_t more_addresses = 0, std::uint32_t first = 0x0a000000)
{
    ServedTraffic served{{}, {8472, kPort}};
    served.addresses.push_back(IpAddress::v4_from_wire(vxlan(1).data() + 30));
    served.addresses.push_back(IpAddress::v6_from_wire(vxlan(1, false).data() + 38));
    for (std::uint32_t i = 0; i < more_addresses; ++i)
        served.addresses.push_back(IpAddress::v4(first + i));
    return served;
}

// An uplink, and what is at its other end, in the calling thread's namespace.
struct Uplink {
    Uplink()
    {
        run("ip link add va type veth peer name vb && ip link set va up && ip link set vb up");
        far = open({"af_packet", {{"dev", "va"}}, "far"});
        port = open({"af_packet", {{"dev", "vb"}}, "uplink"});
        far.port->set_use(PortUse::kUnderlay);
        port.port->set_use(PortUse::kUnderlay);
        port.port->serve(served_by());
    }
    void hears(const Frame& frame) const { REQUIRE(send(*far.port, frame)); }
    // What waits in a queue.
    std::vector<Frame> take(std::uint32_t queue) const
    {
        std::vector<Frame> frames;
        std::array<rte_mbuf*, 32> mbufs;
        while (const std::uint16_t count = port.port->rx(static_cast<std::uint16_t>(queue), mbufs))
            for (std::size_t i = 0; i < count; ++i) {
                frames.push_back(frame_of(mbufs[i]));
                rte_pktmbuf_free(mbufs[i]);
            }
        return frames;
    }
    // Whether it comes by that queue, before long.
    bool comes(const Frame& frame, std::uint32_t queue) const
    {
        for (int i = 0; i < 2000; ++i, usleep(1000)) {
            const auto frames = take(queue);
            if (std::find(frames.begin(), frames.end(), frame) != frames.end())
                return true;
        }
        return false;
    }
    // Whether a frame of nothing that is served is received, which comes before an ARP request that is.
    bool receives_all() const
    {
        hears(experimental());
        hears(arp());
        bool is_there = false;
        for (int i = 0; i < 2000; ++i, usleep(1000)) {
            const auto frames = take(0);
            is_there = is_there || std::find(frames.begin(), frames.end(), experimental()) != frames.end();
            if (std::find(frames.begin(), frames.end(), arp()) != frames.end())
                return is_there;
        }
        FAIL("no ARP request");
        return false;
    }
    // Bytes that a queue's socket has taken of net.core.optmem_max.
    std::uint32_t filter_memory(std::uint16_t queue) const
    {
        std::array<std::uint32_t, SK_MEMINFO_VARS> memory{};
        socklen_t size = sizeof(memory);
        REQUIRE(getsockopt(port.port->wake_fd(queue), SOL_SOCKET, SO_MEMINFO, memory.data(), &size) == 0);
        return memory[SK_MEMINFO_OPTMEM];
    }

    OpenedPort far;
    OpenedPort port;
};

// Two VNIs with queues of their own.
std::uint32_t other_than(std::uint32_t vni)
{
    std::uint32_t other = vni + 1;
    while (queue_of(vxlan(other)) == queue_of(vxlan(vni)))
        ++other;
    return other;
}

} // namespace

TEST_CASE("all VXLAN frames of a VNI go to one queue, of some that no other frame goes to")
{
    std::set<std::uint32_t> queues;
    for (std::uint32_t vni = 1; vni < 0xffffff; vni += vni < 500 ? 1 : 65521) {
        const std::uint32_t queue = queue_of(vxlan(vni));
        queues.insert(queue);
        CHECK(queue_of(vxlan(vni, false)) == queue);
        CHECK(queue_of(vxlan(vni, true, 1400, std::vector<std::uint8_t>(8, 1))) == queue);
        Frame other = vxlan(vni);
        other[49] ^= 0xff; // the reserved byte behind the VNI
        CHECK(queue_of(other) == queue);
    }
    CHECK(*queues.begin() == 1);
    CHECK(queues.size() == PacketFanout::kSockets - 1);
    CHECK(queue_of(arp()) == 0);
    CHECK(queue_of(experimental()) == 0);
    for (const bool is_v4 : {true, false}) {
        Frame frame = vxlan(1, is_v4);
        frame[is_v4 ? 37 : 57] ^= 1; // another UDP port
        CHECK(queue_of(frame) == 0);
        FlowShape tcp;
        tcp.is_v4 = is_v4;
        CHECK(queue_of(frame_of(tcp, Frame(100))) == 0);
        frame = vxlan(1, is_v4);
        frame[is_v4 ? 23 : 20] = is_v4 ? 1 : 58; // ICMP, Neighbor Discovery
        CHECK(queue_of(frame) == 0);
        frame = vxlan(1, is_v4);
        frame.resize(is_v4 ? 47 : 67); // without a VNI
        CHECK(queue_of(frame) == 0);
    }
}

TEST_CASE("fragments do not come in the way of ARP and Neighbor Discovery, and those of a sender stay together")
{
    const std::uint32_t queue = queue_of(fragment(vxlan(1), 0x2000));
    CHECK(queue != 0);
    CHECK(queue_of(fragment(vxlan(2), 0x2001)) == queue);
    CHECK(queue_of(fragment(vxlan(3), 0x00b9)) == queue);
    CHECK(queue_of(fragment(vxlan(4), 0x4000)) == queue_of(vxlan(4))); // not to be fragmented
    Frame frame = vxlan(1, false);
    frame[20] = 44;
    CHECK(queue_of(frame) != 0);
}

TEST_CASE("the kernel gives an underlay's frames to the queues that the program says, with a priority tag too")
{
    if (cannot_make_namespaces())
        return;
    packet_pool();
    const PrivateNetns ours;
    {
        const Uplink uplink;
        REQUIRE(uplink.port.port->rx_queue_count() == PacketFanout::kSockets);
        for (const bool is_v4 : {true, false})
            for (std::uint32_t vni = 1; vni < 30; ++vni) {
                CAPTURE(is_v4, vni);
                const Frame frame = vxlan(vni, is_v4);
                uplink.hears(frame);
                CHECK(uplink.comes(frame, queue_of(frame)));
                Frame tagged = frame;
                const std::array<std::uint8_t, 4> tag{0x81, 0x00, 0xe0, 0x00};
                tagged.insert(tagged.begin() + 12, tag.begin(), tag.end());
                uplink.hears(tagged);
                CHECK(uplink.comes(frame, queue_of(frame)));
            }
        uplink.hears(arp());
        CHECK(uplink.comes(arp(), 0));
        const Frame part = fragment(vxlan(1), 0x2000);
        uplink.hears(part);
        CHECK(uplink.comes(part, queue_of(part)));
        for (std::uint32_t queue = 0; queue < PacketFanout::kSockets; ++queue)
            CHECK(uplink.take(queue).empty());
    }
    CHECK(packet_pool().in_use_count() == 0);
}

TEST_CASE("a bundle of VXLAN datagrams, whose VNI lies behind the headers that are named, goes to its VNI's queue")
{
    if (cannot_make_namespaces() || !PacketPort::kernel_has_uso())
        return;
    packet_pool();
    const PrivateNetns ours;
    const Uplink uplink;
    for (std::uint32_t vni = 1; vni < 12; ++vni) {
        CAPTURE(vni);
        std::vector<rte_mbuf*> mbufs(20);
        for (rte_mbuf*& mbuf : mbufs)
            mbuf = mbuf_of(vxlan(vni, true, 1300));
        REQUIRE(uplink.far.port->tx(0, mbufs) == mbufs.size());
        std::size_t count = 0;
        for (int i = 0; i < 2000 && count < mbufs.size(); ++i, usleep(1000))
            count += uplink.take(queue_of(vxlan(vni))).size();
        CHECK(count == mbufs.size());
    }
}

TEST_CASE("a storm of one VNI that nobody receives costs no other VNI a frame, and no ARP")
{
    if (cannot_make_namespaces())
        return;
    packet_pool();
    const PrivateNetns ours;
    const Uplink uplink;
    constexpr std::uint32_t kStorm = 100;
    const std::uint32_t victim = other_than(kStorm);
    for (std::size_t i = 0; i < 2 * kRing; ++i)
        uplink.hears(vxlan(kStorm));
    uplink.hears(vxlan(victim));
    uplink.hears(arp());
    CHECK(uplink.comes(vxlan(victim), queue_of(vxlan(victim))));
    CHECK(uplink.comes(arp(), 0));
    const std::size_t received = uplink.take(queue_of(vxlan(kStorm))).size();
    CHECK(received >= kRing / 2);
    CHECK(received + uplink.port.port->losses().rx_missed == 2 * kRing);
}

TEST_CASE("queues keep their frames after the interface was down")
{
    if (cannot_make_namespaces())
        return;
    packet_pool();
    const PrivateNetns ours;
    const Uplink uplink;
    for (int round = 0; round < 2; ++round) {
        run("ip link set vb down && ip link set vb up && until ip link show va | grep -q 'state UP'; do sleep 0.01; "
            "done");
        for (std::uint32_t vni = 1; vni < 20; ++vni) {
            CAPTURE(round, vni);
            uplink.hears(vxlan(vni));
            CHECK(uplink.comes(vxlan(vni), queue_of(vxlan(vni))));
        }
    }
}

TEST_CASE("an underlay that becomes an overlay receives everything again, and nothing that goes out")
{
    if (cannot_make_namespaces())
        return;
    packet_pool();
    const PrivateNetns ours;
    const Uplink uplink;
    CHECK_FALSE(uplink.receives_all());
    uplink.port.port->set_use(PortUse::kOverlay);
    CHECK(uplink.receives_all());
    REQUIRE(send(*uplink.port.port, experimental()));
    CHECK(uplink.receives_all()); // its own frame is not there beside
    uplink.port.port->set_use(PortUse::kUnderlay);
    uplink.port.port->serve(served_by());
    CHECK_FALSE(uplink.receives_all());
}

TEST_CASE("a filter that net.core.optmem_max does not hold beside the old one takes its place nevertheless, and one "
          "that it does not hold at all lets everything pass until it does")
{
    const char* const kLimit = "/proc/sys/net/core/optmem_max";
    if (cannot_make_namespaces())
        return;
    packet_pool();
    const PrivateNetns ours;
    const auto set_limit = [&](std::uint32_t bytes) { run(fmt::format("echo {} > {}", bytes, kLimit)); };
    if (access(kLimit, W_OK) != 0) {
        WARN("skipped: net.core.optmem_max is of all namespaces here");
        return;
    }
    const Uplink uplink;
    constexpr std::uint32_t kMany = 100;
    const auto arrives = [&](std::uint32_t last_address) {
        Frame frame = frame_of(FlowShape{}, Frame(100));
        for (std::size_t i = 0; i < 4; ++i)
            frame[30 + i] = static_cast<std::uint8_t>(last_address >> (24 - 8 * i));
        uplink.hears(frame);
        return uplink.comes(frame, 0);
    };
    uplink.port.port->serve(served_by(kMany, 0x0a000000));
    const std::uint32_t one = uplink.filter_memory(0);
    REQUIRE(one > 0);
    CHECK(arrives(0x0a000000 + kMany - 1));

    set_limit(one + one / 2);
    uplink.port.port->serve(served_by(kMany, 0x0a010000));
    for (std::uint16_t queue = 0; queue < PacketFanout::kSockets; ++queue)
        CHECK(uplink.filter_memory(queue) == one);
    CHECK(arrives(0x0a010000 + kMany - 1));
    CHECK_FALSE(uplink.receives_all());

    set_limit(one / 2);
    uplink.port.port->serve(served_by(kMany, 0x0a020000));
    CHECK(uplink.filter_memory(0) == 0);
    CHECK(arrives(0x0a020000 + kMany - 1));
    CHECK(uplink.receives_all());

    set_limit(4 * one);
    uplink.port.port->follow_addresses();
    CHECK(uplink.filter_memory(0) == one);
    CHECK(arrives(0x0a020000 + kMany - 1));
    CHECK_FALSE(uplink.receives_all());
}
