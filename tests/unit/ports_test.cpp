// SPDX-License-Identifier: BSD-3-Clause
// Ports against the kernel and against each other. Where no network namespace can be made, most of it is skipped.
#include "tests/support/ports.h"

#include <catch2/catch.hpp>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

// A frame by its size: whole ones are long.
template <>
struct Catch::StringMaker<vx::test::Frame> {
    static std::string convert(const vx::test::Frame& frame) { return fmt::format("frame of {} bytes", frame.size()); }
};

using namespace vx;
using namespace vx::test;

namespace
{

bool cannot_run()
{
    if (can_make_namespaces())
        return false;
    WARN("skipped: no right to make network namespaces");
    return true;
}

std::string error_of(const PortRequest& request)
{
    auto opened = try_open(request);
    return opened ? "" : opened.error().message;
}

// Both ends in the calling thread's namespace, up, and silent.
void make_veth()
{
    run("ip link add va type veth peer name vb && ip link set va up && ip link set vb up && ethtool -K vb tx off "
        ">/dev/null");
}

std::string temporary(const std::string& name)
{
    return std::filesystem::temp_directory_path() / fmt::format("vxd-ports-{}-{}", getpid(), name);
}

} // namespace

// ---- tap -------------------------------------------------------------------------------------------------------

TEST_CASE("a TAP carries frames of every size in both directions")
{
    if (cannot_run())
        return;
    packet_pool();
    ForeignNetns container;
    OpenedPort opened = open({"tap", {{"netns", container.path()}, {"ifname", "eth0"}}, "c1", {}, 9000});
    std::unique_ptr<RawSocket> inside;
    container.run([&] { inside = std::make_unique<RawSocket>("eth0"); });
    CHECK(opened.port->mtu() == 9000);
    CHECK(opened.port->is_up());
    for (const std::size_t size : {14, 60, 1514, 2048, 2049, 4224, 4225, 9014}) {
        const Frame frame = experimental_frame(size);
        CAPTURE(size);
        inside->send(frame);
        CHECK(becomes_readable(opened.port->wake_fd(0)));
        CHECK(receive_frame(*opened.port) == frame);
        CHECK(send(*opened.port, frame));
        CHECK(inside->receive() == frame);
    }
}

TEST_CASE("a TAP carries jumbo frames up to the largest MTU")
{
    if (cannot_run())
        return;
    packet_pool();
    ForeignNetns container;
    OpenedPort opened = open({"tap", {{"netns", container.path()}}, "c1", {}, 65521});
    std::unique_ptr<RawSocket> inside;
    container.run([&] { inside = std::make_unique<RawSocket>("c1"); });
    const Frame frame = experimental_frame(65521 + 14);
    inside->send(frame);
    CHECK(receive_frame(*opened.port) == frame);
    CHECK(send(*opened.port, frame));
    CHECK(inside->receive() == frame);
}

TEST_CASE("the first segment of a TAP frame has headroom for an outer header")
{
    if (cannot_run())
        return;
    packet_pool();
    ForeignNetns container;
    OpenedPort opened = open({"tap", {{"netns", container.path()}}, "c1"});
    std::unique_ptr<RawSocket> inside;
    container.run([&] { inside = std::make_unique<RawSocket>("c1"); });
    inside->send(experimental_frame(1514));
    rte_mbuf* const mbuf = receive(*opened.port);
    REQUIRE(mbuf != nullptr);
    CHECK(rte_pktmbuf_headroom(mbuf) >= 70);
    CHECK_FALSE(has_partial_checksum(mbuf));
    rte_pktmbuf_free(mbuf);
}

