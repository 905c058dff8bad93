// SPDX-License-Identifier: BSD-3-Clause
// Ports of the kind pcap, and the files that they take and refuse.
#include "tests/support/ports.h"

#include <catch2/catch.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <initializer_list>

using namespace vx;
using namespace vx::test;

namespace
{

// Little-endian, as tcpdump writes it; microseconds, Ethernet, if nothing else is said.
struct PcapHead {
    std::uint32_t magic = 0xa1b2c3d4;
    std::uint32_t link_type = 1;
    bool is_there = false; // and frames are added
};

void write_pcap(const std::string& path, std::size_t count, std::size_t size, PcapHead head = {})
{
    std::ofstream file{path, head.is_there ? std::ios::binary | std::ios::app : std::ios::binary};
    const auto put = [&](std::initializer_list<std::uint32_t> words) {
        for (const std::uint32_t word : words)
            file.write(reinterpret_cast<const char*>(&word), sizeof(word));
    };
    if (!head.is_there)
        put({head.magic, 0x00040002, 0, 0, 262144, head.link_type});
    const Frame frame = experimental_frame(std::max<std::size_t>(size, 14));
    for (std::size_t i = 0; i < count; ++i) {
        put({0, 0, static_cast<std::uint32_t>(size), static_cast<std::uint32_t>(size)});
        file.write(reinterpret_cast<const char*>(frame.data()), static_cast<std::streamsize>(size));
    }
}

std::string temporary(const std::string& name)
{
    return std::filesystem::temp_directory_path() / fmt::format("vxd-ports-{}-{}", getpid(), name);
}

} // namespace

TEST_CASE("pcap writes what it is given, and reads it back")
{
    const std::string file = temporary("capture.pcap");
    packet_pool();
    {
        OpenedPort writer = open({"pcap", {{"tx", file}}, "writer", {}, 9000});
        rte_mbuf* mbufs[1];
        CHECK(writer.port->rx(0, mbufs) == 0);
        for (const std::size_t size : {60, 1514, 4000})
            CHECK(send(*writer.port, experimental_frame(size), 1));
    }
    OpenedPort reader = open({"pcap", {{"rx", file}}, "reader"});
    for (const std::size_t size : {60, 1514, 4000})
        CHECK(receive_frame(*reader.port) == experimental_frame(size));
    rte_mbuf* mbufs[1];
    CHECK(reader.port->rx(0, mbufs) == 0);
    CHECK(send(*reader.port, experimental_frame(60)));
    std::filesystem::remove(file);
}

TEST_CASE("pcap repeats its file when told to")
{
    const std::string file = temporary("loop.pcap");
    packet_pool();
    {
        OpenedPort writer = open({"pcap", {{"tx", file}}, "writer"});
        CHECK(send(*writer.port, experimental_frame(60)));
    }
    OpenedPort reader = open({"pcap", {{"rx", file}, {"loop", ""}}, "reader"});
    for (int i = 0; i < 5; ++i)
        CHECK(receive_frame(*reader.port).size() == 60);
    std::filesystem::remove(file);
}

TEST_CASE("pcap repeats a file only if every packet fits a buffer, and says what does not")
{
    using Catch::Contains;
    const std::string file = temporary("loop.pcap");
    const auto error_of_loop = [&](std::size_t count, std::size_t size) {
        write_pcap(file, count, size);
        return error_of({"pcap", {{"rx", file}, {"loop", ""}}, "reader"});
    };
    const std::uint32_t before = packet_pool().in_use_count();
    CHECK_THAT(error_of_loop(140000, 14), Contains("more than 16384 packets") && Contains("--packet-buffers"));
    CHECK_THAT(error_of_loop(16385, 14), Contains("more than 16384 packets"));
    CHECK_THAT(error_of_loop(10, 9000), Contains("packet 1 has 9000 bytes") && Contains("2048"));
    CHECK_THAT(error_of_loop(10, 2049), Contains("packet 1 has 2049 bytes"));
    CHECK_THAT(error_of_loop(0, 0), Contains("no packets"));
    std::filesystem::resize_file(file, 24 + 10);
    CHECK_THAT(error_of({"pcap", {{"rx", file}, {"loop", ""}}, "reader"}), Contains("after 0 packets: truncated"));
    CHECK(packet_pool().in_use_count() == before);
    for (const std::size_t count : {1, 2, 63, 64, 65, 16383, 16384}) {
        CAPTURE(count);
        CHECK(error_of_loop(count, 2048) == "");
        CHECK(packet_pool().in_use_count() == before);
    }
    std::filesystem::remove(file);
}

TEST_CASE("what is no pcap file is refused as such")
{
    using Catch::Contains;
    const std::string file = temporary("none.pcap");
    write_pcap(file, 0, 0);
    std::filesystem::resize_file(file, GENERATE(0U, 10U));
    packet_pool();
    for (const std::string& path : {file, std::string{"/etc/passwd"}, std::string{"/"}}) {
        CAPTURE(path);
        CHECK_THAT(error_of({"pcap", {{"rx", path}}}), Contains("is not a pcap file: "));
    }
    std::filesystem::remove(file);
}

