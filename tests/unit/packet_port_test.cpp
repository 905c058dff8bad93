// SPDX-License-Identifier: BSD-3-Clause
// What an af_packet port and the kernel tell each other of checksums, large frames, VLAN tags and bundles of datagrams.
// The ports themselves: ports_test.cpp.
#include "dataplane/net/checksum.h"
#include "dataplane/port/kernel/packet_batch.h"
#include "tests/support/ports.h"
#include "tests/support/tcp_frames.h"

#include <catch2/catch.hpp>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <random>

using namespace vx;
using namespace vx::test;

namespace
{

std::size_t below(std::mt19937_64& random, std::size_t limit)
{
    return static_cast<std::size_t>(random() % limit);
}

// Two ends in the calling thread's namespace, up, and silent.
struct Wire {
    Wire() { run("ip link add va type veth peer name vb && ip link set va up && ip link set vb up"); }
};
struct Veth : Wire {
    OpenedPort near = open({"af_packet", {{"dev", "va"}}, "near"});
    OpenedPort far = open({"af_packet", {{"dev", "vb"}}, "far"});
    void are(PortUse use) const
    {
        near.port->set_use(use);
        far.port->set_use(use);
    }
};

bool is_ours(const Frame& frame) // and not what the kernel says on its own
{
    return frame.size() > 40 && frame[0] == 0x02 && frame[5] == 0x63;
}

// All that comes within a moment.
std::vector<Frame> receive_all(Port& port, std::size_t expected)
{
    std::vector<Frame> frames;
    for (int idle = 0; idle < (frames.size() < expected ? 1000 : 20);) {
        std::array<rte_mbuf*, 7> mbufs; // fewer than a bundle holds
        const std::uint16_t count = port.rx(0, mbufs);
        for (std::size_t i = 0; i < count; ++i) {
            const Frame frame = frame_of(mbufs[i]);
            if (is_ours(frame))
                frames.push_back(frame);
            rte_pktmbuf_free(mbufs[i]);
        }
        idle = count == 0 ? idle + 1 : 0;
        if (count == 0)
            usleep(1000);
    }
    return frames;
}

// The same but for what a bundle changes: IPv4's ID and checksum, and the UDP checksum. Whether these are right.
bool is_same_datagram(const Frame& got, const Frame& sent)
{
    if (got.size() != sent.size())
        return false;
    Frame one = got;
    Frame other = sent;
    const bool is_v4 = got[12] == 0x08;
    const std::size_t l4 = is_v4 ? 34 : 54;
    for (Frame* const frame : {&one, &other}) {
        if (is_v4)
            for (const std::size_t at : {18, 19, 24, 25})
                (*frame)[at] = 0;
        (*frame)[l4 + 6] = (*frame)[l4 + 7] = 0;
    }
    return one == other;
}

bool has_right_checksums(const Frame& frame)
{
    const auto* ip = frame.data() + 14;
    if (frame[12] == 0x08) {
        const auto& v4 = *reinterpret_cast<const Ipv4Header*>(ip);
        const std::uint64_t pseudo =
            pseudo_sum_v4(v4, ip_protocol::kUdp, static_cast<std::uint32_t>(frame.size() - 34));
        const bool has_none = frame[40] == 0 && frame[41] == 0;
        return ipv4_checksum_is_right(v4) &&
               (has_none || checksum_is_right(checksum_add(pseudo, frame.data() + 34, frame.size() - 34)));
    }
    const auto& v6 = *reinterpret_cast<const Ipv6Header*>(ip);
    const std::uint64_t pseudo = pseudo_sum_v6(v6, ip_protocol::kUdp, static_cast<std::uint32_t>(frame.size() - 54));
    return checksum_is_right(checksum_add(pseudo, frame.data() + 54, frame.size() - 54));
}

std::vector<rte_mbuf*> mbufs_of(const std::vector<Frame>& frames)
{
    std::vector<rte_mbuf*> mbufs;
    for (const Frame& frame : frames)
        mbufs.push_back(mbuf_of(frame));
    return mbufs;
}

// A frame that stands for segments of 1400 bytes.
rte_mbuf* uncut(const FlowShape& shape, const Frame& payload, std::mt19937_64& random)
{
    rte_mbuf* const mbuf = chain_of(frame_of(shape, payload, Checksum::kPartial), shape.headers_size(), random);
    mark_partial_checksum(mbuf);
    note_of(mbuf) = gso_note(shape, 1400);
    return mbuf;
}

std::vector<Frame> datagrams(bool is_v4, const std::vector<std::size_t>& payloads)
{
    std::mt19937_64 random(1);
    FlowShape shape;
    shape.is_v4 = is_v4;
    shape.is_udp = true;
    std::vector<Frame> frames;
    for (const std::size_t size : payloads)
        frames.push_back(frame_of(shape, random_payload(random, size)));
    return frames;
}

// How many messages become of frames.
std::size_t message_count(const std::vector<Frame>& frames, std::size_t max_frame = 1514)
{
    const auto mbufs = mbufs_of(frames);
    PacketBatch batch{max_frame};
    batch.fill(mbufs);
    const std::size_t count = batch.messages().size();
    CHECK(batch.frames_before(count) == frames.size());
    for (rte_mbuf* const mbuf : mbufs)
        rte_pktmbuf_free(mbuf);
    return count;
}

} // namespace

