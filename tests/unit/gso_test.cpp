// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/offload/gso.h"

#include "dataplane/stage/encap.h"
#include "dataplane/stage/parse.h"
#include "tests/support/ports.h"
#include "tests/support/tcp_frames.h"

#include <catch2/catch.hpp>

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

// An IPv6 header of options, with nothing but padding.
std::vector<std::uint8_t> extension_of(std::size_t size)
{
    std::vector<std::uint8_t> extension(size);
    extension[1] = static_cast<std::uint8_t>(size / 8 - 1);
    for (std::size_t at = 2; at < size; at += 2U + extension[at + 1]) {
        extension[at] = 1; // PadN
        extension[at + 1] = static_cast<std::uint8_t>(std::min<std::size_t>(255, size - at - 2));
    }
    return extension;
}

FlowShape random_shape(std::mt19937_64& random, std::size_t max_tags)
{
    FlowShape shape;
    shape.is_v4 = below(random, 2) == 0;
    shape.is_udp = below(random, 3) == 0;
    shape.tags = below(random, max_tags + 1);
    if (below(random, 4) == 0 && shape.is_v4)
        shape.ip_extra.assign(4 * (1 + below(random, 10)), 1); // no operation
    if (below(random, 4) == 0 && !shape.is_v4)
        shape.ip_extra = extension_of(8 * (1 + below(random, 40)));
    if (!shape.is_udp)
        shape.options = random_payload(random, 4 * below(random, 11));
    shape.id = static_cast<std::uint16_t>(random());
    shape.tos = static_cast<std::uint8_t>(random());
    shape.sequence = static_cast<std::uint32_t>(random());
    shape.flags =
        static_cast<std::uint8_t>(FlowShape::kAck | (random() & (FlowShape::kPsh | FlowShape::kFin | FlowShape::kCwr)));
    shape.checksum_error = below(random, 4) == 0 ? static_cast<std::uint16_t>(random()) : std::uint16_t{0};
    return shape;
}

rte_mbuf* gso_frame(const FlowShape& shape, const Frame& payload, std::size_t size, std::mt19937_64& random)
{
    rte_mbuf* const mbuf = chain_of(frame_of(shape, payload, Checksum::kPartial), shape.headers_size(), random);
    mark_partial_checksum(mbuf);
    note_of(mbuf) = gso_note(shape, size);
    return mbuf;
}

std::vector<Frame> cut(rte_mbuf* mbuf)
{
    std::vector<Frame> frames;
    for (Segmenter segmenter{mbuf}; !segmenter.is_done();) {
        rte_mbuf* const segment = segmenter.next(packet_pool().raw());
        REQUIRE(segment != nullptr);
        CHECK_FALSE(has_partial_checksum(segment));
        frames.push_back(frame_of(segment));
        rte_pktmbuf_free(segment);
    }
    rte_pktmbuf_free(mbuf);
    return frames;
}

const Path& next_hop()
{
    static Path path;
    path.lead_to(*Mac::parse("02:00:00:00:01:02"), *Mac::parse("02:00:00:00:01:01"), LinkId{2});
    return path;
}

EncapTemplate random_template(std::mt19937_64& random)
{
    Tunnel tunnel;
    const bool is_v4 = below(random, 2) == 0;
    tunnel.local = *IpAddress::parse(is_v4 ? "192.0.2.1" : "2001:db8::1");
    tunnel.remote = *IpAddress::parse(is_v4 ? "192.0.2.2" : "2001:db8::2");
    tunnel.mtu = 9000;
    tunnel.vni = *Vni::from(static_cast<std::uint32_t>(random() & 0xffffff));
    tunnel.udp_checksum = below(random, 2) == 0 ? Tunnel::UdpChecksum::kZero : Tunnel::UdpChecksum::kComputed;
    return EncapTemplate::build(LinkId{3}, next_hop(), tunnel);
}

Frame encapsulated(const EncapTemplate& vtep, const Frame& inner, std::uint32_t hash, std::uint8_t ecn)
{
    Frame frame(vtep.size() + 32); // it may write more than its size
    vtep.write(reinterpret_cast<std::byte*>(frame.data()), inner.size(), hash, ecn,
               vtep.needs_payload_sum() ? checksum_add(0, inner.data(), inner.size()) : 0);
    frame.resize(vtep.size());
    frame.insert(frame.end(), inner.begin(), inner.end());
    return frame;
}

} // namespace