TEST_CASE("a datagram that a container sends has a partial checksum, which can be completed")
{
    if (cannot_run())
        return;
    packet_pool();
    ForeignNetns container;
    OpenedPort opened = open({"tap", {{"netns", container.path()}, {"ifname", "eth0"}}, "c1"});
    container.run([] {
        run("ip addr add 10.9.0.1/24 dev eth0 && ip neigh add 10.9.0.2 lladdr 02:00:00:00:00:02 dev eth0");
        const int fd = socket(AF_INET, SOCK_DGRAM, 0);
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(7);
        to.sin_addr.s_addr = htonl(0x0a090002);
        sendto(fd, "odd", 3, 0, reinterpret_cast<const sockaddr*>(&to), sizeof(to));
        close(fd);
    });
    bool is_seen = false;
    for (int attempt = 0; attempt < 1000 && !is_seen; ++attempt) {
        rte_mbuf* mbufs[1];
        if (opened.port->rx(0, mbufs) == 0) {
            usleep(1000);
            continue;
        }
        const auto& ip = *rte_pktmbuf_mtod_offset(mbufs[0], const Ipv4Header*, sizeof(EthernetHeader));
        if (rte_pktmbuf_data_len(mbufs[0]) > 34 && ip.version() == 4 && ip.protocol == ip_protocol::kUdp) {
            is_seen = true;
            CHECK(has_partial_checksum(mbufs[0]));
            CHECK(note_of(mbufs[0]).checksum_start == 34);
            CHECK(note_of(mbufs[0]).checksum_offset == 6);
            CHECK(complete_checksum(mbufs[0]));
            CHECK_FALSE(has_partial_checksum(mbufs[0]));
            const std::uint64_t sum = pseudo_sum_v4(ip, ip_protocol::kUdp, 11);
            CHECK(checksum_is_right(checksum_add(sum, mbufs[0], 34, 11)));
        }
        rte_pktmbuf_free(mbufs[0]);
    }
    CHECK(is_seen);
}

TEST_CASE("a TAP takes a partial checksum and the container accepts the datagram")
{
    if (cannot_run())
        return;
    packet_pool();
    ForeignNetns container;
    const Mac mac = *Mac::parse("02:00:00:00:00:11");
    OpenedPort opened = open({"tap", {{"netns", container.path()}, {"ifname", "eth0"}}, "c1", mac});
    CHECK(opened.port->mac() == mac);
    int fd = -1;
    container.run([&fd] {
        run("ip addr add 10.9.0.1/24 dev eth0");
        fd = socket(AF_INET, SOCK_DGRAM, 0);
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_port = htons(7);
        bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof(at));
    });
    Frame frame = {0x02, 0, 0, 0,  0, 0x11, 0x02, 0,  0, 0, 0, 2, 0x08, 0, 0x45, 0, 0,  31, 0, 0,   0,   0,  64,
                   17,   0, 0, 10, 9, 0,    2,    10, 9, 0, 1, 0, 9,    0, 7,    0, 11, 0,  0, 'o', 'd', 'd'};
    rte_mbuf* mbufs[] = {mbuf_of(frame)};
    auto& ip = *rte_pktmbuf_mtod_offset(mbufs[0], Ipv4Header*, 14);
    const std::uint16_t ip_sum = checksum_finish(checksum_add(0, &ip, 20));
    std::memcpy(rte_pktmbuf_mtod_offset(mbufs[0], void*, 24), &ip_sum, 2);
    const std::uint16_t pseudo = checksum_fold(pseudo_sum_v4(ip, ip_protocol::kUdp, 11));
    std::memcpy(rte_pktmbuf_mtod_offset(mbufs[0], void*, 40), &pseudo, 2);
    mbufs[0]->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_NONE;
    note_of(mbufs[0]) = {.checksum_start = 34, .checksum_offset = 6};
    CHECK(opened.port->tx(0, mbufs) == 1);
    CHECK(becomes_readable(fd));
    char text[8] = {};
    CHECK(recv(fd, text, sizeof(text), MSG_DONTWAIT) == 3);
    CHECK(std::string{text} == "odd");
    close(fd);
}

TEST_CASE("a TAP is gone when its port is")
{
    if (cannot_run())
        return;
    packet_pool();
    ForeignNetns container;
    unsigned index = 0;
    {
        OpenedPort opened = open({"tap", {{"netns", container.path()}, {"queues", "2"}}, "c1"});
        CHECK(opened.port->rx_queue_count() == 2);
        CHECK(opened.port->wake_fd(0) != opened.port->wake_fd(1));
        container.run([&index] { index = if_nametoindex("c1"); });
        CHECK(index != 0);
    }
    container.run([&index] { index = if_nametoindex("c1"); });
    CHECK(index == 0);
}

TEST_CASE("a TAP that cannot be made says why")
{
    if (cannot_run())
        return;
    packet_pool();
    const PrivateNetns ours;
    OpenedPort opened = open({"tap", {}, "c1"});
    using Catch::Contains;
    CHECK_THAT(error_of({"tap", {}, "c1"}), Contains("\"c1\" exists already"));
    CHECK_THAT(error_of({"tap", {{"netns", "no-such-ns"}}}),
               Contains("network namespace \"no-such-ns\" does not exist"));
    CHECK_THAT(error_of({"tap", {{"netns", "999999999"}}}), Contains("\"999999999\" does not exist"));
    CHECK_THAT(error_of({"tap", {{"netns", "/no/such"}}}), Contains("/no/such"));
    CHECK_THAT(error_of({"tap", {{"netns", "/dev/null"}}}), Contains("is not a network namespace"));
    for (const char* name : {"sixteen-bytes-xx", "a/b", "a b", ".", "..", ""})
        CHECK_THAT(error_of({"tap", {{"ifname", name}}}), Contains("is no name for an interface"));
}