TEST_CASE("datagrams of one flow and one size, but for the last, are one message")
{
    packet_pool();
    for (const bool is_v4 : {true, false}) {
        CAPTURE(is_v4);
        CHECK(message_count(datagrams(is_v4, {100})) == 1);
        CHECK(message_count(datagrams(is_v4, {100, 100, 100})) == 1);
        CHECK(message_count(datagrams(is_v4, {100, 100, 60})) == 1);
        CHECK(message_count(datagrams(is_v4, {100, 100, 60, 60})) == 2);
        CHECK(message_count(datagrams(is_v4, {100, 101, 100})) == 2);
        CHECK(message_count(datagrams(is_v4, {100, 100, 100}), 0) == 3);
        CHECK(message_count(datagrams(is_v4, {1000, 1000, 1000}), 1000) == 3); // the kernel is to refuse each
        auto frames = datagrams(is_v4, {100, 100, 100});
        for (const std::size_t at : {1, 7, 15, is_v4 ? 22 : 21, is_v4 ? 29 : 37, is_v4 ? 35 : 55, is_v4 ? 37 : 57}) {
            auto other = frames;
            other[1][at] ^= 1;
            CAPTURE(at);
            CHECK(message_count(other) == 3);
        }
        const std::size_t length = is_v4 ? 39 : 59;
        frames[1][length] ^= 1; // of UDP: it says that it is not all of the packet
        CHECK(message_count(frames) == 3);
    }
    const auto fragment = [](Frame frame) {
        frame[20] = 0x20;
        return frame;
    };
    auto frames = datagrams(true, {100, 100});
    CHECK(message_count({fragment(frames[0]), fragment(frames[1])}) == 2);
    CHECK(message_count({frame_of({}, frames[0]), frame_of({}, frames[0])}) == 2); // TCP
}

