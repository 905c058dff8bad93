// SPDX-License-Identifier: BSD-3-Clause
#include "control/compile/compile.h"

#include <catch2/catch.hpp>

#include <array>
#include <atomic>
#include <cstring>
#include <map>
#include <optional>
#include <thread>

namespace
{

using namespace vx;

constexpr LinkId kPort{1};
constexpr LinkId kVxlan{2};
const IpAddress kRouter = *IpAddress::parse("192.0.2.254");
const NeighborKey kNextHop{kPort, kRouter};
const Mac kFirst = *Mac::parse("02:00:00:00:00:01");
const Mac kSecond = *Mac::parse("02:00:00:00:00:02");

using Macs = std::pair<Mac, Mac>; // destination, source

Macs macs_of(const std::byte* frame)
{
    std::array<std::uint8_t, 6> destination, source;
    std::memcpy(destination.data(), frame, 6);
    std::memcpy(source.data(), frame + 6, 6);
    return {Mac{destination}, Mac{source}};
}

// A host whose far VTEPs are all behind one router.
struct Host {
    explicit Host(std::size_t vteps_count)
    {
        Link port;
        port.id = kPort;
        port.name = "uplink";
        port.mac = *Mac::parse("02:00:00:00:01:00");
        port.mtu = 1500;
        PortSpec spec;
        spec.kind = "af_packet";
        port.kind = spec;
        model.put(port);
        Link vxlan;
        vxlan.id = kVxlan;
        vxlan.name = "vxlan100";
        vxlan.own_bridge = BridgeId{1};
        VxlanSettings settings;
        settings.vni = *Vni::from(100);
        settings.local = *IpAddress::parse("192.0.2.1");
        vxlan.kind = settings;
        model.put(vxlan);
        model.add_address({kPort, *IpPrefix::parse("192.0.2.1/24")});
        model.set_route(*IpPrefix::parse("10.0.0.0/8"), {.via = kRouter, .link = kPort});
        for (std::uint32_t host = 0; host < vteps_count; ++host)
            numbers.push_back(vteps.intern({kVxlan, {IpAddress::v4(0x0a000001 + host), 4789, *Vni::from(100)}}));
        for (const VtepId id : numbers)
            vteps.acquire(id);
    }

    std::optional<Mac> mac_of(const NeighborKey& key) const
    {
        const auto found = known.find(key);
        return found == known.end() ? std::nullopt : std::optional{found->second};
    }
    void learn(const Mac& mac)
    {
        known.insert_or_assign(kNextHop, mac);
        compiler.note(kNextHop);
    }

    Model model;
    VtepRegistry vteps;
    Fdb fdb;
    NeighborTable neighbors;
    Adjacencies adjacencies{neighbors, fdb};
    std::map<NeighborKey, Mac> known;
    std::vector<VtepId> numbers;
    Compiler compiler{model, vteps, adjacencies, [this](const NeighborKey& key) { return mac_of(key); }};
};

Macs written(const EncapTemplate& vtep)
{
    std::array<std::byte, 128> frame{};
    vtep.write(frame.data(), 100, 1, 0, 0);
    return macs_of(frame.data());
}

} // namespace

TEST_CASE("a next hop's new MAC is in front of all that goes to VTEPs behind it, in the config that workers have")
{
    Host host{300};
    const auto config = host.compiler.update(host.vteps.take_changes());
    const EncapTemplate& last = config->vtep(host.numbers.back());
    CHECK(last.next() == Dest::drop(DropReason::vtep_unresolved));
    CHECK(host.compiler.take_next_hops().wanted == std::vector{kNextHop});

    host.learn(kFirst);
    for (const VtepId id : host.numbers) {
        REQUIRE(config->vtep(id).next() == Dest::port(kPort));
        REQUIRE(written(config->vtep(id)) == Macs{kFirst, host.model.find(kPort)->mac});
    }
    host.learn(kSecond);
    CHECK(written(last).first == kSecond);
    host.known.clear();
    host.compiler.note(kNextHop);
    CHECK(last.next() == Dest::drop(DropReason::vtep_unresolved));
}

TEST_CASE("a port's new MAC, and a static neighbour, change no template")
{
    Host host{300};
    host.learn(kFirst);
    const auto before = host.compiler.update(host.vteps.take_changes());

    ModelDiff diff;
    Link port = *host.model.find(kPort);
    diff.links[kPort] = port;
    port.mac = *Mac::parse("02:00:00:00:01:77");
    host.model.put(port);
    host.known.insert_or_assign(kNextHop, kSecond);
    host.model.set_neighbor(kNextHop, kSecond);
    diff.neighbors[kNextHop] = std::nullopt;
    host.compiler.note(diff);
    const auto after = host.compiler.update({});
    for (const VtepId id : host.numbers) {
        REQUIRE(&after->vtep(id) == &before->vtep(id)); // the same rows, which are shared
        REQUIRE(written(after->vtep(id)) == Macs{kSecond, port.mac});
    }
    CHECK(host.compiler.take_next_hops().unwanted == std::vector{kNextHop});
}

TEST_CASE("a path that nobody takes any more goes to another neighbour only when workers have the next config")
{
    Model model;
    Link port;
    port.id = kPort;
    port.name = "uplink";
    model.put(port);
    Paths paths{model, [](const NeighborKey&) { return std::optional{kFirst}; }};
    const std::uint32_t one = paths.acquire(kNextHop);
    CHECK(paths.acquire(kNextHop) == one);
    const NeighborKey others[] = {{kPort, *IpAddress::parse("192.0.2.3")}, {kPort, *IpAddress::parse("192.0.2.4")}};
    paths.release(one);
    CHECK(paths.has(kNextHop));
    paths.release(one);
    CHECK_FALSE(paths.has(kNextHop));
    CHECK(paths.acquire(others[0]) != one);
    paths.renew();
    CHECK(paths.acquire(others[1]) == one);
    CHECK(paths.row(one).next() == Dest::port(kPort));
}

TEST_CASE("a worker sees both MACs of a path as they are or as they were, and none before there is a way")
{
    const Mac sources[] = {*Mac::parse("02:00:00:00:0a:01"), *Mac::parse("02:00:00:00:0a:02")};
    Path path;
    std::atomic<bool> is_read{false};
    std::thread writer{[&] {
        for (int i = 0; !is_read.load(std::memory_order_relaxed); ++i) {
            path.lead_to(i % 2 == 0 ? kFirst : kSecond, sources[i % 2], kPort);
            if (i % 5 == 4)
                path.lead_nowhere(DropReason::vtep_unresolved);
        }
    }};
    std::size_t torn = 0;
    for (int read = 0; read < 300'000;) {
        std::array<std::byte, 16> frame{};
        if (path.next().kind() != Dest::Kind::kPort)
            continue;
        path.write(frame.data());
        const Macs macs = macs_of(frame.data());
        torn += macs != Macs{kFirst, sources[0]} && macs != Macs{kSecond, sources[1]} ? 1 : 0;
        ++read;
    }
    is_read.store(true, std::memory_order_relaxed);
    writer.join();
    CHECK(torn == 0);
}