TEST_CASE("a TAP whose interface is down or gone refuses frames, and says so")
{
    if (cannot_run())
        return;
    packet_pool();
    const PrivateNetns ours;
    OpenedPort opened = open({"tap", {}, "c1"});
    run("ip link set c1 down");
    CHECK_FALSE(opened.port->is_up());
    CHECK_FALSE(send(*opened.port, experimental_frame(60)));
    run("ip link set c1 up");
    CHECK(opened.port->is_up());
    CHECK(send(*opened.port, experimental_frame(60)));
    run("ip link del c1");
    rte_mbuf* mbufs[1];
    CHECK(opened.port->rx(0, mbufs) == 0);
    CHECK_FALSE(opened.port->is_up());
    CHECK_FALSE(send(*opened.port, experimental_frame(60)));
}

TEST_CASE("the MTU and MAC of a TAP can be changed from outside its namespace")
{
    if (cannot_run())
        return;
    packet_pool();
    ForeignNetns container;
    OpenedPort opened = open({"tap", {{"netns", container.path()}}, "c1"});
    CHECK(opened.port->set_mtu(8000).has_value());
    CHECK(opened.port->mtu() == 8000);
    CHECK(opened.port->set_mac(*Mac::parse("02:00:00:00:00:77")).has_value());
    container.run([] { run("ip link show c1 | grep -q 'mtu 8000' && ip link show c1 | grep -q 02:00:00:00:00:77"); });
    std::unique_ptr<RawSocket> inside;
    container.run([&] { inside = std::make_unique<RawSocket>("c1"); });
    inside->send(experimental_frame(8014));
    CHECK(receive_frame(*opened.port) == experimental_frame(8014));
}

// ---- the kernel's interfaces -----------------------------------------------------------------------------------

TEST_CASE("af_packet carries frames both ways and wakes a sleeper")
{
    if (cannot_run())
        return;
    packet_pool();
    const PrivateNetns ours;
    make_veth();
    const std::string mtu = GENERATE("1500", "9000");
    run("ip link set va mtu " + mtu + " && ip link set vb mtu " + mtu);
    const RawSocket far{"vb"};
    OpenedPort opened = open({"af_packet", {{"dev", "va"}}, "up"});
    CHECK_THAT(opened.warning, Catch::Contains("veth"));
    CHECK(opened.port->is_up());
    CHECK(opened.port->mtu() == std::stoi(mtu));
    for (const std::size_t size : {60, 1500, std::stoi(mtu) + 14}) {
        CAPTURE(size);
        far.send(experimental_frame(size));
        CHECK(becomes_readable(opened.port->wake_fd(0)));
        CHECK(receive_frame(*opened.port) == experimental_frame(size));
        CHECK(send(*opened.port, experimental_frame(size), 1));
        CHECK(far.receive() == experimental_frame(size));
    }
    CHECK_FALSE(send(*opened.port, experimental_frame(static_cast<std::size_t>(std::stoi(mtu)) + 15)));
}

TEST_CASE("a frame that a port cannot send does not keep the others from being sent")
{
    if (cannot_run())
        return;
    packet_pool();
    const PrivateNetns ours;
    make_veth();
    const RawSocket far{"vb"};
    OpenedPort opened = open({"af_packet", {{"dev", "va"}}, "up"});
    rte_mbuf* mbufs[] = {mbuf_of(experimental_frame(60)), mbuf_of(experimental_frame(1515)),
                         mbuf_of(experimental_frame(61)), mbuf_of(experimental_frame(62))};
    CHECK(opened.port->tx(0, mbufs) == 3);
    CHECK(rte_pktmbuf_pkt_len(mbufs[3]) == 1515);
    rte_pktmbuf_free(mbufs[3]);
    for (const std::size_t size : {60, 61, 62})
        CHECK(far.receive().size() == size);
}

