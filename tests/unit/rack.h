// SPDX-License-Identifier: BSD-3-Clause
// Two tenants' containers and the uplink that they share, all made of rings; vxd's worker runs turn by turn.
#pragma once

#include "dataplane/transmitter.h"
#include "tests/support/ring_port.h"
#include "tests/support/tcp_frames.h"
#include "tests/unit/daemon_lab.h"
#include "tests/unit/replay.h"

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace vx::test
{

inline constexpr std::size_t kMostInTurn = kTurnWork + kQueueWork; // frames that leave

// The first six bytes: to everybody.
inline Frame broadcast(Frame frame)
{
    std::fill_n(frame.begin(), 6, 0xff);
    return frame;
}

inline rte_mbuf* tcp_mbuf(std::size_t segments, std::size_t size, bool is_broadcast)
{
    const FlowShape shape;
    Frame frame = frame_of(shape, Frame(segments * size, 7), Checksum::kPartial);
    if (is_broadcast)
        frame = broadcast(frame);
    rte_mbuf* const mbuf = mbuf_of(frame);
    mark_partial_checksum(mbuf);
    note_of(mbuf) = gso_note(shape, size);
    return mbuf;
}

inline std::unique_ptr<RingPort> ring(const std::string& name, unsigned tx_count = 4096)
{
    (void)eal();
    auto made = RingPort::create(name, tx_count);
    REQUIRE(made.has_value());
    return std::move(*made);
}

// Two tenants on one uplink: VNI 100 of a container that floods, and another one beside it, to many far VTEPs; VNI 200
// of its victim, with one far host.
class Rack
{
public:
    explicit Rack(std::size_t far_count, unsigned uplink_room = 4096) : uplink_(ring("uplink", uplink_room))
    {
        vxd_("link add uplink type vdev args net_ring_uplink\n"
             "addr add 192.0.2.1/24 dev uplink\n"
             "neigh add 192.0.2.2 lladdr 02:00:00:00:01:02 dev uplink\n"
             "route add 198.18.0.0/16 via 192.0.2.2 dev uplink\n"
             "link add br0 type bridge\nlink add br1 type bridge\n"
             "link add vx100 type vxlan id 100 local 192.0.2.1\nlink set vx100 master br0\n"
             "link add vx200 type vxlan id 200 local 192.0.2.1\nlink set vx200 master br1\n"
             "link add m1 type vdev args net_ring_m1\nlink set m1 master br0\n"
             "link add m2 type vdev args net_ring_m2\nlink set m2 master br0\n"
             "link add v1 type vdev args net_ring_v1\nlink set v1 master br1\n"
             "fdb append 02:00:00:00:00:02 dev vx200 dst 192.0.2.2\n"
             "fdb append 02:00:00:00:00:63 dev vx100 dst 192.0.2.2\n");
        vxd_(far_hosts(far_count));
        settle();
    }

    static std::string far_hosts(std::size_t count)
    {
        std::string script;
        for (std::size_t i = 0; i < count; ++i)
            script += fmt::format("fdb append 00:00:00:00:00:00 dev vx100 dst 198.18.{}.{}\n", i >> 8, i & 255);
        return script;
    }

    Daemon& vxd() { return vxd_; }
    RingPort& uplink() { return *uplink_; }
    RingPort& m1() { return *m1_; }
    RingPort& m2() { return *m2_; }
    void victim_sends() { REQUIRE(v1_->give(mbuf_of(from_to(1, 2)))); }
    void flood(RingPort& port, std::uint8_t number) { REQUIRE(port.give(mbuf_of(broadcast(from_to(number, 0))))); }

    // What it has sent waits in its ring until it is started again.
    void stop_uplink() { is_stopped_ = true; }
    void start_uplink() { is_stopped_ = false; }

    struct Turn {
        bool worked = false;
        std::map<std::uint32_t, std::size_t> by_vni;
        std::map<std::uint8_t, std::size_t> by_source; // of VNI 100, the last byte of the inner MAC
        std::vector<std::uint8_t> last_bytes;          // of VNI 100, each frame's
        std::map<std::uint8_t, std::vector<std::uint8_t>> last_bytes_by_source;
        std::size_t left = 0;    // by the uplink
        std::size_t victims = 0; // of these, of VNI 200
        std::size_t local = 0;   // by m1 and m2
    };
    Turn turn()
    {
        Turn seen;
        seen.worked = vxd_.dataplane().run_once();
        while (rte_mbuf* const mbuf = is_stopped_ ? nullptr : uplink_->take()) {
            const Frame frame = frame_of(mbuf);
            rte_pktmbuf_free(mbuf);
            constexpr std::size_t kOuter = 50;
            constexpr std::size_t kVni = 46;
            if (frame.size() <= kOuter + 14)
                continue; // ARP
            ++seen.left;
            const std::uint32_t vni =
                (std::uint32_t{frame[kVni]} << 16) | (std::uint32_t{frame[kVni + 1]} << 8) | frame[kVni + 2];
            ++seen.by_vni[vni];
            seen.victims += vni == 200 ? 1 : 0;
            if (vni == 100) {
                ++seen.by_source[frame[kOuter + 11]];
                seen.last_bytes.push_back(frame.back());
                seen.last_bytes_by_source[frame[kOuter + 11]].push_back(frame.back());
            }
        }
        for (RingPort* const port : {m1_.get(), m2_.get()})
            while (rte_mbuf* const mbuf = port->take()) {
                rte_pktmbuf_free(mbuf);
                ++seen.local;
            }
        return seen;
    }
    // All turns until there is nothing left to do, together.
    Turn settle()
    {
        Turn sum;
        for (Turn next = turn(); next.worked; next = turn()) {
            CHECK(next.left + next.local <= kMostInTurn);
            for (const auto& [vni, count] : next.by_vni)
                sum.by_vni[vni] += count;
            sum.left += next.left;
            sum.local += next.local;
        }
        return sum;
    }

    std::map<std::string, std::uint64_t> drops()
    {
        std::map<std::string, std::uint64_t> found;
        const auto stats = vxd_.json("stats show");
        for (const auto& [reason, count] : stats["drops"].items())
            found[reason] = count.get<std::uint64_t>();
        return found;
    }
    std::uint32_t free_buffers() { return vxd_.dataplane().buffers().free; }

private:
    bool is_stopped_ = false;
    std::unique_ptr<RingPort> uplink_;
    std::unique_ptr<RingPort> m1_ = ring("m1");
    std::unique_ptr<RingPort> m2_ = ring("m2");
    std::unique_ptr<RingPort> v1_ = ring("v1");
    Daemon vxd_{{0}, 16383}; // ends first
};

using Drops = std::map<std::string, std::uint64_t>;

} // namespace vx::test
