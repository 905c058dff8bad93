// SPDX-License-Identifier: BSD-3-Clause
// Captures without traffic: filters, rings between two threads, pcapng as it is written and read.
#include "control/wire/pcapng.h"
#include "dataplane/capture/capture.h"
#include "tools/vxctl/blocks.h"
#include "tools/vxctl/capture.h"
#include "tools/vxctl/describe.h"

#include <catch2/catch.hpp>

#include <thread>

namespace vx
{

namespace
{

using Frame = std::vector<std::byte>;

Frame frame_of(std::initializer_list<unsigned> bytes, std::size_t size)
{
    Frame frame;
    for (const unsigned byte : bytes)
        frame.push_back(static_cast<std::byte>(byte));
    frame.resize(size);
    return frame;
}

// 02:00:00:00:00:01 > 02:00:00:00:00:02, 10.0.0.1:5000 > 10.0.0.2:53 by UDP.
Frame udp_frame()
{
    return frame_of({2, 0,  0,  0, 0, 2,  2, 0, 0, 0,  0, 1, 8, 0,    0x45, 0, 0,  46, 0,  0, 0,
                     0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0x13, 0x88, 0, 53, 0,  26, 0, 0},
                    60);
}

std::vector<CaptureCell> record_of(std::uint64_t id, std::size_t size, std::uint64_t time_ns = 0)
{
    CaptureRecord record;
    record.time_ns = time_ns;
    record.packet_id = id;
    record.captured = record.size = static_cast<std::uint32_t>(size);
    std::vector<CaptureCell> cells(kRecordCells + cells_for(size));
    std::memcpy(static_cast<void*>(cells.data()), &record, sizeof(record));
    std::memset(static_cast<void*>(cells.data() + kRecordCells), static_cast<int>(id & 0xff), size);
    return cells;
}

bool is_whole(const Capture::Seen& seen)
{
    return seen.bytes.size() == seen.record.captured &&
           std::all_of(seen.bytes.begin(), seen.bytes.end(),
                       [&](std::byte byte) { return byte == static_cast<std::byte>(seen.record.packet_id & 0xff); });
}

std::string filter_error(std::string_view code)
{
    const auto filter = PacketFilter::parse(code);
    return filter ? "" : filter.error().message;
}

CaptureInvocation invocation(std::vector<std::string> words)
{
    auto parsed = parse_capture(words);
    INFO(fmt::format("{}", fmt::join(words, " ")));
    REQUIRE(parsed.has_value());
    return *std::move(parsed);
}

std::string invocation_error(const std::vector<std::string>& words)
{
    const auto parsed = parse_capture(words);
    return parsed ? "" : parsed.error().message;
}

} // namespace

TEST_CASE("a filter that libpcap compiled passes the frames that its words say")
{
    const Frame frame = udp_frame();
    for (const auto& [words, passes] : {std::pair{"udp", true},
                                        {"udp port 53 and src host 10.0.0.1", true},
                                        {"tcp", false},
                                        {"port 54", false},
                                        {"ether src 02:00:00:00:00:01", true},
                                        {"greater 61", false},
                                        {"less 60", true}}) {
        INFO(words);
        const auto filter = PacketFilter::parse(compile_filter(words).value());
        REQUIRE(filter.has_value());
        CHECK(filter->matches(frame, frame.size()) == passes);
    }
    CHECK(PacketFilter{}.matches(frame, frame.size()));
    CHECK_FALSE(compile_filter("udp porty 53").has_value());
}

TEST_CASE("a filter never reads beyond the frame")
{
    const auto filter = PacketFilter::parse(compile_filter("ether[4000] == 0").value());
    const Frame frame = udp_frame();
    CHECK_FALSE(filter.value().matches(frame, frame.size()));
    for (std::size_t size = 0; size <= frame.size(); ++size)
        PacketFilter::parse(compile_filter("udp port 53").value())
            .value()
            .matches(Bytes(frame).first(size), size); // AddressSanitizer looks
}

TEST_CASE("code that might not end, or is none, is no filter")
{
    CHECK(filter_error("1,6 0 0 65535").empty());
    CHECK(filter_error("1,5 0 0 4294967295").find("loop") != std::string::npos);
    CHECK(filter_error("2,5 0 0 4294967294,6 0 0 1").find("loop") != std::string::npos);
    CHECK(filter_error("2,5 0 0 1,6 0 0 1").find("not sound") != std::string::npos); // beyond the end
    CHECK(filter_error("1,0 0 0 1").find("not sound") != std::string::npos);         // no return
    CHECK(filter_error("1,21 9 9 1").find("not sound") != std::string::npos);
    for (const std::string_view code : {"", "x", "0", "5000,6 0 0 1", "2,6 0 0 1", "1,6 0 0 1,6 0 0 1", "1,6 0 0",
                                        "1,6 0 0 1 ", "1,65536 0 0 1", "1,6 256 0 1", "1,6,0,0,1", "-1,6 0 0 1"})
        CHECK_FALSE(filter_error(code).empty());
}

TEST_CASE("what a capture's ring has no room for is counted, and what it has is whole")
{
    const auto capture = Capture::create({}, 2).value();
    std::uint64_t pushed = 0;
    for (std::uint64_t id = 1; id <= 20'000; ++id, ++pushed)
        capture->push(id % 2, record_of(id, 60 + id % 1440));
    CHECK(capture->taken() == pushed);
    CHECK(capture->lost() > 0);
    std::uint64_t popped = 0;
    std::array<std::uint64_t, 2> last{};
    while (const auto seen = capture->pop()) {
        ++popped;
        CHECK(is_whole(*seen));
        CHECK(seen->record.packet_id > last[seen->record.packet_id % 2]); // in order, of each producer
        last[seen->record.packet_id % 2] = seen->record.packet_id;
    }
    CHECK(popped + capture->lost() == capture->taken());
    capture->push(0, record_of(1, 0)); // there is room again, and a frame may be empty
    CHECK(capture->pop().value().bytes.empty());
}

TEST_CASE("what several producers recorded is read in the order of its time")
{
    const auto capture = Capture::create({}, 3).value();
    for (std::size_t producer = 0; producer < 3; ++producer) // whose own are in order
        for (std::uint64_t time = 1; time <= 300; ++time)
            if (time % 7 % 3 == producer)
                capture->push(producer, record_of(time, 10, time));
    std::uint64_t last = 0;
    std::size_t count = 0;
    while (const auto seen = capture->pop()) {
        CHECK(is_whole(*seen));
        CHECK(seen->record.time_ns > last);
        last = seen->record.time_ns;
        ++count;
    }
    CHECK(count == 300);
}

TEST_CASE("a reader gets all that was not lost from producers that never wait")
{
    const auto capture = Capture::create({}, 2).value();
    constexpr std::uint64_t kEach = 50'000;
    std::vector<std::thread> producers;
    for (std::size_t producer = 0; producer < 2; ++producer)
        producers.emplace_back([&, producer] {
            for (std::uint64_t id = 1; id <= kEach; ++id)
                capture->push(producer, record_of(id, id % 300));
        });
    std::uint64_t popped = 0;
    bool are_whole = true;
    const auto pop_all = [&] {
        while (const auto seen = capture->pop()) {
            ++popped;
            are_whole = are_whole && is_whole(*seen);
        }
    };
    while (capture->taken() < 2 * kEach)
        pop_all();
    for (std::thread& producer : producers)
        producer.join();
    pop_all();
    CHECK(are_whole);
    CHECK(popped + capture->lost() == 2 * kEach);
}

TEST_CASE("a capture wants what its point, link, direction and reason say")
{
    const CaptureRecord drop{.dest = Dest::drop(DropReason::no_route), .link = LinkId{3}, .point = CapturePoint::kDrop};
    const CaptureRecord out{.link = LinkId{3}, .point = CapturePoint::kPort, .direction = Direction::kOut};
    const auto wants = [](const CaptureRecord& record, std::optional<CapturePoint> point = {}, LinkId link = {},
                          std::optional<Direction> direction = {}, std::optional<DropReason> reason = {}) {
        CaptureSpec spec;
        spec.point = point;
        spec.link = link;
        spec.direction = direction;
        spec.reason = reason;
        return Capture::create(std::move(spec), 1).value()->wants(record);
    };
    CHECK(wants(drop));
    CHECK(wants(out));
    CHECK(wants(drop, CapturePoint::kDrop, {}, {}, DropReason::no_route));
    CHECK_FALSE(wants(drop, CapturePoint::kDrop, {}, {}, DropReason::martian));
    CHECK_FALSE(wants(out, CapturePoint::kDrop));
    CHECK(wants(out, CapturePoint::kPort, LinkId{3}, Direction::kOut));
    CHECK_FALSE(wants(out, CapturePoint::kPort, LinkId{4}));
    CHECK_FALSE(wants(out, CapturePoint::kPort, LinkId{3}, Direction::kIn));
}

TEST_CASE("eight captures run at a time, and each keeps its place")
{
    CaptureSet none;
    std::shared_ptr<const CaptureSet> set = std::make_shared<CaptureSet>(none);
    std::vector<std::shared_ptr<Capture>> all;
    for (std::size_t i = 0; i < CaptureSet::kMax; ++i) {
        all.push_back(Capture::create({}, 1).value());
        set = set->with(all.back());
        REQUIRE(set != nullptr);
    }
    CHECK(set->with(Capture::create({}, 1).value()) == nullptr);
    set = set->without(*all[3]);
    CHECK(set->all()[3] == nullptr);
    CHECK(set->all()[4] == all[4]);
    for (const auto& capture : all)
        set = set->without(*capture);
    CHECK(set->is_empty());
}

TEST_CASE("pcapng is read as it was written, in any pieces")
{
    std::string text;
    pcapng::append_section(text, "vxd test");
    pcapng::append_interface(text, "vxlan100", 262144);
    const Frame frame = udp_frame();
    for (std::size_t size = 0; size <= 60; ++size)
        pcapng::append_packet(text, {.interface = 0,
                                     .time_ns = 1'700'000'000'123'456'789 + size,
                                     .bytes = Bytes(frame).first(size),
                                     .size = 1000,
                                     .flags = pcapng::kOutbound,
                                     .id = size + 1,
                                     .comment = std::string_view("to 192.0.2.2").substr(0, size % 13)});
    pcapng::append_statistics(text, 0, 1, 100, 39);
    CHECK(text.size() % 4 == 0);
    const std::size_t piece = GENERATE(1U, 7U, 1000U, 1'000'000U);
    BlockReader reader;
    std::vector<std::uint32_t> types;
    std::size_t packets = 0;
    for (std::size_t at = 0; at < text.size(); at += piece) {
        reader.add(std::string_view(text).substr(at, piece));
        while (const auto block = reader.next()) {
            types.push_back(block->type);
            if (block->type == pcapng::kInterface)
                CHECK(interface_name(*block) == "vxlan100");
            if (block->type == pcapng::kStatistics)
                CHECK(dropped_of(*block) == 39);
            if (const auto packet = read_packet(*block)) {
                CHECK(packet->frame.size() == packets);
                CHECK(std::equal(packet->frame.begin(), packet->frame.end(), frame.begin()));
                CHECK(packet->time_ns == 1'700'000'000'123'456'789 + packets);
                CHECK(packet->id == packets + 1);
                CHECK(packet->size == 1000);
                CHECK(packet->flags == pcapng::kOutbound);
                CHECK(packet->comment.size() == packets % 13);
                ++packets;
            }
        }
    }
    CHECK(packets == 61);
    CHECK_FALSE(reader.is_broken());
    CHECK(types.front() == pcapng::kSection);
    CHECK(types.back() == pcapng::kStatistics);
    reader.add(std::string(12, 'x'));
    CHECK_FALSE(reader.next().has_value());
    CHECK(reader.is_broken());
}

TEST_CASE("vxctl keeps of capture's words what is its own and hands on the rest")
{
    const CaptureInvocation all = invocation(
        {"capture", "-c", "5", "dev", "in", "out", "-s", "96", "-w", "f", "-C", "2", "-W", "3", "udp", "port", "53"});
    CHECK(all.count == 5U);
    CHECK(all.file == "f");
    CHECK(all.file_bytes == 2'000'000);
    CHECK(all.file_count == 3);
    CHECK(all.words[0] == "capture");
    CHECK(std::vector(all.words.begin() + 1, all.words.begin() + 6) ==
          CommandWords{"dev", "in", "out", "snaplen", "96"});
    CHECK(all.words[6] == "filter");
    CHECK(PacketFilter::parse(all.words[7]).has_value());
    CHECK(invocation({"capture", "drop", "reason", "no_route"}).words ==
          CommandWords{"capture", "drop", "reason", "no_route"});
    CHECK(invocation_error({"capture", "x", "-c"}).find("needs a value") != std::string::npos);
    CHECK(invocation_error({"capture", "x", "-c", "0"}).find("\"0\"") != std::string::npos);
    CHECK(invocation_error({"capture", "x", "-q"}).find("\"-q\"") != std::string::npos);
    CHECK(invocation_error({"capture", "x", "-C", "1"}).find("-w") != std::string::npos);
    CHECK(invocation_error({"capture", "x", "-w", "f", "-W", "1"}).find("-C") != std::string::npos);
    CHECK(invocation_error({"capture", "x", "port"}).find("\"port\"") != std::string::npos);
}

TEST_CASE("a line says of a frame what its headers say, however short it is")
{
    const Frame frame = udp_frame();
    CHECK(describe(frame) == "02:00:00:00:00:01 > 02:00:00:00:00:02 10.0.0.1:5000 > 10.0.0.2:53 UDP");
    for (std::size_t size = 0; size < frame.size(); ++size)
        CHECK_FALSE(describe(Bytes(frame).first(size)).empty());
    CHECK(describe(frame_of({1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 0x88, 0xb5}, 60)).find("type 0x88b5") !=
          std::string::npos);
}

} // namespace vx
