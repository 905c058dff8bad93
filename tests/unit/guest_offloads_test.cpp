// SPDX-License-Identifier: BSD-3-Clause
// A vhost-user port and a guest that leaves checksums and segmentation undone: DPDK's virtio-user, in this process.
#include "dataplane/offload/gso.h"
#include "dataplane/port/eth/eth_device.h"
#include "tests/support/ports.h"
#include "tests/support/tcp_frames.h"

#include <catch2/catch.hpp>

#include <rte_ethdev.h>
#include <unistd.h>

#include <filesystem>

using namespace vx;
using namespace vx::test;

namespace
{

// A guest's card, with every offload that there is; EthPort would ask for none.
class Guest
{
public:
    Guest(const std::string& path, const std::string& more)
    {
        auto taken = EthDevice::take("net_virtio_user_offloads,queue_size=1024,path=" + path + more);
        REQUIRE(taken);
        device_.emplace(std::move(*taken));
        rte_eth_conf conf{};
        conf.rxmode.offloads = RTE_ETH_RX_OFFLOAD_TCP_LRO | RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM;
        conf.txmode.offloads = RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_TCP_CKSUM |
                               RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
        REQUIRE(rte_eth_dev_configure(id(), 1, 1, &conf) == 0);
        REQUIRE(rte_eth_rx_queue_setup(id(), 0, 1024, 0, nullptr, packet_pool().raw()) == 0);
        REQUIRE(rte_eth_tx_queue_setup(id(), 0, 1024, 0, nullptr) == 0);
        REQUIRE(rte_eth_dev_start(id()) == 0);
    }

    std::uint16_t id() const { return device_->id(); }
    bool send(rte_mbuf* frame) const { return rte_eth_tx_burst(id(), 0, &frame, 1) == 1; }
    rte_mbuf* receive() const
    {
        rte_mbuf* frame = nullptr;
        for (int i = 0; i < 1000 && rte_eth_rx_burst(id(), 0, &frame, 1) == 0; ++i)
            usleep(1000);
        return frame;
    }

private:
    std::optional<EthDevice> device_;
};

rte_mbuf* receive_any(Port& port)
{
    rte_mbuf* frames[1] = {};
    for (int i = 0; i < 1000 && port.rx(0, frames) == 0; ++i)
        usleep(1000);
    return frames[0];
}

std::string temporary_socket()
{
    return std::filesystem::temp_directory_path() / fmt::format("vxd-guest-{}", getpid());
}

bool becomes_up(const Port& port)
{
    for (int i = 0; i < 5000 && !port.is_up(); ++i)
        usleep(1000);
    return port.is_up();
}

// As a guest's driver asks for it.
void ask(rte_mbuf* frame, const FlowShape& shape, std::uint16_t segment_size)
{
    frame->l2_len = shape.l3() & 0x7f;
    frame->l3_len = (shape.l4() - shape.l3()) & 0x1ff;
    frame->ol_flags |= shape.is_v4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6;
    if (segment_size == 0) {
        frame->ol_flags |= shape.is_udp ? RTE_MBUF_F_TX_UDP_CKSUM : RTE_MBUF_F_TX_TCP_CKSUM;
        return;
    }
    frame->ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
    frame->l4_len = (shape.headers_size() - shape.l4()) & 0xff;
    frame->tso_segsz = segment_size;
}

} // namespace

TEST_CASE("what a guest leaves undone is noted, and what it takes undone reaches it so")
{
    packet_pool();
    const std::string path = temporary_socket();
    const std::string ring = GENERATE("", ",packed_vq=1");
    OpenedPort port = open({"vhost-user", {{"path", path}}, "vm1"});
    CHECK(port.port->offloads() == Offloads{});
    {
        const Guest guest{path, ring};
        REQUIRE(becomes_up(*port.port));
        CHECK(port.port->offloads() == Offloads{.checksum = true, .tso4 = true, .tso6 = true});

        std::mt19937_64 random{7};
        for (const bool is_v4 : {true, false}) {
            for (const bool is_udp : {true, false}) {
                CAPTURE(is_v4, is_udp);
                FlowShape shape;
                shape.is_v4 = is_v4;
                shape.is_udp = is_udp;
                const Frame frame = frame_of(shape, random_payload(random, 900), Checksum::kPartial);
                rte_mbuf* const sent = mbuf_of(frame);
                ask(sent, shape, 0);
                REQUIRE(guest.send(sent));
                rte_mbuf* const seen = receive_any(*port.port);
                REQUIRE(seen != nullptr);
                CHECK(frame_of(seen) == frame);
                REQUIRE(has_partial_checksum(seen));
                CHECK(note_of(seen).checksum_start == shape.l4());
                CHECK(note_of(seen).checksum_offset == (is_udp ? 6 : 16));
                CHECK(note_of(seen).gso == Gso::kNone);

                rte_mbuf* back[] = {seen}; // and on, as it is
                REQUIRE(port.port->tx(0, back) == 1);
                rte_mbuf* const arrived = guest.receive();
                REQUIRE(arrived != nullptr);
                CHECK(frame_of(arrived) == frame);
                CHECK((arrived->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_NONE);
                rte_pktmbuf_free(arrived);
            }
            CAPTURE(is_v4);
            FlowShape shape;
            shape.is_v4 = is_v4;
            shape.options = {1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8};
            const Frame frame = frame_of(shape, random_payload(random, 40000), Checksum::kPartial);
            rte_mbuf* const sent = chain_of(frame, shape.headers_size(), random);
            ask(sent, shape, 1400);
            REQUIRE(guest.send(sent));
            rte_mbuf* const seen = receive_any(*port.port);
            REQUIRE(seen != nullptr);
            CHECK(frame_of(seen) == frame);
            REQUIRE(is_gso(seen));
            CHECK(gso_is_sound(seen));
            CHECK(note_of(seen).gso_size == 1400);
            CHECK(note_of(seen).checksum_start == shape.l4());

            rte_mbuf* back[] = {seen};
            REQUIRE(port.port->tx(0, back) == 1);
            rte_mbuf* const arrived = guest.receive();
            REQUIRE(arrived != nullptr);
            CHECK(frame_of(arrived) == frame);
            CHECK((arrived->ol_flags & RTE_MBUF_F_RX_LRO) != 0);
            CHECK(arrived->tso_segsz == 1400);
            rte_pktmbuf_free(arrived);
        }
    }
    for (int i = 0; i < 5000 && port.port->is_up(); ++i)
        usleep(1000);
    CHECK(port.port->offloads() == Offloads{}); // nobody is there
}
