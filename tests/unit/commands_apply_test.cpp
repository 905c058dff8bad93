// SPDX-License-Identifier: BSD-3-Clause
// Commands against a Controller with null ports: what they change, refuse and show.
#include "tests/unit/daemon_lab.h"

using namespace vx;
using namespace vx::test;

namespace
{

constexpr std::string_view kMac = "02:42:ac:12:14:02";

std::string fdb(std::string_view verb, std::string_view rest)
{
    return fmt::format("fdb {} {} dev vxlan100 {}", verb, kMac, rest);
}

} // namespace

TEST_CASE("taking the address that is a VXLAN device's local is done with a warning that names the devices")
{
    Daemon vxd;
    vxd.tutorial();
    vxd("addr add 192.0.2.7/24 dev uplink");
    const auto warnings = [&](std::string_view lines) {
        const Response response = vxd.run(lines);
        REQUIRE(response.failures.empty());
        return fmt::format("{}", fmt::join(response.warnings, "\n"));
    };
    CHECK(warnings("addr del 192.0.2.7/24 dev uplink").empty());
    CHECK(warnings("addr del 192.0.2.1/24 dev uplink") ==
          "addr del: no device has the address 192.0.2.1 any more, the local of vxlan100, vxlan200: nothing is carried "
          "until a port has it");
    vxd("addr add 192.0.2.1/24 dev uplink");
    CHECK(has(warnings("addr flush dev uplink"), "addr flush: no device has the address 192.0.2.1 any more"));
    vxd("addr add 192.0.2.1/24 dev uplink");
    CHECK(warnings("-6 addr flush dev uplink").empty());
    // What a later command of the transaction mends is not said.
    CHECK(warnings("addr del 192.0.2.1/24 dev uplink\naddr add 192.0.2.1/25 dev uplink").empty());
}

TEST_CASE("a VXLAN device may be a member of the bridge that has its local address")
{
    Daemon vxd;
    vxd("link add br0 type bridge\n"
        "addr add 192.0.2.1/24 dev br0\n"
        "link add vxlan100 type vxlan id 100 local 192.0.2.1\n"
        "link set vxlan100 master br0\n");
    CHECK(has(vxd("link show vxlan100"), "mtu 1450"));
}

TEST_CASE("flush takes the entries with a destination, and of others only that destination")
{
    Daemon vxd;
    vxd.tutorial();
    vxd("fdb add 02:00:00:00:00:01 dev vxlan100 dst 192.0.2.2\n"
        "fdb add 02:00:00:00:00:02 dev vxlan100 dst 192.0.2.3\n"
        "fdb add 02:00:00:00:00:03 dev vxlan100 dst 192.0.2.2\n"
        "fdb append 02:00:00:00:00:03 dev vxlan100 dst 192.0.2.3\n"
        "fdb append 00:00:00:00:00:00 dev vxlan100 dst 192.0.2.2\n"
        "fdb append 00:00:00:00:00:00 dev vxlan100 dst 192.0.2.3\n"
        "fdb add 02:00:00:00:00:04 dev docker1 master\n");
    vxd("fdb flush dev vxlan100 dst 192.0.2.9");
    CHECK(has(vxd("fdb show"), "02:00:00:00:00:01 dev vxlan100 dst 192.0.2.2"));
    vxd("fdb flush dev vxlan100 dst 192.0.2.2 nopermanent");
    CHECK(has(vxd("fdb show"), "02:00:00:00:00:01 dev vxlan100 dst 192.0.2.2"));
    vxd("fdb flush br br0 dst 192.0.2.2 vni 100 port 4789");
    const std::string left = vxd("fdb show");
    CHECK_FALSE(has(left, "dst 192.0.2.2"));
    CHECK_FALSE(has(left, "02:00:00:00:00:01"));
    CHECK(has(left, "02:00:00:00:00:02 dev vxlan100 dst 192.0.2.3"));
    CHECK(has(left, "02:00:00:00:00:03 dev vxlan100 dst 192.0.2.3"));
    CHECK(has(left, "00:00:00:00:00:00 dev vxlan100 dst 192.0.2.3"));
    CHECK(has(left, "02:00:00:00:00:04 dev docker1"));
    vxd("fdb flush dev vxlan100 vni 7");
    CHECK(vxd("fdb show") == left);
}