TEST_CASE("all kinds of datagrams come through the underlay as they were sent, in order")
{
    if (cannot_make_namespaces())
        return;
    packet_pool();
    const PrivateNetns ours;
    {
        const Veth veth;
        veth.are(PortUse::kUnderlay);
        const std::string cutter = GENERATE("va", "vb", "none"); // who cuts bundles: the kernel, here and there, or vxd
        if (cutter != "none")
            run(fmt::format("ethtool -K {} tx-udp-segmentation off gro off >/dev/null", cutter));
        std::mt19937_64 random(2);
        for (int round = 0; round < 100; ++round) {
            std::vector<Frame> sent;
            FlowShape shape;
            std::size_t size = 100;
            for (std::size_t i = 0; i < 32; ++i) {
                if (i == 0 || below(random, 6) == 0) {
                    shape.is_v4 = below(random, 2) == 0;
                    shape.is_udp = below(random, 10) != 0;
                    shape.source_port = static_cast<std::uint16_t>(1 + below(random, 3));
                    size = 1 + below(random, 1450);
                }
                shape.id = static_cast<std::uint16_t>(random());
                sent.push_back(frame_of(shape, random_payload(random, below(random, 8) == 0 ? 1 + size / 2 : size)));
                if (shape.is_v4 && shape.is_udp && below(random, 2) == 0)
                    sent.back()[40] = sent.back()[41] = 0; // no checksum
            }
            auto mbufs = mbufs_of(sent);
            REQUIRE(veth.near.port->tx(1, mbufs) == sent.size());
            const auto got = receive_all(*veth.far.port, sent.size());
            REQUIRE(got.size() == sent.size());
            for (std::size_t i = 0; i < sent.size(); ++i) {
                const bool is_udp = sent[i][sent[i][12] == 0x08 ? 23 : 20] == 17;
                CAPTURE(round, i, is_udp);
                REQUIRE((is_udp ? is_same_datagram(got[i], sent[i]) : got[i] == sent[i]));
                if (is_udp &&
                    cutter == "none") // who cuts says that they are right; the kernel leaves them to its driver
                    REQUIRE(has_right_checksums(got[i]));
            }
        }
        CHECK(veth.far.port->losses().rx_missed == 0);
        CHECK(veth.far.port->losses().rx_errors == 0);
    }
    CHECK(packet_pool().in_use_count() == 0);
}

TEST_CASE("what the kernel sends over a veth arrives as it left it, with what it is owed")
{
    if (cannot_make_namespaces())
        return;
    packet_pool();
    const PrivateNetns ours;
    std::mt19937_64 random(3);
    {
        const Veth veth;
        veth.are(PortUse::kOverlay);
        for (const bool is_v4 : {true, false}) {
            FlowShape shape;
            shape.is_v4 = is_v4;
            CAPTURE(is_v4);
            const Frame payload = random_payload(random, 60000);
            rte_mbuf* mbufs[] = {uncut(shape, payload, random)};
            REQUIRE(veth.near.port->offloads().takes(note_of(mbufs[0]).gso));
            REQUIRE(veth.near.port->tx(0, mbufs) == 1);
            rte_mbuf* seen[1] = {};
            for (int i = 0; i < 1000 && seen[0] == nullptr; ++i) {
                if (veth.far.port->rx(0, seen) == 0) {
                    usleep(1000);
                } else if (!is_ours(frame_of(seen[0]))) {
                    rte_pktmbuf_free(seen[0]);
                    seen[0] = nullptr;
                }
            }
            REQUIRE(seen[0] != nullptr);
            CHECK(is_gso(seen[0]));
            CHECK(gso_is_sound(seen[0]));
            CHECK(note_of(seen[0]).gso_size == 1400);
            CHECK(frame_of(seen[0]) == frame_of(shape, payload, Checksum::kPartial));
            rte_pktmbuf_free(seen[0]);
        }
    }
    CHECK(packet_pool().in_use_count() == 0);
}

TEST_CASE("a VLAN tag that the kernel took out is put back")
{
    if (cannot_make_namespaces())
        return;
    packet_pool();
    const PrivateNetns ours;
    const Veth veth;
    std::mt19937_64 random(4);
    for (const std::size_t size : {100, 1400, 5000}) { // one that lies in the ring, and one that does not
        FlowShape shape;
        shape.tags = 1;
        run(fmt::format("ip link set va mtu {0} && ip link set vb mtu {0}", size + 100));
        REQUIRE(veth.near.port->follow_mtu());
        const Frame frame = frame_of(shape, random_payload(random, size));
        rte_mbuf* mbufs[] = {mbuf_of(Frame(frame.begin(), frame.begin() + 60))};
        rte_pktmbuf_chain(mbufs[0], chain_of(Frame(frame.begin() + 60, frame.end()), 10, random));
        REQUIRE(veth.near.port->tx(0, mbufs) == 1);
        const auto got = receive_all(*veth.far.port, 1);
        REQUIRE(got.size() == 1);
        CHECK(got[0] == frame);
    }
}

