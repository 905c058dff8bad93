// SPDX-License-Identifier: BSD-3-Clause
// Workers forward at full speed while the control thread changes what they look at: the order of a commit, grace
// periods, rings, sleeping and waking.
#include "tests/unit/daemon_lab.h"
#include "tests/unit/replay.h"

#include <chrono>
#include <cstdlib>
#include <random>
#include <sstream>
#include <string>
#include <unistd.h>

using namespace vx;
using namespace vx::test;

namespace
{

// Who has 10.0.0.1, from a container that is not the only one to ask.
Frame arp_request(std::uint8_t container, std::uint8_t number)
{
    Frame frame{0xff, 0xff, 0xff,      0xff,   0xff, 0xff, 2, 0, 0, 0, container, number, 8,         6,
                0,    1,    8,         0,      6,    4,    0, 1, 2, 0, 0,         0,      container, number,
                10,   0,    container, number, 0,    0,    0, 0, 0, 0, 10,        0,      0,         1};
    frame.resize(60);
    return frame;
}

std::uint64_t dropped(Daemon& vxd)
{
    std::uint64_t count = 0;
    const auto stats = vxd.json("stats show");
    for (const auto& [reason, packets] : stats["drops"].items())
        count += packets.get<std::uint64_t>();
    return count;
}

std::chrono::seconds duration(int otherwise)
{
    const char* seconds = std::getenv("VXD_TEST_SECONDS");
    return std::chrono::seconds{seconds != nullptr ? std::atoi(seconds) : otherwise};
}

} // namespace

TEST_CASE("an entry that changes hands while its port is deleted leads no frame astray")
{
    const PcapFile capture{{from_to(1, 2)}};
    Daemon vxd{{0}, 8191};
    vxd("link add br0 type bridge\n" + capture.port("src") +
        "link add p2 type null\nlink set src master br0\nlink set p2 master br0\n");
    vxd.start_workers();
    for (int i = 0; i < 300; ++i) {
        vxd("link add p1 type null\nlink set p1 master br0\n");
        vxd("fdb replace 02:00:00:00:00:02 dev p1 master static");
        vxd("link del p1\nfdb replace 02:00:00:00:00:02 dev p2 master static\n");
    }
    INFO(vxd("stats show"));
    CHECK(dropped(vxd) == 0);
    vxd.stop_workers();
}

TEST_CASE("a worker counts every burst by its size, and every turn with packets by its time")
{
    const PcapFile capture{{from_to(1, 2), from_to(3, 2)}};
    Daemon vxd{{0}, 8191};
    vxd("link add br0 type bridge\n" + capture.port("src") + "link set src master br0\n");
    vxd.start_workers();
    for (int i = 0; i < 3000 && vxd.json("stats")["workers"][0]["packets"] < 1000; ++i)
        usleep(1000);
    vxd.stop_workers();
    const auto worker = vxd.json("stats")["workers"][0];
    std::uint64_t bursts = 0;
    std::uint64_t packets = 0;
    for (std::size_t size = 0; size < worker["bursts_by_packets"].size(); ++size) {
        bursts += worker["bursts_by_packets"][size].get<std::uint64_t>();
        packets += size * worker["bursts_by_packets"][size].get<std::uint64_t>();
    }
    CHECK(packets >= 1000);
    CHECK(worker["packets"] == packets);
    CHECK(worker["bursts"] == bursts);
    std::uint64_t turns = 0;
    std::uint64_t least = 0; // ticks that so many turns took
    for (std::size_t power = 0; power < worker["turns_by_log2_ticks"].size(); ++power) {
        turns += worker["turns_by_log2_ticks"][power].get<std::uint64_t>();
        least += worker["turns_by_log2_ticks"][power].get<std::uint64_t>() << power;
    }
    CHECK(turns > 0);
    CHECK(turns <= bursts);
    CHECK(worker["busy_ticks"] >= least);
    CHECK(worker["busy_ticks"] < 2 * least);
    CHECK((worker["full_turn_packets"] == 0) == (worker["full_turn_ticks"] == 0));
    CHECK(worker["full_turn_packets"] >= 32 * worker["bursts_by_packets"][32].get<std::uint64_t>());
    CHECK(worker["full_turn_packets"] <= packets);
    CHECK(worker["full_turn_ticks"] <= worker["busy_ticks"]);
}