TEST_CASE("fdb add makes an entry once")
{
    Daemon vxd;
    vxd.tutorial();
    vxd(fdb("add", "dst 192.0.2.2"));
    CHECK(vxd("fdb show dev vxlan100") == "02:42:ac:12:14:02 dst 192.0.2.2 self permanent\n");
    CHECK(has(vxd.error(fdb("add", "dst 192.0.2.2")), "already has an entry"));
    CHECK(has(vxd.error(fdb("add", "dst 192.0.2.3")), "already has an entry"));
}

TEST_CASE("fdb append adds destinations, replace takes their place, del takes them away")
{
    Daemon vxd;
    vxd.tutorial();
    vxd(fdb("append", "dst 192.0.2.2"));
    vxd(fdb("append", "dst 192.0.2.3 vni 7 port 8472"));
    vxd(fdb("append", "dst 192.0.2.3 vni 7 port 8472")); // again changes nothing, as in the kernel
    CHECK(vxd("fdb show br br0 dev vxlan100") == "02:42:ac:12:14:02 dst 192.0.2.2 self permanent\n"
                                                 "02:42:ac:12:14:02 dst 192.0.2.3 port 8472 vni 7 self permanent\n");
    CHECK(has(vxd.error(fdb("del", "dst 192.0.2.3")), "has no dst 192.0.2.3"));
    vxd(fdb("del", "dst 192.0.2.2"));
    CHECK(vxd("fdb show dev vxlan100") == "02:42:ac:12:14:02 dst 192.0.2.3 port 8472 vni 7 self permanent\n");
    vxd(fdb("append", "dst 192.0.2.4"));
    vxd(fdb("replace", "dst 192.0.2.5 static"));
    CHECK(vxd("fdb show dev vxlan100") == "02:42:ac:12:14:02 dst 192.0.2.5 self static\n");
    vxd(fdb("append", "dst 192.0.2.6"));
    vxd(fdb("del", ""));
    CHECK(vxd("fdb show dev vxlan100").empty());
    CHECK(has(vxd.error(fdb("del", "")), "has no entry"));
}

TEST_CASE("the all-zero entry lists where a VXLAN device floods to")
{
    Daemon vxd;
    vxd.tutorial();
    vxd("fdb append 00:00:00:00:00:00 dev vxlan100 dst 192.0.2.2");
    vxd("fdb append 00:00:00:00:00:00 dev vxlan100 dst 192.0.2.3");
    CHECK(vxd("fdb show dev vxlan100") == "00:00:00:00:00:00 dst 192.0.2.2 self permanent\n"
                                          "00:00:00:00:00:00 dst 192.0.2.3 self permanent\n");
    vxd("fdb append 00:00:00:00:00:00 dev vxlan100 dst 192.0.2.3"); // again changes nothing, as in the kernel
    CHECK_FALSE(vxd.error("fdb add 00:00:00:00:00:00 dev vxlan100 dst 192.0.2.4").empty());
    CHECK_FALSE(vxd.error("fdb replace 00:00:00:00:00:00 dev vxlan100 dst 192.0.2.4").empty());
    vxd("fdb del 00:00:00:00:00:00 dev vxlan100 dst 192.0.2.2");
    CHECK(vxd("fdb show dev vxlan100") == "00:00:00:00:00:00 dst 192.0.2.3 self permanent\n");
    vxd("fdb del 00:00:00:00:00:00 dev vxlan100");
    CHECK(vxd("fdb show dev vxlan100").empty());
    CHECK_FALSE(vxd.error("fdb del 00:00:00:00:00:00 dev vxlan100").empty());
}

TEST_CASE("remote is the first all-zero entry")
{
    Daemon vxd;
    vxd.tutorial();
    vxd("link add v type vxlan id 7 local 192.0.2.1 remote 192.0.2.9 dstport 8472");
    CHECK(has(vxd("fdb show dev v"), "00:00:00:00:00:00 dst 192.0.2.9 self permanent\n"));
    CHECK(vxd.json("link show v")[0]["linkinfo"]["info_data"]["remote"] == "192.0.2.9");
}