TEST_CASE("datagrams that came as one, and find no buffer each, are counted")
{
    if (cannot_make_namespaces())
        return;
    packet_pool();
    const PrivateNetns ours;
    const Veth veth;
    veth.are(PortUse::kUnderlay);
    const auto sent = datagrams(true, std::vector<std::size_t>(32, 1000));
    auto mbufs = mbufs_of(sent);
    REQUIRE(veth.near.port->tx(0, mbufs) == sent.size());
    std::vector<rte_mbuf*> held; // all but what the frame is read into, and a few of its datagrams
    while (rte_mbuf* const mbuf = packet_pool().alloc())
        held.push_back(mbuf);
    for (std::size_t i = 0; i < 40; ++i) {
        rte_pktmbuf_free(held.back());
        held.pop_back();
    }
    std::array<rte_mbuf*, 32> got;
    std::size_t received = 0;
    for (int i = 0; i < 1000 && received < 2; ++i) { // the kernel may say something of its own before
        const std::uint16_t count = veth.far.port->rx(0, got);
        received = 0;
        for (std::size_t at = 0; at < count; ++at) {
            received += is_ours(frame_of(got[at])) ? 1 : 0;
            rte_pktmbuf_free(got[at]);
        }
        usleep(1000);
    }
    CHECK(received < sent.size());
    CHECK(received + veth.far.port->losses().rx_nombuf == sent.size());
    for (rte_mbuf* const mbuf : held)
        rte_pktmbuf_free(mbuf);
    CHECK(packet_pool().in_use_count() == 0);
}

TEST_CASE("what an interface's full queue does not take is the end of a burst, in order")
{
    if (cannot_make_namespaces())
        return;
    packet_pool();
    const PrivateNetns ours;
    const Veth veth;
    veth.are(PortUse::kUnderlay);
    run("tc qdisc add dev va root tbf rate 8kbit burst 1600 limit 6000");
    std::vector<Frame> sent;
    for (std::uint16_t i = 0; i < 32; ++i) {
        FlowShape shape; // TCP: no two are one message
        shape.id = i;
        sent.push_back(frame_of(shape, Frame(1000, static_cast<std::uint8_t>(i))));
    }
    auto mbufs = mbufs_of(sent);
    const std::uint16_t count = veth.near.port->tx(0, mbufs);
    CHECK(count > 0);
    REQUIRE(count < sent.size());
    for (std::size_t i = count; i < sent.size(); ++i) {
        CHECK(frame_of(mbufs[i]) == sent[i]);
        CHECK_FALSE(is_unfit(mbufs[i]));
        rte_pktmbuf_free(mbufs[i]);
    }
}

TEST_CASE("a frame that an interface can never take is told from those that found it full")
{
    if (cannot_make_namespaces())
        return;
    packet_pool();
    const PrivateNetns ours;
    const Veth veth;
    veth.are(PortUse::kUnderlay);
    const std::vector<Frame> sent{frame_of({}, Frame(1000, 1)), frame_of({}, Frame(2000, 2)),
                                  frame_of({}, Frame(1000, 3))};
    auto mbufs = mbufs_of(sent);
    REQUIRE(veth.near.port->tx(0, mbufs) == 2);
    CHECK(frame_of(mbufs[2]) == sent[1]);
    CHECK(is_unfit(mbufs[2]));
    rte_pktmbuf_free(mbufs[2]);
}

TEST_CASE("large frames that find the socket's buffer full are counted")
{
    if (cannot_make_namespaces())
        return;
    packet_pool();
    const PrivateNetns ours;
    const Veth veth;
    std::mt19937_64 random(5);
    FlowShape shape;
    const Frame payload = random_payload(random, 60000);
    constexpr std::size_t kCount = 600; // of 60 kB, into 32 MB
    std::size_t sent = 0;
    for (std::size_t i = 0; i < kCount; ++i) {
        rte_mbuf* mbufs[] = {uncut(shape, payload, random)};
        if (veth.near.port->tx(0, mbufs) == 1)
            ++sent;
        else
            rte_pktmbuf_free(mbufs[0]);
    }
    const std::size_t received = receive_all(*veth.far.port, sent).size();
    CHECK(sent == kCount);
    CHECK(received < sent);
    CHECK(received + veth.far.port->losses().rx_missed == sent);
}
