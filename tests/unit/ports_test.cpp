// SPDX-License-Identifier: BSD-3-Clause
// Ports against the kernel's interfaces, and ports of DPDK's own devices.
#include "tests/support/ports.h"

#include <catch2/catch.hpp>

#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>

using namespace vx;
using namespace vx::test;

namespace
{

// Both ends in the calling thread's namespace, up, and silent.
void make_veth()
{
    run("ip link add va type veth peer name vb && ip link set va up && ip link set vb up && ethtool -K vb tx off "
        ">/dev/null");
}

// Not every kernel has AF_XDP for every interface: without it the test is skipped, and says so.
std::optional<OpenedPort> open_on_va(const std::string& kind)
{
    auto opened = try_open({kind, {{"dev", "va"}}, "up"});
    if (opened)
        return std::move(*opened);
    INFO(opened.error().message);
    REQUIRE(kind == "af_xdp");
    REQUIRE(socket(AF_XDP, SOCK_RAW, 0) < 0);
    WARN("skipped: this kernel has no AF_XDP");
    return std::nullopt;
}

} // namespace

// ---- the kernel's interfaces -----------------------------------------------------------------------------------

TEST_CASE("af_packet carries frames both ways and wakes a sleeper")
{
    if (cannot_make_namespaces())
        return;
    packet_pool();
    const PrivateNetns ours;
    make_veth();
    const std::string mtu = GENERATE("1500", "9000");
    run("ip link set va mtu " + mtu + " && ip link set vb mtu " + mtu);
    const RawSocket far{"vb"};
    OpenedPort opened = open({"af_packet", {{"dev", "va"}}, "up"});
    CHECK(opened.warning.empty()); // whatever the other end of the veth leaves undone, it says so
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
    if (cannot_make_namespaces())
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
    if (cannot_make_namespaces())
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
    if (cannot_make_namespaces())
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
        CHECK_THAT(opened->warning, Catch::Contains("ethtool -K PEER tx off"));
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
    if (cannot_make_namespaces())
        return;
    packet_pool();
    const PrivateNetns ours;
    make_veth();
    const RawSocket far{"vb"};
    auto opened = try_open({"af_xdp", {{"dev", "va"}}, "up"});
    if (!opened && socket(AF_XDP, SOCK_RAW, 0) < 0) {
        WARN("skipped: this kernel has no AF_XDP");
        return;
    }
    REQUIRE(opened.has_value());
    const Frame frame = experimental_frame(1000);
    rte_mbuf* mbufs[] = {mbuf_of(Frame(frame.begin(), frame.begin() + 50))};
    rte_pktmbuf_chain(mbufs[0], mbuf_of(Frame(frame.begin() + 50, frame.end())));
    CHECK(opened->port->tx(0, mbufs) == 1);
    CHECK(far.receive() == frame);
}

TEST_CASE("queues that af_xdp does not open, and that receive, are warned of; more than there are is refused by number")
{
    if (cannot_make_namespaces())
        return;
    packet_pool();
    const PrivateNetns ours;
    run("ip link add va numrxqueues 4 numtxqueues 4 type veth peer name vb numrxqueues 4 numtxqueues 4 && "
        "ip link set va up && ip link set vb up && ethtool -K vb tx off >/dev/null");
    CHECK(
        error_of({"af_xdp", {{"dev", "va"}, {"queues", "4"}}}) ==
        "queues 4: interface \"va\" has 4 receive and 4 transmit queues and no combined ones; expected 1 at most, what "
        "DPDK's driver opens (ethtool -l va)");
    if (auto opened = open_on_va("af_xdp"); opened)
        CHECK_THAT(opened->warning,
                   Catch::Contains("interface \"va\" receives by 4 queues, and 1 of them is opened: what comes by the "
                                   "others is lost; ethtool -L PEER rx 1 tx 1 at its other end, and ethtool -L va rx 1 "
                                   "tx 1"));
    run("ethtool -L vb rx 1 tx 1 && ethtool -L va rx 1 tx 1");
    if (auto opened = open_on_va("af_xdp"); opened)
        CHECK_THAT(opened->warning, !Catch::Contains("queues"));
}

