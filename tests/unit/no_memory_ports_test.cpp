// SPDX-License-Identifier: BSD-3-Clause
// Allocations that fail while something comes by itself: what workers have learned, and interfaces that change or go.
// Nothing of it is half there, and the next turn makes up for it.
#include "tests/support/failing_new.h"
#include "tests/support/network.h"
#include "tests/unit/daemon_lab.h"
#include "tests/unit/replay.h"

using namespace vx;
using namespace vx::test;

namespace
{

constexpr std::uint64_t kBurst = 20;

// Whether an allocation failed; nothing of what it says is lost.
template <typename Function>
bool with_failure(std::uint64_t nth, Function&& function)
{
    const FailingNew failing(nth, kBurst);
    try {
        function();
    } catch (const std::bad_alloc&) { // the event loop logs it
    }
    return failing.has_failed();
}

bool is_gone(Daemon& vxd)
{
    return has(vxd("link show c1"), "GONE");
}

} // namespace

TEST_CASE("whichever allocation fails while learned addresses are taken, they are learned, or it is counted")
{
    constexpr std::size_t kMacs = 8;
    Daemon vxd;
    vxd("link add br0 type bridge\nlink add vx type vxlan id 7 local 192.0.2.1\nlink set vx master br0\n");
    std::uint64_t refused = 0;
    for (std::uint64_t nth = 1;; ++nth) {
        CAPTURE(nth);
        std::vector<Frame> frames;
        for (std::uint8_t number = 1; number <= kMacs; ++number) {
            frames.push_back(from_to(number, 0xff));
            frames.back()[10] = static_cast<std::uint8_t>(nth);
        }
        const PcapFile file{frames};
        vxd(file.once("p") + "\nlink set p master br0\n");
        while (vxd.dataplane().run_once()) {
        }
        const bool has_failed = with_failure(nth, [&] { vxd.controller().poll(); });
        vxd.controller().poll();
        const std::string learned = vxd("fdb show dev p");
        const auto count = static_cast<std::size_t>(std::ranges::count(learned, '\n'));
        const std::uint64_t before = std::exchange(refused, vxd.json("stats")["learn_refused"].get<std::uint64_t>());
        REQUIRE((count == kMacs || (has_failed && refused > before)));
        vxd("link del p");
        REQUIRE(vxd("fdb show dev vx").find("dst") == std::string::npos);
        if (!has_failed)
            break;
        REQUIRE(nth < 256);
    }
}

TEST_CASE(
    "whichever allocation of an apply that heals a port fails, the port is there or gone, and can be healed again")
{
    if (cannot_make_namespaces())
        return;
    const PrivateNetns ours;
    Daemon vxd;
    vxd("link add br0 type bridge\nlink add c1 type tap\nlink set c1 master br0\n");
    const std::string config = vxd("config show");
    Request apply;
    apply.commands = parse_script(config, "test").value().commands;
    apply.config = Request::Config::kApply;
    std::uint64_t refused = 0;
    for (std::uint64_t nth = 1;; nth += nth < 200 ? 1 : 17) {
        CAPTURE(nth);
        run("ip link del c1");
        bool is_done = false;
        const bool has_failed = with_failure(nth, [&] { is_done = vxd.controller().run(apply).failures.empty(); });
        REQUIRE(is_gone(vxd) == !is_done);
        REQUIRE(vxd("config show") == config);
        if (!is_done) {
            ++refused;
            REQUIRE(vxd.controller().run(apply).failures.empty());
            REQUIRE_FALSE(is_gone(vxd));
        }
        if (!has_failed)
            break;
    }
    CHECK(refused > 0);
}

TEST_CASE("whichever allocation fails while an interface changes, its port has what the interface has a turn later")
{
    if (cannot_make_namespaces())
        return;
    const PrivateNetns ours;
    run("ip link add d0 type veth peer name d1");
    run("ip link set d0 up");
    std::int64_t now_ms = 0;
    Daemon vxd({0}, 1023, [&] { return now_ms; });
    vxd("link add uplink type af_packet dev d0\naddr add 192.0.2.1/24 dev uplink\n"
        "link add vx type vxlan id 7 local 192.0.2.1\nfdb append 00:00:00:00:00:00 dev vx dst 192.0.2.2\n");
    for (std::uint64_t nth = 1;; ++nth) {
        CAPTURE(nth);
        const auto mtu = 1300 + nth % 2;
        run(fmt::format("ip link set d0 mtu {}", mtu));
        run(fmt::format("ip link set d0 address 02:00:00:00:{:02x}:{:02x}", nth >> 8, nth & 255));
        now_ms += 1000;
        const bool has_failed = with_failure(nth, [&] { vxd.controller().tick(); });
        now_ms += 1000;
        vxd.controller().tick();
        const auto link = vxd.json("link show uplink")[0];
        REQUIRE(link["mtu"] == mtu);
        REQUIRE(link["address"] == fmt::format("02:00:00:00:{:02x}:{:02x}", nth >> 8, nth & 255));
        REQUIRE(vxd.json("link show vx")[0]["mtu"] == mtu - 50);
        if (!has_failed)
            break;
    }
}