TEST_CASE("of a worker that never had many packets at once stats does not say what one costs")
{
    Daemon vxd{{0}, 8191};
    const std::string text = vxd("stats show worker");
    INFO(text);
    std::istringstream lines{text.substr(text.find("\n0 ") + 1)};
    std::string index, cpu, packets, bursts, a_burst, cost, load;
    lines >> index >> cpu >> packets >> bursts >> a_burst >> cost >> load;
    CHECK(cost == "-");
    CHECK(load == "0.0%");
}

// More questions than can be answered, while next hops are looked for. They are flooded into no tunnel: a port whose
// copies wait is not polled, and so asks no more than can be answered.
TEST_CASE("containers do not crowd out the ARP that tunnels live on")
{
    const auto start = std::chrono::steady_clock::now();
    const auto now_ms = [start] {
        const auto passed = std::chrono::steady_clock::now() - start;
        return std::int64_t{std::chrono::duration_cast<std::chrono::milliseconds>(passed).count()};
    };
    Daemon vxd{{0}, 65535, now_ms};
    vxd("link add uplink type null\naddr add 192.0.2.1/24 dev uplink\nlink add br0 type bridge\naddr add 10.0.0.1/24 "
        "dev br0\n"
        "link add br1 type bridge\nlink add vx type vxlan id 1 local 192.0.2.1\nlink set vx master br1\n");
    for (int i = 2; i < 42; ++i)
        vxd(fmt::format("fdb append 00:00:00:00:00:00 dev vx dst 192.0.2.{}", i));
    for (int i = 2; i < 32; ++i)
        vxd(fmt::format("neigh add 192.0.2.{} lladdr 02:00:00:00:01:02 dev uplink", i));
    std::vector<std::unique_ptr<PcapFile>> captures;
    for (std::uint8_t container = 1; container <= 2; ++container) {
        std::vector<Frame> frames;
        for (std::uint8_t number = 1; number <= 50; ++number)
            frames.push_back(arp_request(container, number));
        captures.push_back(std::make_unique<PcapFile>(frames));
        vxd(captures.back()->port(fmt::format("c{}", container)) + fmt::format("link set c{} master br0", container));
    }
    vxd.start_workers();
    const auto end = start + duration(3);
    for (std::int64_t ticked = 0; std::chrono::steady_clock::now() < end;) {
        vxd.controller().poll();
        if (now_ms() - ticked >= 100) {
            ticked = now_ms();
            vxd.controller().tick();
        }
    }
    vxd.stop_workers();
    INFO(vxd("stats show"));
    const auto refused = [&](const char* device) {
        const auto stats = vxd.json(fmt::format("stats show dev {}", device));
        return stats["links"][0]["drops"].value("punt_full", std::uint64_t{0});
    };
    CHECK(refused("uplink") == 0);
    CHECK(refused("br0") != 0); // it was too much
}

