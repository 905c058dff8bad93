// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/offload/gro.h"

#include "dataplane/offload/gso.h"
#include "tests/support/ports.h"
#include "tests/support/tcp_frames.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <random>

using namespace vx;
using namespace vx::test;

namespace
{

std::size_t below(std::mt19937_64& random, std::size_t limit)
{
    return static_cast<std::size_t>(random() % limit);
}

constexpr Offloads kBothFamilies{.checksum = true, .tso4 = true, .tso6 = true};

std::vector<rte_mbuf*> merged(const std::vector<Frame>& frames, Offloads taken = kBothFamilies)
{
    std::vector<rte_mbuf*> mbufs;
    for (const Frame& frame : frames)
        mbufs.push_back(mbuf_of(frame));
    mbufs.resize(coalesce(mbufs, taken));
    return mbufs;
}

// What a port that takes no GSO frames would send. Frees the frames.
std::vector<Frame> cut_all(const std::vector<rte_mbuf*>& mbufs)
{
    std::vector<Frame> frames;
    for (rte_mbuf* const mbuf : mbufs) {
        if (is_gso(mbuf)) {
            REQUIRE(gso_is_sound(mbuf));
            for (Segmenter segmenter{mbuf}; !segmenter.is_done();) {
                rte_mbuf* const segment = segmenter.next(packet_pool().raw());
                frames.push_back(frame_of(segment));
                rte_pktmbuf_free(segment);
            }
        } else {
            frames.push_back(frame_of(mbuf));
        }
        rte_pktmbuf_free(mbuf);
    }
    return frames;
}

// Of which connection a frame is: its host, and whether it is UDP.
std::pair<std::uint8_t, bool> connection_of(const Frame& frame)
{
    return {frame[11], frame[frame[12] == 8 ? 23 : 20] == 17};
}

// How many frames become of these, after which cutting has to give back what went in.
std::size_t count_merged(const std::vector<Frame>& frames)
{
    const auto mbufs = merged(frames);
    CHECK(cut_all(mbufs) == frames);
    return mbufs.size();
}

std::vector<Frame> stream(const FlowShape& shape, std::size_t count, std::size_t size = 1000)
{
    std::mt19937_64 random(9);
    return segments_of(shape, random_payload(random, count * size), size);
}

// Two segments, of which the second is changed.
template <typename Change>
std::size_t count_of_pair(FlowShape shape, Change&& change)
{
    packet_pool();
    std::mt19937_64 random(10);
    Frame first = frame_of(shape, random_payload(random, 1000));
    shape.sequence += 1000;
    shape.id++;
    change(shape);
    return count_merged({first, frame_of(shape, random_payload(random, 1000))});
}

} // namespace

TEST_CASE("segments that follow each other become one frame")
{
    packet_pool();
    for (const bool is_v4 : {true, false}) {
        FlowShape shape;
        shape.is_v4 = is_v4;
        CAPTURE(is_v4);
        for (const std::size_t count : {1, 2, 3, 31, 32})
            CHECK(count_merged(stream(shape, count)) == 1);
        shape.options = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2}; // timestamps
        shape.flags = FlowShape::kAck | FlowShape::kPsh;
        CHECK(count_merged(stream(shape, 20, 1448)) == 1);
        shape.flags = FlowShape::kAck | FlowShape::kFin | FlowShape::kEce | FlowShape::kCwr;
        CHECK(count_merged(stream(shape, 20, 1448)) == 1);
    }
}