TEST_CASE("a GSO frame is cut into what its sender would have sent instead")
{
    std::mt19937_64 random(1);
    for (int round = 0; round < 3000; ++round) {
        const FlowShape shape = random_shape(random, 2);
        const std::size_t size = round % 10 == 0 ? 1 + below(random, 9000) : 1 + below(random, 1500);
        const std::size_t most = std::min<std::size_t>(65000, size * (shape.is_udp ? 128 : 1000));
        const Frame payload = random_payload(random, 1 + below(random, most));
        CAPTURE(round, shape.is_v4, shape.is_udp, shape.tags, size, payload.size());
        rte_mbuf* const mbuf = gso_frame(shape, payload, size, random);
        REQUIRE(gso_is_sound(mbuf));
        CHECK(gso_header_size(mbuf) == shape.headers_size());
        CHECK(gso_segment_size(mbuf) == shape.headers_size() + std::min(size, payload.size()));
        REQUIRE(cut(mbuf) == segments_of(shape, payload, size));
    }
}

TEST_CASE("an encapsulated GSO frame is cut into encapsulated segments")
{
    std::mt19937_64 random(2);
    for (int round = 0; round < 3000; ++round) {
        const FlowShape shape = random_shape(random, 0);
        const std::size_t size = 1 + below(random, 1500);
        const Frame payload = random_payload(random, 1 + below(random, std::min<std::size_t>(65000, size * 128)));
        const EncapTemplate vtep = random_template(random);
        CAPTURE(round, shape.is_v4, shape.is_udp, vtep.size(), vtep.needs_payload_sum(), size, payload.size());
        rte_mbuf* const mbuf = gso_frame(shape, payload, size, random);
        const auto hash = static_cast<std::uint32_t>(random());
        put_outer_headers(mbuf, vtep, hash, shape.tos & 3);
        std::vector<Frame> expected;
        for (const Frame& segment : segments_of(shape, payload, size))
            expected.push_back(encapsulated(vtep, segment, hash, shape.tos & 3));
        REQUIRE(cut(mbuf) == expected);
    }
}

TEST_CASE("a GSO frame with headers that a buffer might not hold, behind outer ones, is none")
{
    packet_pool();
    std::mt19937_64 random(4);
    for (const bool is_udp : {false, true}) {
        FlowShape shape;
        shape.is_v4 = false;
        shape.is_udp = is_udp;
        for (const std::size_t size : {400, 448, 456, 464, 1024, 1600}) {
            shape.ip_extra = extension_of(size);
            rte_mbuf* const mbuf = gso_frame(shape, random_payload(random, 5000), 8000, random);
            CAPTURE(is_udp, size, shape.headers_size());
            CHECK(gso_is_sound(mbuf) == (shape.headers_size() <= kMaxGsoHeaders));
            rte_pktmbuf_free(mbuf);
        }
    }
}

TEST_CASE("a partial checksum that would not cancel out is not sound")
{
    packet_pool();
    rte_mbuf* const mbuf = mbuf_of(experimental_frame(100));
    mark_partial_checksum(mbuf);
    for (const std::uint16_t offset : std::initializer_list<std::uint16_t>{6, 7, 16, 17}) {
        note_of(mbuf) = {.checksum_start = 34, .checksum_offset = offset};
        CHECK(is_offload_sound(mbuf) == (offset % 2 == 0));
    }
    rte_pktmbuf_free(mbuf);
}

