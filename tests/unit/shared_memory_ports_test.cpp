// SPDX-License-Identifier: BSD-3-Clause
// Ports whose other end is a process that shares memory with vxd: here, this one.
#include "dataplane/port/eth/shared_memory.h"
#include "tests/support/ports.h"

#include <catch2/catch.hpp>

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <filesystem>
#include <fstream>

using namespace vx;
using namespace vx::test;

namespace
{

std::string temporary(const std::string& name)
{
    return std::filesystem::temp_directory_path() / fmt::format("vxd-ports-{}-{}", getpid(), name);
}

} // namespace

namespace
{

// Two pages of a file that has become empty since.
std::byte* map_empty_file(int sharing)
{
    const int file = memfd_create("shared", 0);
    REQUIRE(ftruncate(file, 8192) == 0);
    void* const memory = mmap(nullptr, 8192, PROT_READ | PROT_WRITE, sharing, file, 0);
    REQUIRE(memory != MAP_FAILED);
    REQUIRE(ftruncate(file, 0) == 0);
    close(file);
    return static_cast<std::byte*>(memory);
}

} // namespace

TEST_CASE("memory whose file was made shorter reads as zeros, and marks what the thread was serving")
{
    eal();
    SharedMemory memory{"/nowhere"};
    SharedMemory other{"/nowhere else"};
    volatile std::byte* const bytes = map_empty_file(MAP_SHARED);
    {
        const SharedMemory::Access access{memory};
        CHECK(bytes[5000] == std::byte{0});
        bytes[0] = std::byte{1};
        CHECK(bytes[0] == std::byte{1});
    }
    CHECK(memory.faults() == 1);
    CHECK_FALSE(other.is_lost());
    CHECK(munmap(const_cast<std::byte*>(bytes), 8192) == 0);
}

TEST_CASE("a bus error that is nobody else's doing ends the process, as it does without shared memory")
{
    eal();
    const SharedMemory memory{"/nowhere"};
    volatile std::byte* const bytes = map_empty_file(MAP_PRIVATE);
    CHECK_FALSE(SharedMemory::mend(reinterpret_cast<std::uintptr_t>(bytes)));
    const pid_t child = fork();
    if (child == 0) {
        const rlimit none{};
        setrlimit(RLIMIT_CORE, &none);
        bytes[0] = std::byte{1};
        _exit(0);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGBUS);
    CHECK(munmap(const_cast<std::byte*>(bytes), 8192) == 0);
}

TEST_CASE("two memif ports carry frames to each other")
{
    const std::string path = temporary("memif");
    packet_pool();
    {
        OpenedPort server = open({"memif", {{"path", path}, {"id", "7"}}, "server", {}, 9000});
        OpenedPort client = open({"memif", {{"path", path}, {"id", "7"}, {"role", "client"}}, "client", {}, 9000});
        for (int i = 0; i < 3000 && !(server.port->is_up() && client.port->is_up()); ++i)
            usleep(1000);
        REQUIRE(server.port->is_up());
        rte_mbuf* none[1];
        CHECK(client.port->rx(0, none) == 0); // a client's first look is what gives the server buffers
        for (const std::size_t size : {60, 1514, 9014, 60}) {
            CAPTURE(size);
            CHECK(send(*client.port, experimental_frame(size), 1));
            CHECK(receive_frame(*server.port) == experimental_frame(size));
            CHECK(send(*server.port, experimental_frame(size), 1));
            CHECK(receive_frame(*client.port) == experimental_frame(size));
        }
    }
    CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("what lies where a socket should be, and is none or is somebody's, is left alone")
{
    packet_pool();
    const std::string path = temporary("precious");
    std::ofstream{path} << "precious";
    for (const char* kind : {"vhost-user", "memif"})
        CHECK_THAT(error_of({kind, {{"path", path}, {"id", "1"}}}), Catch::Contains("exists, and is no socket"));
    CHECK(std::filesystem::file_size(path) == 8);
    std::filesystem::remove(path);
    CHECK_THAT(error_of({"memif", {{"path", path}, {"id", "1"}, {"role", "client"}}}),
               Catch::Contains("nobody listens there"));
    {
        const OpenedPort first = open({"vhost-user", {{"path", path}}, "first"});
        for (const char* kind : {"vhost-user", "memif"})
            CHECK_THAT(error_of({kind, {{"path", path}, {"id", "1"}}}), Catch::Contains("somebody listens there"));
        CHECK(std::filesystem::exists(path));
    }
    CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("a virtual machine's card comes and goes behind a vhost-user port, whoever made the socket")
{
    const std::string path = temporary("vhost");
    packet_pool();
    const bool is_client = GENERATE(false, true);
    CAPTURE(is_client);
    {
        OpenedPort port = open({"vhost-user", {{"path", path}, {"mode", is_client ? "client" : "server"}}, "vm1"});
        CHECK_FALSE(port.port->is_up());
        CHECK_FALSE(send(*port.port, experimental_frame(60), 1)); // nobody is there, and the caller keeps it
        for (int round = 0; round < 2; ++round) {
            CAPTURE(round);
            OpenedPort guest = open(
                {"vdev", {{"args", "net_virtio_user0,queue_size=256,path=" + path + (is_client ? ",server=1" : "")}}});
            for (int i = 0; i < 5000 && !(port.port->is_up() && guest.port->is_up()); ++i)
                usleep(1000);
            REQUIRE(port.port->is_up());
            REQUIRE(guest.port->is_up());
            CHECK(port.port->offloads() == Offloads{}); // it has asked for none
            for (const std::size_t size : {60, 1514, 60}) {
                CAPTURE(size);
                CHECK(send(*guest.port, experimental_frame(size), 1));
                CHECK(receive_frame(*port.port) == experimental_frame(size));
                CHECK(send(*port.port, experimental_frame(size), 1));
                CHECK(receive_frame(*guest.port) == experimental_frame(size));
            }
        }
        for (int i = 0; i < 5000 && port.port->is_up(); ++i)
            usleep(1000);
        CHECK_FALSE(port.port->is_up());
    }
    CHECK_FALSE(std::filesystem::exists(path));
    CHECK_THAT(error_of({"vhost-user", {{"path", "relative"}}}), Catch::Contains("does not start with '/'"));
}