TEST_CASE("a merged frame is what a sender with segmentation offload sends")
{
    packet_pool();
    std::mt19937_64 random(11);
    FlowShape shape;
    for (const bool is_v4 : {true, false}) {
        shape.is_v4 = is_v4;
        const Frame payload = random_payload(random, 12345);
        const auto mbufs = merged(segments_of(shape, payload, 1400));
        REQUIRE(mbufs.size() == 1);
        CHECK(frame_of(mbufs[0]) == frame_of(shape, payload, Checksum::kPartial));
        const MbufNote note = note_of(mbufs[0]), expected = gso_note(shape, 1400);
        CHECK(note.checksum_start == expected.checksum_start);
        CHECK(note.checksum_offset == expected.checksum_offset);
        CHECK(note.gso == expected.gso);
        CHECK(note.gso_size == expected.gso_size);
        rte_pktmbuf_free(mbufs[0]);
    }
}

TEST_CASE("only segments that differ in nothing that matters are merged")
{
    for (const bool is_v4 : {true, false}) {
        FlowShape shape;
        shape.is_v4 = is_v4;
        CAPTURE(is_v4);
        CHECK(count_of_pair(shape, [](FlowShape&) {}) == 1);
        CHECK(count_of_pair(shape, [](FlowShape& next) { next.sequence++; }) == 2);
        CHECK(count_of_pair(shape, [](FlowShape& next) { next.sequence -= 1000; }) == 2);
        CHECK(count_of_pair(shape, [](FlowShape& next) { next.acknowledgment++; }) == 2);
        CHECK(count_of_pair(shape, [](FlowShape& next) { next.window++; }) == 2);
        CHECK(count_of_pair(shape, [](FlowShape& next) { next.ttl--; }) == 2);
        CHECK(count_of_pair(shape, [](FlowShape& next) { next.tos ^= 3; }) == 2);
        CHECK(count_of_pair(shape, [](FlowShape& next) { next.source_port++; }) == 2);
        CHECK(count_of_pair(shape, [](FlowShape& next) { next.host++; }) == 2);
        CHECK(count_of_pair(shape, [](FlowShape& next) { next.options = {1, 1, 1, 1}; }) == 2);
        CHECK(count_of_pair(shape, [](FlowShape& next) { next.checksum_error = 1; }) == 2);
        CHECK(count_of_pair(shape, [](FlowShape& next) { next.tags = 1; }) == 2);
        for (const std::uint8_t flag : {FlowShape::kCwr, FlowShape::kEce, FlowShape::kSyn})
            CHECK(count_of_pair(shape, [flag](FlowShape& next) { next.flags |= flag; }) == 2);
        CHECK(count_of_pair(shape, [](FlowShape& next) { next.reserved = 1; }) == 2);
        shape.checksum_error = 1; // both are wrong
        CHECK(count_of_pair(shape, [](FlowShape&) {}) == 2);
        CHECK(count_of_pair(shape, [](FlowShape& next) { next.checksum_error = 0; }) == 2);
    }
    CHECK(count_of_pair({}, [](FlowShape& next) { next.id++; }) == 2);
    CHECK(count_of_pair({}, [](FlowShape& next) { next.may_be_fragmented = true; }) == 2);
    FlowShape fragmentable;
    fragmentable.may_be_fragmented = true;
    CHECK(count_of_pair(fragmentable, [](FlowShape& next) { next.id--; }) == 2);
    CHECK(count_of_pair(fragmentable, [](FlowShape&) {}) == 1);
}

TEST_CASE("of what a port takes in one family only, the other's segments stay as they are")
{
    packet_pool();
    for (const bool is_v4 : {true, false}) {
        FlowShape shape;
        shape.is_v4 = is_v4;
        const auto frames = stream(shape, 5);
        for (const bool takes_v4 : {true, false}) {
            const auto mbufs = merged(frames, {.checksum = true, .tso4 = takes_v4, .tso6 = !takes_v4});
            CHECK(mbufs.size() == (takes_v4 == is_v4 ? 1 : 5));
            CHECK(cut_all(mbufs) == frames);
        }
    }
}