TEST_CASE("an interface that does not exist or is down is named")
{
    if (cannot_make_namespaces())
        return;
    packet_pool();
    const PrivateNetns ours;
    make_veth();
    for (const char* kind : {"af_packet", "af_xdp"})
        CHECK(error_of({kind, {{"dev", "eth9"}}}) == "interface \"eth9\" does not exist in this network namespace");
    for (const char* kind : {"af_packet", "af_xdp"})
        CHECK_THAT(error_of({kind, {{"dev", "lo"}}}), Catch::Contains("is the loopback"));
    run("ip link set va down");
    CHECK_THAT(open({"af_packet", {{"dev", "va"}}}).warning, Catch::Contains("ip link set va up"));
}

TEST_CASE("frames that find the ring of af_packet or af_xdp full are counted")
{
    if (cannot_make_namespaces())
        return;
    packet_pool();
    const PrivateNetns ours;
    const std::string kind = GENERATE("af_packet", "af_xdp");
    CAPTURE(kind);
    make_veth();
    const RawSocket far{"vb"};
    auto opened = open_on_va(kind);
    if (!opened)
        return;
    CHECK(opened->port->losses().rx_missed == 0);
    for (int i = 0; i < 5000; ++i)
        far.send(experimental_frame(60));
    const std::uint64_t missed = opened->port->losses().rx_missed;
    CHECK(missed > 900);
    CHECK(missed < 5000);
    CHECK(opened->port->losses().rx_missed == missed); // asking does not begin anew
}

TEST_CASE("a port on an interface that was deleted is gone, also when another has come under its name")
{
    if (cannot_make_namespaces())
        return;
    packet_pool();
    const PrivateNetns ours;
    const std::string kind = GENERATE("af_packet", "af_xdp");
    CAPTURE(kind);
    make_veth();
    auto opened = open_on_va(kind);
    if (!opened)
        return;
    run("ip link set va down && ip link set va name vz && ip link set vz up");
    CHECK_FALSE(opened->port->is_gone());
    for (int i = 0; i < 3000 && !opened->port->is_up(); ++i) // the kernel tells of the carrier in the background
        usleep(1000);
    CHECK(opened->port->is_up());
    CHECK(opened->port->set_mac(*Mac::parse("02:00:00:00:00:77")).has_value());
    run("ip link show vz | grep -q 02:00:00:00:00:77");
    const bool is_same_index = GENERATE(false, true);
    const unsigned index = if_nametoindex("vz");
    run("ip link del vz");
    CHECK(opened->port->is_gone());
    CHECK_FALSE(opened->port->is_up());
    run(fmt::format("ip link add va {} type veth peer name vb && ip link set va up && ip link set vb up",
                    is_same_index ? fmt::format("index {}", index) : ""));
    CHECK(opened->port->is_gone());
    CHECK_FALSE(opened->port->is_up());
    CHECK_FALSE(opened->port->set_mtu(1400).has_value());
    run("ip link show va | grep -q 'mtu 1500'");
}

// ---- DPDK's own devices ---------------------------------------------------------------------------------------

TEST_CASE("a virtual device that DPDK has no driver for is refused as such")
{
    packet_pool();
    CHECK(error_of({"vdev", {{"args", "net_nope0,a=b"}}}) == "there is no DPDK driver for \"net_nope0\"");
    CHECK(error_of({"vdev", {{"args", "net_virtio_user0,path=/dev/no-vhost-net,iface=t0"}}}) ==
          "args \"net_virtio_user0,path=/dev/no-vhost-net,iface=t0\": /dev/no-vhost-net: No such file or directory");
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
    constexpr unsigned kXdpPorts = 8;
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