TEST_CASE("a capture file with a frame that the driver cannot count is refused, by the frame's number and size")
{
    const std::string file = temporary("large.pcap");
    packet_pool();
    for (const std::size_t size : {65535, 65536, 65537, 67000, 131072, 200000}) {
        CAPTURE(size);
        write_pcap(file, 2, size);
        CHECK(error_of({"pcap", {{"rx", file}}}) ==
              (size <= 65535 ? ""
                             : fmt::format("rx \"{}\": packet 1 has {} bytes; 65535 at most, what DPDK's driver "
                                           "counts to",
                                           file, size)));
    }
    std::filesystem::remove(file);
}

TEST_CASE("a frame of 65535 bytes comes out of a capture file whole")
{
    const std::string file = temporary("large.pcap");
    packet_pool();
    write_pcap(file, 1, 65535);
    OpenedPort reader = open({"pcap", {{"rx", file}}, "reader"});
    CHECK(receive_frame(*reader.port).size() == 65535);
    CHECK(reader.port->losses().rx_errors == 0);
    std::filesystem::remove(file);
}

TEST_CASE("a frame that came into the file after it was looked at, and is too large, is a receive error")
{
    const std::string file = temporary("grows.pcap");
    packet_pool();
    write_pcap(file, 1, 100);
    OpenedPort reader = open({"pcap", {{"rx", file}}, "reader"});
    CHECK(receive_frame(*reader.port).size() == 100);
    write_pcap(file, 1, 67000, {.is_there = true});
    write_pcap(file, 1, 100, {.is_there = true});
    const std::uint32_t before = packet_pool().in_use_count();
    CHECK(receive_frame(*reader.port).size() == 100);
    CHECK(reader.port->losses().rx_errors == 1);
    CHECK(packet_pool().in_use_count() == before);
    std::filesystem::remove(file);
}

TEST_CASE("a capture file of another link type than Ethernet is refused by that type's name")
{
    const std::string file = temporary("type.pcap");
    packet_pool();
    // As <pcap/dlt.h> numbers them: raw IP, Linux cooked (1 and 2), 802.11 (bare and with radiotap), NULL, PPP.
    const auto [type, name] = GENERATE(table<std::uint32_t, std::string>({{101, "RAW (12)"},
                                                                          {113, "LINUX_SLL (113)"},
                                                                          {276, "LINUX_SLL2 (276)"},
                                                                          {105, "IEEE802_11 (105)"},
                                                                          {127, "IEEE802_11_RADIO (127)"},
                                                                          {0, "NULL (0)"},
                                                                          {9, "PPP (9)"}}));
    write_pcap(file, 1, 60, {.link_type = type});
    const bool loops = GENERATE(false, true);
    PortRequest request{"pcap", {{"rx", file}}};
    if (loops)
        request.options.emplace("loop", "");
    CHECK(error_of(request) ==
          fmt::format("rx \"{}\" holds no Ethernet frames: its link type is {}; expected EN10MB", file, name));
    std::filesystem::remove(file);
}

TEST_CASE("a capture file with times in nanoseconds is played as any other")
{
    const std::string file = temporary("nano.pcap");
    packet_pool();
    write_pcap(file, 1, 60, {.magic = 0xa1b23c4d});
    OpenedPort reader = open({"pcap", {{"rx", file}}, "reader"});
    CHECK(receive_frame(*reader.port).size() == 60);
    std::filesystem::remove(file);
}

TEST_CASE("a capture file that ends within a frame is played up to there, and says so")
{
    const std::string file = temporary("short.pcap");
    packet_pool();
    write_pcap(file, 3, 100);
    std::filesystem::resize_file(file, std::filesystem::file_size(file) - 1);
    OpenedPort reader = open({"pcap", {{"rx", file}}, "reader"});
    CHECK_THAT(reader.warning, Catch::Contains(file) && Catch::Contains("after 2 packets: truncated"));
    CHECK(receive_frame(*reader.port).size() == 100);
    CHECK(receive_frame(*reader.port).size() == 100);
    CHECK(receive_frame(*reader.port).empty());
    std::filesystem::remove(file);
}

TEST_CASE("a FIFO in a capture file's place is refused and not waited for")
{
    const std::string file = temporary("fifo");
    packet_pool();
    REQUIRE(mkfifo(file.c_str(), 0600) == 0);
    CHECK_THAT(error_of({"pcap", {{"rx", file}}}), Catch::Contains("no regular file"));
    CHECK_THAT(error_of({"pcap", {{"tx", file}}}), Catch::Contains("No such device or address"));
    std::filesystem::remove(file);
}

TEST_CASE("pcap refuses what it cannot do, and says why")
{
    packet_pool();
    using Catch::Contains;
    CHECK_THAT(error_of({"pcap", {}}), Contains("rx FILE, tx FILE or both"));
    CHECK_THAT(error_of({"pcap", {{"tx", "/tmp/x"}, {"loop", ""}}}), Contains("loop"));
    CHECK_THAT(error_of({"pcap", {{"tx", "/tmp/a,b"}}}), Contains("/tmp/a,b"));
    CHECK_THAT(error_of({"pcap", {{"rx", "/no/such/file"}}}), Contains("No such file"));
    CHECK_THAT(error_of({"pcap", {{"tx", "/no/such/file"}}}), Contains("No such file"));
}