TEST_CASE("random commands under traffic on two workers")
{
    std::vector<Frame> frames;
    for (std::uint8_t from = 1; from <= 8; ++from)
        for (std::uint8_t to = 1; to <= 8; ++to)
            frames.push_back(from_to(from, to));
    frames.push_back(arp_request(1, 1));
    const PcapFile capture{frames};
    std::int64_t clock = 0;
    Daemon vxd{{0, 1}, 16383, [&] { return clock; }};
    const char* seed = std::getenv("VXD_TEST_SEED");
    std::mt19937 random{seed != nullptr ? static_cast<unsigned>(std::atoi(seed)) : 1};
    const auto pick = [&](unsigned count) { return static_cast<unsigned>(random() % count); };
    const auto port = [&] { return fmt::format("p{}", pick(4)); };
    const auto bridge = [&] { return fmt::format("br{}", pick(2)); };
    const auto vxlan = [&] { return fmt::format("vx{}", 1 + pick(3)); };
    const auto any = [&] { return pick(2) ? port() : pick(2) ? vxlan() : bridge(); };
    const auto mac = [&] { return fmt::format("02:00:00:00:00:{:02x}", 1 + pick(8)); };
    const auto host = [&] { return fmt::format("192.0.2.{}", 2 + pick(30)); };
    const auto subnet = [&](unsigned first) { return fmt::format("10.{}.0", first + pick(2)); };
    const std::vector<std::function<std::string()>> lines = {
        [&] { return capture.port(port()); },
        [&] { return fmt::format("link add {} type null", port()); },
        [&] { return std::string{"link add uplink type null"}; },
        [&] { return std::string{"addr replace 192.0.2.1/24 dev uplink"}; },
        [&] { return std::string{pick(6) ? "link show" : "link del uplink"}; },
        [&] { return fmt::format("link add {} type bridge", bridge()); },
        [&] { return fmt::format("link add {0} type vxlan id {1} local 192.0.2.1", vxlan(), 1 + pick(3)); },
        [&] { return fmt::format("link set {} master {}", pick(2) ? port() : vxlan(), bridge()); },
        [&] { return fmt::format("link set {} nomaster", pick(2) ? port() : vxlan()); },
        [&] { return fmt::format("link del {}", any()); },
        [&] { return fmt::format("link set {} {}", any(), pick(3) ? "up" : "down"); },
        [&] { return fmt::format("link set {} mtu {}", pick(2) ? port() : bridge(), 600 + pick(900)); },
        [&] { return fmt::format("addr replace {}.1/24 dev {}", subnet(0), pick(2) ? bridge() : vxlan()); },
        [&] { return fmt::format("addr flush dev {}", any()); },
        [&] { return fmt::format("fdb replace {} dev {} master static", mac(), port()); },
        [&] { return fmt::format("fdb replace {} dev {} dst {}", mac(), vxlan(), host()); },
        [&] { return fmt::format("fdb append {} dev {} dst {}", mac(), vxlan(), host()); },
        [&] { return fmt::format("fdb append 00:00:00:00:00:00 dev {} dst {}", vxlan(), host()); },
        [&] { return fmt::format("fdb del {} dev {}", mac(), pick(2) ? vxlan() : port()); },
        [&] { return fmt::format("fdb del 00:00:00:00:00:00 dev {}", vxlan()); },
        [&] { return fmt::format("fdb flush dev {}", pick(2) ? vxlan() : port()); },
        [&] { return fmt::format("neigh replace {} lladdr 02:00:00:00:01:02 dev uplink", host()); },
        [&] { return fmt::format("neigh replace {}.{} lladdr {} dev {}", subnet(0), 2 + pick(6), mac(), any()); },
        [&] { return fmt::format("route replace {}.0/24 via 10.9.0.1 dev {} onlink", subnet(2), any()); },
        [&] { return std::string{"neigh flush all"}; },
    };
    vxd.start_workers();
    std::size_t succeeded = 0;
    std::size_t failed = 0;
    const auto end = std::chrono::steady_clock::now() + duration(3);
    while (std::chrono::steady_clock::now() < end) {
        std::string batch;
        for (unsigned i = 1 + pick(6); i != 0; --i)
            batch += lines[pick(static_cast<unsigned>(lines.size()))]() + "\n";
        const auto response = vxd.run(batch, Format::kText, pick(3) ? OnFailure::kGoOn : OnFailure::kUndoAll);
        succeeded += response.outputs.size() - response.failures.size();
        failed += response.failures.size();
        clock += pick(50);
        if (pick(2) != 0)
            vxd.controller().poll();
        if (pick(3) == 0)
            vxd.controller().tick();
    }
    vxd.stop_workers();
    INFO(succeeded << " commands succeeded, " << failed << " failed");
    CHECK(succeeded > 100);
    CHECK(vxd.json("stats show")["workers"][0]["packets"].get<std::uint64_t>() > 1000);
}
