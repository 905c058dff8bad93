// SPDX-License-Identifier: BSD-3-Clause
#include "tests/fuzz/pipeline_host.h"

namespace vx::fuzz
{

namespace
{

using namespace vx::test;

constexpr unsigned kRingSize = 1023;
constexpr unsigned kPoolSize = 2047;
constexpr Mac kUnderlayMac{{0x02, 0, 0, 0, 0, 0x01}};

// make_corpus.py's frames are for this.
constexpr std::string_view kSetup = R"(
link add uplink address 02:00:00:00:00:01 mtu 9000 type vdev args net_ring_up
addr add 192.0.2.1/24 dev uplink
addr add 2001:db8::1/64 dev uplink
neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev uplink
neigh add 2001:db8::2 lladdr 02:00:00:00:00:02 dev uplink
link add br0 address 02:00:00:00:00:0a type bridge
link add c1 type vdev args net_ring_c1
link add c2 type vdev args net_ring_c2
link set c1 master br0
link set c2 master br0
link add vx4 type vxlan id 100 local 192.0.2.1 udpcsum
link set vx4 master br0
fdb append 00:00:00:00:00:00 dev vx4 dst 192.0.2.2
fdb append 00:00:00:00:00:00 dev vx4 dst 192.0.2.3
addr add 172.18.10.1/24 dev br0
addr add fd00::1/64 dev br0
link add vx6 address 02:00:00:00:00:0b type vxlan id 200 local 2001:db8::1
addr add 172.18.10.0/32 dev vx6
route add 172.18.20.0/24 via 172.18.20.0 dev vx6 onlink
neigh add 172.18.20.0 lladdr 02:00:00:00:00:0c dev vx6
fdb append 02:00:00:00:00:0c dev vx6 dst 2001:db8::2
)";
constexpr std::string_view kForget = R"(
fdb flush br br0 nopermanent nostatic
fdb flush dev vx6 nopermanent nostatic
neigh flush all
)";

MbufPool create_pool()
{
    auto pool = MbufPool::create("received", kPoolSize, MbufPool::kAnyNode);
    require(pool.has_value(), "there is memory for frames");
    return *std::move(pool);
}

std::unique_ptr<RingPort> create_port(const char* name)
{
    auto port = RingPort::create(name, kRingSize);
    require(port.has_value(), "there is memory for rings");
    return *std::move(port);
}

void check_sent(const rte_mbuf* mbuf)
{
    const Frame frame = bytes_of(mbuf);
    require(frame.size() == rte_pktmbuf_pkt_len(mbuf), "the segments make the frame");
    const OuterHeaders outer = parse_outer(frame, frame.size());
    require(outer.kind != OuterHeaders::Kind::kDrop, "another vxd would take what leaves");
    require(header_at<EthernetHeader>(frame, 0).source == kUnderlayMac, "what leaves is from us");
    if (outer.kind != OuterHeaders::Kind::kUdp)
        return;
    require(frame.size() >= outer.inner_offset() + sizeof(EthernetHeader), "a tunnel carries whole headers");
    require(header_at<VxlanHeader>(frame, outer.l4_offset + sizeof(UdpHeader)).has_vni(), "the I flag is set");
    require(std::size_t{outer.l4_offset} + outer.udp_length == frame.size(), "nothing follows the datagram");
    if (outer.has_udp_checksum) {
        constexpr std::size_t l3 = sizeof(EthernetHeader);
        const std::uint64_t pseudo =
            outer.is_v6 ? pseudo_sum_v6(header_at<Ipv6Header>(frame, l3), ip_protocol::kUdp, outer.udp_length)
                        : pseudo_sum_v4(header_at<Ipv4Header>(frame, l3), ip_protocol::kUdp, outer.udp_length);
        require(checksum_is_right(checksum_add(pseudo, frame.data() + outer.l4_offset, outer.udp_length)),
                "the UDP checksum is right");
    }
    require(outer.has_udp_checksum, "both tunnels have checksums");
}

} // namespace

PipelineHost& PipelineHost::the()
{
    static PipelineHost host;
    return host;
}

PipelineHost::PipelineHost() : pool_(create_pool()), ports_{create_port("up"), create_port("c1"), create_port("c2")}
{
    daemon_.run_script(kSetup);
    daemon_.turn();
    take_all();
}

PipelineHost::~PipelineHost()
{
    daemon_.remove_everything(); // the links, before the devices under them
}

void PipelineHost::receive(std::size_t port, Input bytes, const MbufShape& shape, const VnetHeader* header)
{
    const auto* begin = reinterpret_cast<const std::byte*>(bytes.data());
    rte_mbuf* mbuf = make_mbuf(pool_.raw(), Frame(begin, begin + bytes.size()), shape);
    require(mbuf != nullptr, "there is a buffer");
    if (header != nullptr)
        note_offloads(mbuf, *header);
    require(ports_[port]->give(mbuf), "there is room for a frame");
}

void PipelineHost::check()
{
    daemon_.turn();
    take_all();
    require(pool_.in_use_count() == 0, "buffers that came in come back");
    const rte_mempool* packets = rte_mempool_lookup("vx_packets");
    require(packets != nullptr && rte_mempool_in_use_count(packets) == 0, "the data plane's buffers come back");
    require(daemon_.output_of("fdb show dev uplink").empty(), "the fabric's own MACs are not learned");
    daemon_.run_script(kForget);
}

void PipelineHost::take_all()
{
    for (const auto& port : ports_)
        while (rte_mbuf* mbuf = port->take()) {
            if (port == ports_.front())
                check_sent(mbuf);
            rte_pktmbuf_free(mbuf);
        }
}

} // namespace vx::fuzz