TEST_CASE("entries on ports are the bridge's, and static")
{
    Daemon vxd;
    vxd.tutorial();
    vxd("fdb add 02:00:00:00:00:09 dev docker1 master");
    CHECK(vxd("fdb show dev docker1") == "02:00:00:00:00:09 master br0 static\n");
    const auto json = vxd.json("fdb show dev docker1");
    CHECK(json.dump() ==
          R"([{"mac":"02:00:00:00:00:09","ifname":"docker1","flags":[],"master":"br0","state":"static"}])");
    CHECK(has(vxd.error("fdb add 02:00:00:00:00:09 dev vxlan100 dst 192.0.2.2"), "on \"docker1\""));
    CHECK_FALSE(vxd.error("fdb add 02:00:00:00:00:0a dev docker1 permanent").empty());
    CHECK_FALSE(vxd.error("fdb add 02:00:00:00:00:0a dev docker1 self").empty());
    CHECK_FALSE(vxd.error("fdb add 02:00:00:00:00:0a dev docker1 dst 192.0.2.2").empty());
    CHECK_FALSE(vxd.error("fdb add 02:00:00:00:00:0a dev uplink").empty());
    CHECK_FALSE(vxd.error("fdb add 02:00:00:00:00:0a dev br0").empty());
}

TEST_CASE("what an FDB entry cannot be is refused")
{
    Daemon vxd;
    vxd.tutorial();
    CHECK(has(vxd.error(fdb("add", "dst 2001:db8::2")), "family"));
    CHECK(has(vxd.error(fdb("add", "dst 192.0.2.1")), "our own address"));
    CHECK(has(vxd.error(fdb("add", "")), "\"dst\" is missing"));
    CHECK(has(vxd.error(fdb("add", "dst 192.0.2.2 master")), "one table"));
    CHECK(has(vxd.error("fdb add 0e:00:00:00:00:01 dev vxlan200 dst 192.0.2.2"), "is the address of \"vxlan200\""));
    CHECK(has(vxd.error("fdb add 02:00:00:00:00:01 dev nosuch dst 192.0.2.2"), "Cannot find device \"nosuch\""));
}

TEST_CASE("fdb flush takes what it is asked for and never our own addresses")
{
    Daemon vxd;
    vxd.tutorial();
    const auto fill = [&] {
        vxd("fdb replace 02:00:00:00:00:01 dev docker1 master static\n"
            "fdb replace 02:00:00:00:00:02 dev vxlan100 dst 192.0.2.2\n"
            "fdb replace 02:00:00:00:00:03 dev vxlan100 dst 192.0.2.2 static\n"
            "fdb replace 02:00:00:00:00:04 dev vxlan100 dst 192.0.2.2 dynamic\n");
    };
    const auto own = vxd.json("fdb show");
    fill();
    vxd("fdb append 00:00:00:00:00:00 dev vxlan100 dst 192.0.2.2");
    vxd("fdb flush dev vxlan100 dynamic");
    CHECK_FALSE(has(vxd("fdb show"), "02:00:00:00:00:04"));
    CHECK(has(vxd("fdb show"), "02:00:00:00:00:03"));
    vxd("fdb flush dev vxlan100 nopermanent");
    CHECK_FALSE(has(vxd("fdb show"), "02:00:00:00:00:03"));
    CHECK(has(vxd("fdb show"), "02:00:00:00:00:02"));
    CHECK(has(vxd("fdb show"), "00:00:00:00:00:00"));
    fill();
    vxd("fdb flush dev br0"); // the bridge's own table
    CHECK_FALSE(has(vxd("fdb show"), "02:00:00:00:00:01"));
    CHECK(has(vxd("fdb show"), "02:00:00:00:00:02"));
    fill();
    vxd("fdb flush br br0"); // and those of its VXLAN devices
    CHECK(vxd.json("fdb show") == own);
    CHECK_FALSE(vxd.error("fdb flush").empty());
}

TEST_CASE("routes are listed as ip route lists them")
{
    Daemon vxd;
    vxd.tutorial();
    vxd("route add 172.18.20.0/24 via 172.18.20.0 dev vxlan200 onlink");
    vxd("route add default via 192.0.2.254");
    CHECK(vxd("route show") == "default via 192.0.2.254 dev uplink\n"
                               "172.18.10.0/24 dev br0 proto kernel scope link src 172.18.10.1\n"
                               "172.18.20.0/24 via 172.18.20.0 dev vxlan200 onlink\n"
                               "192.0.2.0/24 dev uplink proto kernel scope link src 192.0.2.1\n");
    CHECK(vxd.json("route show 172.18.20.0/24").dump() ==
          R"([{"dst":"172.18.20.0/24","gateway":"172.18.20.0","dev":"vxlan200","flags":["onlink"]}])");
    vxd("route del default");
    CHECK(has(vxd.error("route del default"), "no such route"));
}

