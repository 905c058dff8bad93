// SPDX-License-Identifier: BSD-3-Clause
// TAP ports against the kernel, in network namespaces of their own.
#include "dataplane/port/kernel/kernel_interface.h"
#include "tests/support/ports.h"

#include <catch2/catch.hpp>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

using namespace vx;
using namespace vx::test;

TEST_CASE("a TAP carries frames of every size in both directions")
{
    if (cannot_make_namespaces())
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
    if (cannot_make_namespaces())
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
    if (cannot_make_namespaces())
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
    if (cannot_make_namespaces())
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
    if (cannot_make_namespaces())
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
    mark_partial_checksum(mbufs[0]);
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
    if (cannot_make_namespaces())
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
    if (cannot_make_namespaces())
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

TEST_CASE("without descriptors an interface is not said to be missing")
{
    rlimit before{};
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    const rlimit none{0, before.rlim_max};
    REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
    const auto found = KernelInterface::find("lo");
    setrlimit(RLIMIT_NOFILE, &before);
    REQUIRE_FALSE(found.has_value());
    CHECK(found.error().message == "interface \"lo\": socket: Too many open files");
    CHECK(KernelInterface::find("nothing").error().message ==
          "interface \"nothing\" does not exist in this network namespace");
}

TEST_CASE("a TAP whose interface is down or gone refuses frames, and says so")
{
    if (cannot_make_namespaces())
        return;
    packet_pool();
    const PrivateNetns ours;
    OpenedPort opened = open({"tap", {}, "c1"});
    run("ip link set c1 down");
    CHECK_FALSE(opened.port->is_up());
    CHECK_FALSE(opened.port->is_gone());
    CHECK_FALSE(send(*opened.port, experimental_frame(60)));
    run("ip link set c1 up");
    CHECK(opened.port->is_up());
    CHECK(send(*opened.port, experimental_frame(60)));
    run("ip link del c1");
    rte_mbuf* mbufs[1];
    CHECK(opened.port->rx(0, mbufs) == 0);
    CHECK_FALSE(opened.port->is_up());
    CHECK(opened.port->is_gone());
    CHECK_FALSE(send(*opened.port, experimental_frame(60)));
}

TEST_CASE("the MTU and MAC of a TAP can be changed from outside its namespace")
{
    if (cannot_make_namespaces())
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

TEST_CASE("a TAP is told apart by what it is, not by its name")
{
    if (cannot_make_namespaces())
        return;
    packet_pool();
    ForeignNetns container;
    OpenedPort opened = open({"tap", {{"netns", container.path()}, {"ifname", "eth0"}}, "c1"});
    container.run([] { run("ip link set eth0 down && ip link set eth0 name eth9"); });
    CHECK_FALSE(opened.port->is_up());
    container.run([] { run("ip link set eth9 up && ip link add eth0 type veth peer name eth1"); });
    CHECK(opened.port->is_up());
    CHECK(opened.port->set_mtu(8000).has_value());
    CHECK(opened.port->set_mac(*Mac::parse("02:00:00:00:00:77")).has_value());
    container.run([] {
        run("ip link show eth9 | grep -q 'mtu 8000' && ip link show eth9 | grep -q 02:00:00:00:00:77 && "
            "ip link show eth0 | grep -q 'mtu 1500'");
    });
    CHECK_FALSE(opened.port->is_gone());
}

TEST_CASE("a TAP does not keep the network namespace of its container alive")
{
    if (cannot_make_namespaces())
        return;
    packet_pool();
    auto container = std::make_unique<ForeignNetns>();
    OpenedPort opened = open({"tap", {{"netns", container->path()}, {"queues", "2"}}, "c1"});
    CHECK(opened.port->is_up());
    CHECK_FALSE(opened.port->is_gone());
    container.reset();
    for (int i = 0; i < 5000 && !opened.port->is_gone(); ++i) // the kernel removes it in the background
        usleep(1000);
    CHECK(opened.port->is_gone());
    CHECK_FALSE(opened.port->is_up());
    CHECK_FALSE(send(*opened.port, experimental_frame(60)));
    CHECK_FALSE(opened.port->set_mtu(1400).has_value());
    CHECK_FALSE(opened.port->set_mac(*Mac::parse("02:00:00:00:00:77")).has_value());
}

TEST_CASE("a TAP takes frames of an MTU that was raised behind vxd's back")
{
    if (cannot_make_namespaces())
        return;
    packet_pool();
    ForeignNetns container;
    OpenedPort opened = open({"tap", {{"netns", container.path()}}, "c1", {}, 1500});
    std::unique_ptr<RawSocket> inside;
    container.run([&] {
        run("ip link set c1 mtu 65521");
        inside = std::make_unique<RawSocket>("c1");
    });
    for (const std::size_t size : {9014, 2048, 2049, 65521 + 14, 60}) { // at the edge of a buffer, and on
        inside->send(experimental_frame(size));
        CHECK(receive_frame(*opened.port) == experimental_frame(size));
    }
}

TEST_CASE("frames that find a TAP's queue full are counted")
{
    if (cannot_make_namespaces())
        return;
    packet_pool();
    ForeignNetns container;
    OpenedPort opened = open({"tap", {{"netns", container.path()}}, "c1"});
    std::unique_ptr<RawSocket> inside;
    container.run([&] {
        run("ip link set c1 txqueuelen 10 && ip link set c1 name c9");
        inside = std::make_unique<RawSocket>("c9");
    });
    const auto before = opened.port->losses().rx_missed; // the kernel may have sent something while the name changed
    for (int i = 0; i < 100; ++i)
        inside->send(experimental_frame(60));
    const auto missed = opened.port->losses().rx_missed - before;
    CHECK(missed >= 80);
    CHECK(missed <= 100);
}