TEST_CASE("what is no sound GSO frame is found out")
{
    std::mt19937_64 random(3);
    FlowShape shape;
    const Frame payload = random_payload(random, 5000);
    const auto is_sound_with = [&](auto&& change) {
        rte_mbuf* const mbuf = gso_frame(shape, payload, 1400, random);
        change(mbuf, note_of(mbuf));
        const bool is_sound = gso_is_sound(mbuf);
        rte_pktmbuf_free(mbuf);
        return is_sound;
    };
    for (const bool is_v4 : {true, false}) {
        shape.is_v4 = is_v4;
        CAPTURE(is_v4);
        CHECK(is_sound_with([](rte_mbuf*, MbufNote&) {}));
        CHECK_FALSE(is_sound_with([](rte_mbuf*, MbufNote& note) { note.gso_size = 0; }));
        CHECK_FALSE(is_sound_with([](rte_mbuf*, MbufNote& note) { note.gso_size = 0xffff; }));
        CHECK_FALSE(is_sound_with([](rte_mbuf*, MbufNote& note) { note.gso_size = 2; })); // too many
        CHECK_FALSE(is_sound_with([](rte_mbuf*, MbufNote& note) { note.gso = Gso::kUdp; }));
        CHECK_FALSE(is_sound_with([&](rte_mbuf*, MbufNote& note) { note.gso = is_v4 ? Gso::kTcp6 : Gso::kTcp4; }));
        CHECK_FALSE(is_sound_with([](rte_mbuf*, MbufNote& note) { note.checksum_offset = 6; }));
        for (const int off : {-20, -4, -1, 1, 4, 20})
            CHECK_FALSE(is_sound_with([off](rte_mbuf*, MbufNote& note) {
                note.checksum_start = static_cast<std::uint16_t>(note.checksum_start + off);
            }));
        CHECK_FALSE(is_sound_with([](rte_mbuf* mbuf, MbufNote&) { trim_tail(mbuf, 1); }));
        CHECK_FALSE(is_sound_with([](rte_mbuf* mbuf, MbufNote&) { data_of(mbuf)[12] = std::byte{9}; }));
        CHECK_FALSE(is_sound_with([](rte_mbuf* mbuf, MbufNote& note) {
            data_of(mbuf)[note.checksum_start + 12] = std::byte{0x40}; // a TCP header of 16 bytes
        }));
        CHECK_FALSE(is_sound_with([](rte_mbuf* mbuf, MbufNote&) { // headers in two pieces
            mbuf->data_len = 50;
            mbuf->pkt_len = 50;
        }));
    }
    shape.is_v4 = true;
    CHECK_FALSE(is_sound_with([](rte_mbuf* mbuf, MbufNote&) { data_of(mbuf)[20] = std::byte{0x20}; })); // a fragment
}

TEST_CASE("nothing that passes for a GSO frame makes cutting read or write where it must not")
{
    std::mt19937_64 random(4);
    std::size_t sound_count = 0;
    for (int round = 0; round < 20000; ++round) {
        const FlowShape shape = random_shape(random, 2);
        const std::size_t size = 1 + below(random, 1500);
        const Frame payload = random_payload(random, 1 + below(random, size * 4));
        rte_mbuf* const mbuf = gso_frame(shape, payload, size, random);
        MbufNote& note = note_of(mbuf);
        for (std::size_t i = below(random, 3); i > 0; --i)
            data_of(mbuf)[12 + below(random, shape.headers_size() - 12)] ^=
                static_cast<std::byte>(1U << below(random, 8));
        if (below(random, 4) == 0)
            note.gso_size = static_cast<std::uint16_t>(random());
        if (below(random, 8) == 0)
            note.checksum_start = static_cast<std::uint16_t>(below(random, 200));
        if (!gso_is_sound(mbuf)) {
            rte_pktmbuf_free(mbuf);
            continue;
        }
        ++sound_count;
        const std::size_t headers = gso_header_size(mbuf);
        const std::size_t whole = rte_pktmbuf_pkt_len(mbuf);
        std::size_t seen = 0;
        for (const Frame& segment : cut(mbuf))
            seen += segment.size() - headers;
        REQUIRE(seen == whole - headers);
    }
    CHECK(sound_count > 1000);
}

TEST_CASE("cutting ends where there are no buffers, and loses none")
{
    std::mt19937_64 random(5);
    packet_pool();
    rte_mempool* const pool = rte_pktmbuf_pool_create("few", 3, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    REQUIRE(pool != nullptr);
    rte_mbuf* const mbuf = gso_frame(FlowShape{}, random_payload(random, 9000), 1400, random);
    std::array<rte_mbuf*, 3> taken{};
    Segmenter segmenter{mbuf};
    for (rte_mbuf*& segment : taken)
        REQUIRE((segment = segmenter.next(pool)) != nullptr);
    CHECK(segmenter.next(pool) == nullptr);
    rte_pktmbuf_free(taken[0]);
    Segmenter jumbo{mbuf}; // of segments that one buffer does not hold
    note_of(mbuf).gso_size = 4000;
    CHECK(Segmenter{mbuf}.next(pool) == nullptr);
    CHECK(rte_mempool_in_use_count(pool) == 2);
    rte_pktmbuf_free(taken[1]);
    rte_pktmbuf_free(taken[2]);
    rte_pktmbuf_free(mbuf);
    rte_mempool_free(pool);
}