TEST_CASE("routes that lead nowhere are refused")
{
    Daemon vxd;
    vxd.tutorial();
    CHECK(has(vxd.error("route add 10.0.0.0/8 via 198.51.100.1"), "invalid gateway"));
    CHECK(has(vxd.error("route add 10.0.0.0/8 via 198.51.100.1 dev uplink"), "invalid gateway"));
    CHECK(has(vxd.error("route add 10.0.0.0/8 via 192.0.2.1"), "is an address of \"uplink\" itself"));
    CHECK(has(vxd.error("route add 10.0.0.0/8 via 192.0.2.9 onlink"), "needs \"dev\""));
    CHECK(has(vxd.error("route add 10.0.0.0/8"), "neither"));
    CHECK(has(vxd.error("route add 10.0.0.0/8 dev docker1"), "member of the bridge"));
    CHECK(has(vxd.error("route add 172.18.10.0/24 dev br0"), "already a route"));
    CHECK(has(vxd.error("route add 2001:db8::/32 dev br0"), "does not route"));
    vxd("route add 10.0.0.0/8 dev br0");
    CHECK(has(vxd.error("route add 10.0.0.0/8 dev br0"), "already a route"));
    vxd("route replace 10.0.0.0/8 dev vxlan200");
}

TEST_CASE("IPv4 routes go with the last IPv4 address of their device, as on Linux")
{
    Daemon vxd;
    vxd.tutorial();
    vxd("addr add 203.0.113.1/24 dev uplink");
    vxd("route add default via 192.0.2.254");
    vxd("route add 10.0.0.0/8 via 198.51.100.1 dev uplink onlink");
    vxd("route add 2001:db8:1::/48 via fe80::1 dev uplink");
    const std::string v6 = "2001:db8:1::/48 via fe80::1\n";
    vxd("addr del 192.0.2.1/24 dev uplink");
    CHECK(vxd("route show dev uplink") == "default via 192.0.2.254\n10.0.0.0/8 via 198.51.100.1 onlink\n"
                                          "203.0.113.0/24 proto kernel scope link src 203.0.113.1\n" +
                                              v6);
    vxd("addr add fd00::1/64 dev uplink\naddr del fd00::1/64 dev uplink");
    CHECK(has(vxd("route show dev uplink"), "default"));
    vxd("addr del 203.0.113.1/24 dev uplink");
    CHECK(vxd("route show dev uplink") == v6);
}

TEST_CASE("addresses are given once, to devices that can have them")
{
    Daemon vxd;
    vxd.tutorial();
    CHECK_FALSE(vxd.error("addr add 192.0.2.1/24 dev uplink").empty());
    CHECK(vxd("addr replace 192.0.2.1/24 dev uplink").empty());
    CHECK(has(vxd.error("addr add 192.0.2.1/25 dev br0"), "\"uplink\" already has"));
    CHECK(has(vxd.error("addr add 192.0.2.5/24 dev docker1"), "member of the bridge"));
    CHECK(has(vxd.error("addr del 192.0.2.1/25 dev uplink"), "it has 192.0.2.1/24"));
    for (const std::string_view address : {"224.0.0.1/24", "127.0.0.1/8", "0.0.0.0/0", "255.255.255.255", "ff02::1/64"})
        CHECK(has(vxd.error(fmt::format("addr add {} dev br0", address)), "cannot be the address"));
    vxd("addr flush dev br0");
    CHECK(vxd.json("addr show br0")[0]["addr_info"].empty());
    vxd("link del br0");
    CHECK_FALSE(vxd.error("addr show br0").empty());
}

TEST_CASE("neighbours are static unless they were resolved")
{
    Daemon vxd;
    vxd.tutorial();
    vxd("neigh add 172.18.20.0 lladdr 0e:00:00:00:00:02 dev vxlan200");
    CHECK(vxd("neigh show dev vxlan200") == "172.18.20.0 lladdr 0e:00:00:00:00:02 PERMANENT\n");
    CHECK(vxd.json("neigh show dev vxlan200").dump() ==
          R"([{"dst":"172.18.20.0","dev":"vxlan200","lladdr":"0e:00:00:00:00:02","state":["PERMANENT"]}])");
    CHECK_FALSE(vxd.error("neigh add 172.18.20.0 lladdr 0e:00:00:00:00:03 dev vxlan200").empty());
    vxd("neigh replace 172.18.20.0 lladdr 0e:00:00:00:00:03 dev vxlan200 nud permanent");
    vxd("neigh change 172.18.20.0 lladdr 0e:00:00:00:00:04 dev vxlan200");
    CHECK_FALSE(vxd.error("neigh change 172.18.20.1 lladdr 0e:00:00:00:00:03 dev vxlan200").empty());
    vxd("neigh flush dev vxlan200");
    CHECK(has(vxd("neigh show"), "0e:00:00:00:00:04 PERMANENT"));
    vxd("neigh del 172.18.20.0 dev vxlan200");
    CHECK_FALSE(vxd.error("neigh del 172.18.20.0 dev vxlan200").empty());
    CHECK_FALSE(vxd.error("neigh add 172.18.10.1 lladdr 0e:00:00:00:00:03 dev br0").empty());
}