TEST_CASE("IDs that mean nothing need not count")
{
    packet_pool();
    FlowShape shape;
    shape.id = 0;
    std::vector<Frame> frames;
    for (int i = 0; i < 5; ++i, shape.sequence += 100)
        frames.push_back(frame_of(shape, Frame(100, 7)));
    const auto mbufs = merged(frames);
    CHECK(mbufs.size() == 1);
    for (rte_mbuf* const mbuf : mbufs)
        rte_pktmbuf_free(mbuf);
}

TEST_CASE("PSH, FIN and a short segment end a frame")
{
    packet_pool();
    FlowShape shape;
    for (const std::uint8_t flags : {FlowShape::kPsh, FlowShape::kFin}) {
        auto frames = stream(shape, 3);
        FlowShape pushed = shape;
        pushed.flags |= flags;
        pushed.sequence += 3000;
        pushed.id = static_cast<std::uint16_t>(pushed.id + 3);
        for (const Frame& frame : stream(pushed, 1))
            frames.push_back(frame);
        pushed.flags = shape.flags;
        pushed.sequence += 1000;
        pushed.id++;
        for (const Frame& frame : stream(pushed, 4))
            frames.push_back(frame);
        CHECK(count_merged(frames) == 2);
    }
    std::mt19937_64 random(12);
    auto frames = segments_of(shape, random_payload(random, 3500), 1000);
    shape.sequence += 3500;
    shape.id = static_cast<std::uint16_t>(shape.id + 4);
    for (const Frame& frame : stream(shape, 4))
        frames.push_back(frame);
    CHECK(count_merged(frames) == 2);
}

TEST_CASE("a frame that was padded on its way is merged without its padding")
{
    packet_pool();
    FlowShape shape;
    auto frames = stream(shape, 3, 2);
    const auto expected = frames;
    for (Frame& frame : frames)
        frame.resize(60, 0xee);
    CHECK(cut_all(merged(frames)) == expected);
}

TEST_CASE("merging gives each connection what it was sent, in the order in which it was sent")
{
    packet_pool();
    std::mt19937_64 random(13);
    std::size_t saved = 0;
    for (int round = 0; round < 5000; ++round) {
        std::vector<FlowShape> flows(1 + below(random, 4));
        for (std::size_t i = 0; i < flows.size(); ++i) {
            flows[i].is_v4 = below(random, 2) == 0;
            flows[i].host = static_cast<std::uint8_t>(1 + i);
            flows[i].id = static_cast<std::uint16_t>(random());
            flows[i].sequence = static_cast<std::uint32_t>(random());
            flows[i].options.assign(4 * below(random, 4), 1);
        }
        std::map<std::pair<std::uint8_t, bool>, std::vector<Frame>> sent, got; // by connection
        std::vector<Frame> frames;
        while (frames.size() < kMaxCoalesced) {
            FlowShape& flow = flows[below(random, flows.size())];
            FlowShape shape = flow;
            std::size_t size = below(random, 5) == 0 ? below(random, 500) : 500;
            const std::size_t what = below(random, 40);
            if (what == 0)
                shape.flags |= FlowShape::kPsh;
            else if (what == 1)
                shape.checksum_error = 5;
            else if (what == 2)
                shape.flags |= static_cast<std::uint8_t>(1U << below(random, 8));
            else if (what == 3)
                shape.ip_extra.assign(8, shape.is_v4 ? 1 : 0);
            else if (what == 4)
                flow.sequence -= 500; // sent again
            else if (what == 5)
                flow.acknowledgment++;
            else if (what == 6)
                shape.is_udp = true;
            frames.push_back(frame_of(shape, random_payload(random, size)));
            sent[connection_of(frames.back())].push_back(frames.back());
            flow.sequence += static_cast<std::uint32_t>(size);
            flow.id++;
        }
        const auto mbufs = merged(frames);
        saved += frames.size() - mbufs.size();
        for (const Frame& frame : cut_all(mbufs))
            got[connection_of(frame)].push_back(frame);
        REQUIRE(got == sent);
    }
    CHECK(saved > 10000);
    CHECK(packet_pool().in_use_count() == 0);
}