TEST_CASE("af_packet does not receive what the host itself sends")
{
    if (cannot_run())
        return;
    packet_pool();
    const PrivateNetns ours;
    make_veth();
    OpenedPort opened = open({"af_packet", {{"dev", "va"}}, "up"});
    const RawSocket near{"va"};
    near.send(experimental_frame(100));
    CHECK(receive_frame(*opened.port).empty());
}

TEST_CASE("af_xdp carries frames both ways, wakes a sleeper, and can be opened again")
{
    if (cannot_run())
        return;
    packet_pool();
    const PrivateNetns ours;
    make_veth();
    const RawSocket far{"vb"};
    for (const int attempt : {1, 2}) {
        CAPTURE(attempt);
        auto opened = try_open({"af_xdp", {{"dev", "va"}}, "up"});
        if (!opened && attempt == 1 && socket(AF_XDP, SOCK_RAW, 0) < 0) {
            WARN("skipped: this kernel has no AF_XDP");
            return;
        }
        REQUIRE(opened.has_value());
        for (const std::size_t size : {60, 1514}) {
            CAPTURE(size);
            far.send(experimental_frame(size));
            CHECK(becomes_readable(opened->port->wake_fd(0)));
            CHECK(receive_frame(*opened->port) == experimental_frame(size));
            CHECK(send(*opened->port, experimental_frame(size), 1));
            CHECK(far.receive() == experimental_frame(size));
        }
    }
}

TEST_CASE("af_xdp sends a frame that lies in several segments")
{
    if (cannot_run())
        return;
    packet_pool();
    const PrivateNetns ours;
    make_veth();
    const RawSocket far{"vb"};
    auto opened = try_open({"af_xdp", {{"dev", "va"}}, "up"});
    if (!opened) {
        WARN("skipped: " << opened.error().message);
        return;
    }
    const Frame frame = experimental_frame(1000);
    rte_mbuf* mbufs[] = {mbuf_of(Frame(frame.begin(), frame.begin() + 50))};
    rte_pktmbuf_chain(mbufs[0], mbuf_of(Frame(frame.begin() + 50, frame.end())));
    CHECK(opened->port->tx(0, mbufs) == 1);
    CHECK(far.receive() == frame);
}

TEST_CASE("an interface that does not exist or is down is named")
{
    if (cannot_run())
        return;
    packet_pool();
    const PrivateNetns ours;
    make_veth();
    for (const char* kind : {"af_packet", "af_xdp"})
        CHECK(error_of({kind, {{"dev", "eth9"}}}) == "interface \"eth9\" does not exist in this network namespace");
    run("ip link set va down");
    CHECK_THAT(open({"af_packet", {{"dev", "va"}}}).warning, Catch::Contains("ip link set va up"));
}

// ---- files and processes ---------------------------------------------------------------------------------------

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

TEST_CASE("null takes everything and gives nothing")
{
    packet_pool();
    OpenedPort opened = open({"null", {}});
    rte_mbuf* mbufs[1];
    CHECK(opened.port->rx(0, mbufs) == 0);
    CHECK(send(*opened.port, experimental_frame(1514)));
    CHECK(opened.port->wake_fd(0) == -1);
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

TEST_CASE("a DPDK device is taken once, and its name can be used again")
{
    packet_pool();
    {
        OpenedPort first = open({"vdev", {{"args", "net_null_x,no-rx=1"}}});
        CHECK_THAT(error_of({"vdev", {{"args", "net_null_x,no-rx=1"}}}), Catch::Contains("in use"));
    }
    CHECK(error_of({"vdev", {{"args", "net_null_x,no-rx=1"}}}).empty());
    CHECK_THAT(error_of({"vdev", {{"args", "net_no_such_driver"}}}), Catch::Contains("net_no_such_driver"));
}

TEST_CASE("no packet buffer is lost by ports that came and went")
{
    constexpr unsigned kXdpPorts = 3;
    constexpr unsigned kFillRing = 2048; // which net_af_xdp keeps, and a few frames under way, each time
    CHECK(packet_pool().in_use_count() <= kXdpPorts * (kFillRing + 8));
}

TEST_CASE("the usage of a kind is made of its options")
{
    CHECK(usage_of(*find_port_kind("tap")) == "[ netns NAME|PID|PATH ] [ ifname NAME ] [ queues N ]");
    CHECK(usage_of(*find_port_kind("pci")) == "0000:81:00.0 [ queues N ]");
    CHECK(usage_of(*find_port_kind("af_packet")) == "dev IFACE");
    CHECK(find_port_kind("no-such-kind") == nullptr);
}