TEST_CASE("a VXLAN device with an entry for the bridge's own MAC does not take it over when it joins")
{
    Daemon vxd;
    vxd("link add br0 address 0e:00:00:00:00:01 type bridge\n"
        "link add vxlan100 type vxlan id 100 local 192.0.2.1\n"
        "fdb append 0e:00:00:00:00:01 dev vxlan100 dst 192.0.2.2\n");
    vxd("link set vxlan100 master br0");
    const auto own = [&] { return vxd("fdb get 0e:00:00:00:00:01 br br0"); };
    CHECK(own() == "0e:00:00:00:00:01 dev br0 master br0 permanent\n");
    vxd("link set vxlan100 nomaster");
    CHECK(own() == "0e:00:00:00:00:01 dev br0 master br0 permanent\n");
}

TEST_CASE("links that contradict others are refused")
{
    Daemon vxd;
    vxd.tutorial();
    CHECK(has(vxd.error("link add br0 type bridge"), "there is already a device \"br0\""));
    CHECK(has(vxd.error("link add v type vxlan id 100 local 192.0.2.1"), "\"vxlan100\" already has the VNI 100"));
    vxd("link add v type vxlan id 100 local 192.0.2.1 dstport 8472");
    CHECK(has(vxd.error("link set uplink master br0"), "has the address 192.0.2.1/24"));
    CHECK(has(vxd.error("link set br0 master br0"), "is a bridge"));
    CHECK(has(vxd.error("link set v master docker1"), "expected a bridge"));
    CHECK(has(vxd.error("link set vxlan100 type vxlan id 7"), "cannot be changed"));
    vxd("link set vxlan100 type vxlan learning ageing 20");
    CHECK(vxd.json("link show vxlan100")[0]["linkinfo"]["info_data"]["ageing"] == 20);
    vxd("link set br0 type bridge ageing_time 7000");
    CHECK(has(vxd("link show br0"), "bridge ageing_time 7000\n"));
}

TEST_CASE("a command that fails changes nothing")
{
    Daemon vxd;
    vxd.tutorial();
    const auto state = [&] {
        return vxd("link show") + vxd("addr show") + vxd("route show") + vxd("neigh show") + vxd("fdb show");
    };
    const std::string before = state();
    for (const std::string_view line :
         {"link add docker2 master nosuch type null", "link add docker2 type null master uplink",
          "link set docker1 mtu 1400 master nosuch", "link set vxlan100 down type vxlan dstport 7",
          "addr add 10.0.0.1/8 dev br0 dev br0", "fdb add 02:00:00:00:00:01 dev vxlan100 dst 192.0.2.2 dst 192.0.2.3"})
        CHECK_FALSE(vxd.error(line).empty());
    CHECK(state() == before);
}

TEST_CASE("stats have every device, and reasons only where something was dropped")
{
    Daemon vxd;
    vxd.tutorial();
    const auto json = vxd.json("stats");
    CHECK(json["tsc_hz"] > 0);
    CHECK(json["links"].size() == 5);
    CHECK(json["links"][0]["ifname"] == "uplink");
    CHECK(json["links"][0]["rx"]["packets"] == 0);
    CHECK(json["links"][0]["tx"].contains("bytes"));
    CHECK(json["workers"].size() == 1);
    for (const std::string_view field : {"packets", "bursts", "busy_ticks", "idle_ticks"})
        CHECK(json["workers"][0].contains(std::string{field}));
    CHECK(json["buffers"]["total"] == 1023);
    CHECK(json["buffers"]["free"] <= json["buffers"]["total"]);
    CHECK(json["workers"][0]["bursts_by_packets"].size() == 33);
    CHECK_FALSE(vxd.json("stats show dev uplink").contains("workers"));
    CHECK_FALSE(vxd.json("stats show worker").contains("links"));
}
