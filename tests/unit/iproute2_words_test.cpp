// SPDX-License-Identifier: BSD-3-Clause
// What ip(8) and bridge(8) take, checked against iproute2 6.1, in spellings and orders that tutorials use.
#include "tests/unit/daemon_lab.h"

using namespace vx;
using namespace vx::test;

namespace
{

std::string info(Daemon& vxd, std::string_view name, const char* field)
{
    const auto json = vxd.json(fmt::format("link show {}", name));
    return json.at(0)["linkinfo"]["info_data"].value(field, "none");
}

} // namespace

TEST_CASE("objects have the names that iproute2 knows them by")
{
    Daemon vxd;
    vxd.tutorial();
    for (const std::string_view neigh : {"n", "neigh", "neighbo", "neighbor", "neighbour"})
        CHECK(vxd(fmt::format("{} show", neigh)).empty());
    for (const std::string_view addr : {"a", "addr", "address"})
        CHECK(vxd(fmt::format("{} show br0", addr)) == vxd("addr show br0"));
    CHECK_FALSE(vxd.error("neighborhood show").empty());
}

TEST_CASE("the name of a device stands anywhere before its type")
{
    Daemon vxd;
    for (const std::string_view words : {"br1 type bridge", "name br2 type bridge", "dev br3 type bridge",
                                         "up br4 type bridge", "br5 up type bridge", "mtu 1400 dev br6 type bridge"})
        vxd(fmt::format("link add {}", words));
    vxd("link add br7 down type bridge");
    CHECK(vxd.json("link show up").size() == 6);
    CHECK(vxd.json("link show br7")[0]["operstate"] == "DOWN");
    for (const std::string_view words : {"up dev br7", "down br7", "dev br7 up", "br7 down", "mtu 1300 br7"})
        vxd(fmt::format("link set {}", words));
    CHECK(vxd.json("link show br7")[0]["mtu"] == 1300);
    CHECK(has(vxd.error("link add type bridge"), "\"NAME\" is missing"));
    CHECK(has(vxd.error("link set up"), "\"NAME\" is missing"));
    CHECK(has(vxd.error("link set br7 br6 up"), "\"br6\" is not expected"));
    CHECK(has(vxd.error("link add br8 up down type bridge"), "one too many"));
}

TEST_CASE("the words of addr come in any order, and a broadcast address is the one that there is")
{
    Daemon vxd;
    vxd("link add br7 type bridge");
    for (const std::string_view words :
         {"dev br7 10.22.0.1/24", "10.23/16 brd + dev br7", "10.24.0.1/24 broadcast 10.24.0.255 dev br7",
          "local 10.25.0.1/24 dev br7 brd -", "brd + dev br7 local 10.26.0.1/24"})
        vxd(fmt::format("addr add {}", words));
    CHECK(vxd.json("addr show br7")[0]["addr_info"].size() == 5);
    CHECK(has(vxd.error("addr add 10.27.0.1/24 brd 10.27.0.254 dev br7"), "expected 10.27.0.255"));
    CHECK(has(vxd.error("addr add 10.27.0.1/32 brd 10.27.0.1 dev br7"), "expected none"));
    CHECK(has(vxd.error("addr add dev br7"), "\"PREFIX\" is missing"));
    CHECK(has(vxd.error("addr add 10.27.0.1/24 dev br7 label x"), "\"label\" is an option that vxd does not support"));
}

TEST_CASE("dev of a VXLAN device names the port that has local, or has the address that becomes local")
{
    Daemon vxd;
    vxd.tutorial();
    vxd("addr add 2001:db8::1/64 dev uplink");
    vxd("link add v1 type vxlan id 1 dev uplink local 192.0.2.1");
    vxd("link add v2 type vxlan id 2 dev uplink");
    CHECK(info(vxd, "v2", "local") == "192.0.2.1");
    vxd("link add v3 type vxlan id 3 dev uplink remote 2001:db8::2");
    CHECK(info(vxd, "v3", "local6") == "2001:db8::1");
    vxd("addr add 198.51.100.1/24 dev uplink");
    vxd("link add v4 type vxlan id 4 remote 198.51.100.2 dev uplink");
    CHECK(info(vxd, "v4", "local") == "198.51.100.1"); // its subnet has the remote
    CHECK(
        has(vxd.error("link add v type vxlan id 9 dev uplink local 192.0.2.9"), "does not have the address 192.0.2.9"));
    CHECK(has(vxd.error("link add v type vxlan id 9 dev br0 local 172.18.10.1"), "it is a bridge device"));
    CHECK(has(vxd.error("link add v type vxlan id 9 dev docker1"), "it is a member of a bridge"));
    CHECK(has(vxd.error("link add v type vxlan id 9 dev eth9"), "Cannot find device \"eth9\""));
    CHECK(has(vxd.error("link add v type vxlan id 9"), "\"local\" is missing"));
    vxd("link set v1 type vxlan dev uplink local 192.0.2.1"); // as it is
    CHECK(has(vxd.error("link set v4 type vxlan local 192.0.2.1"), "\"local\" cannot be changed"));
    vxd("link add bare type null");
    CHECK(has(vxd.error("link add v type vxlan id 9 dev bare"), "\"bare\" has no address to send from"));
}

TEST_CASE("a VXLAN device takes what says what vxd does anyway, and says why not otherwise")
{
    Daemon vxd;
    vxd.tutorial();
    vxd("link add v type vxlan id 9 local 192.0.2.1 srcport 49152 65535 df set noproxy norsc nol2miss nol3miss "
        "noudp6zerocsumtx udp6zerocsumrx noremcsumtx noremcsumrx noexternal ttl 0");
    vxd("link add w type vxlan id 10 local 192.0.2.1 port 0 0 noudp6zerocsumrx ttl auto");
    const auto why_not = [&](std::string_view words) {
        return vxd.error(fmt::format("link add x type vxlan id 11 local 192.0.2.1 {}", words));
    };
    CHECK(has(why_not("srcport 1000 2000"), "expected 49152 65535"));
    CHECK(has(why_not("df unset"), "expected set"));
    CHECK(has(why_not("df inherit"), "expected set"));
    CHECK(has(why_not("group 239.1.1.1"), "fdb append 00:00:00:00:00:00"));
    CHECK(has(why_not("remote 239.1.1.1"), "fdb append 00:00:00:00:00:00"));
    CHECK(has(why_not("ttl inherit"), "expected auto or a number from 0 to 255"));
    CHECK(has(why_not("ttl 256"), "a number from 0 to 255"));
    CHECK(has(vxd("link add type vxlan help"), "TTL := 0-255, auto and 0 are 64"));
}

TEST_CASE("routes are appended, changed and flushed")
{
    Daemon vxd;
    vxd.tutorial();
    vxd("route append 10/8 dev br0");
    CHECK(has(vxd.error("route append 10/8 dev br0"), "already a route"));
    CHECK(has(vxd.error("route change 11/8 dev br0"), "there is no route to 11.0.0.0/8"));
    vxd("route change 10/8 via 192.0.2.254 table main");
    CHECK(vxd("route show 10/8 table main") == "10.0.0.0/8 via 192.0.2.254 dev uplink\n");
    CHECK(has(vxd.error("route show table 7"), "\"7\" is a table that vxd does not have; expected main"));
    CHECK(has(vxd.error("route add 11/8 dev br0 metric 0"), "\"metric\" is an option that vxd does not support"));
    vxd("route add 11/8 dev br0");
    CHECK(has(vxd.error("route flush"), "neither"));
    vxd("route flush dev br0"); // that of its address stays
    CHECK(vxd("route show dev br0") == "172.18.10.0/24 proto kernel scope link src 172.18.10.1\n");
    vxd("route flush 10/8");
    CHECK(vxd("route show 10/8").empty());
}

TEST_CASE("route get tells where a packet goes")
{
    Daemon vxd;
    vxd.tutorial();
    CHECK(has(vxd.error("route get 10.1.2.3"), "Network is unreachable"));
    vxd("route add default via 192.0.2.254");
    CHECK(vxd("route get 10.1.2.3") == "10.1.2.3 via 192.0.2.254 dev uplink src 192.0.2.1\n");
    CHECK(vxd("route get to 172.18.10.9") == "172.18.10.9 dev br0 src 172.18.10.1\n");
    CHECK(vxd("route get 172.18.10.1") == "local 172.18.10.1 dev br0 src 172.18.10.1\n");
    CHECK(vxd("route get 172.18.10.255") == "broadcast 172.18.10.255 dev br0 src 172.18.10.1\n");
    CHECK(vxd.json("route get 10.1.2.3").dump() ==
          R"([{"dst":"10.1.2.3","gateway":"192.0.2.254","dev":"uplink","prefsrc":"192.0.2.1","flags":[]}])");
    for (const std::string_view address : {"224.0.0.1", "127.0.0.1", "2001:db8::1"})
        CHECK_FALSE(vxd.error(fmt::format("route get {}", address)).empty());
}

TEST_CASE("neighbours are shown by address and state, and got alone")
{
    Daemon vxd;
    vxd.tutorial();
    vxd("neigh add 172.18.20.0 lladdr 0e:00:00:00:00:02 dev vxlan200\n"
        "neigh add 172.18.10.7 lladdr 0e:00:00:00:00:07 dev br0\n");
    constexpr std::string_view kFirst = "172.18.20.0 dev vxlan200 lladdr 0e:00:00:00:00:02 PERMANENT\n";
    CHECK(vxd("neigh show 172.18.20.0") == kFirst);
    CHECK(vxd("neigh show to 172.18.20/24 nud permanent") == kFirst);
    CHECK(vxd("neigh show nud stale").empty());
    CHECK(vxd("neigh show nud all") == vxd("neigh show"));
    CHECK(vxd("neigh show 172.18/16") == vxd("neigh show"));
    CHECK(vxd("neigh get 172.18.20.0 dev vxlan200") == kFirst);
    CHECK(vxd.json("neigh get dev vxlan200 172.18.20.0").size() == 1);
    CHECK(has(vxd.error("neigh get 172.18.20.1 dev vxlan200"), "has no neighbour 172.18.20.1"));
    CHECK(has(vxd.error("neigh get 172.18.20.1"), "\"dev\" is missing"));
    CHECK(has(vxd.error("neigh show nud x"), "expected one of permanent, reachable"));
    vxd("neigh flush all");
    CHECK(vxd("neigh show 172.18.20.0") == kFirst);
    CHECK(has(vxd.error("neigh flush"), "\"all\" would mean every one"));
}

TEST_CASE("what vxd shows of a route can be typed back")
{
    Daemon vxd;
    vxd.tutorial();
    vxd("route add 12.0.0.0/8 dev uplink scope link");
    CHECK(has(vxd("route show"), "12.0.0.0/8 dev uplink scope link"));
    vxd("route add 13.0.0.0/8 via 192.0.2.9 dev uplink scope global");
    CHECK(has(vxd.error("route add 14/8 via 192.0.2.9 dev uplink scope link"), "without a gateway"));
    CHECK(has(vxd.error("route add 14/8 dev uplink scope host"), "expected one of link, global"));
}

TEST_CASE("a device may be deleted by type and name, MACs be short, and -s said where there is no more")
{
    Daemon vxd;
    vxd.tutorial();
    CHECK(has(vxd.error("link del vxlan200 type bridge"), "expected vxlan"));
    vxd("fdb append 2:0:0:0:0:e dev vxlan100 dst 192.0.2.2");
    CHECK(has(vxd("-s fdb show"), "02:00:00:00:00:0e dev vxlan100"));
    vxd("addr change 172.18.10.1/24 dev br0");
    vxd("link del vxlan200 type vxlan");
    CHECK_FALSE(vxd.error("link show vxlan200").empty());
}

TEST_CASE("FDB entries are shown by port and state, and got alone")
{
    Daemon vxd;
    vxd.tutorial();
    vxd("fdb add 02:00:00:00:00:01 dev docker1 master\n"
        "fdb append 02:00:00:00:00:02 dev vxlan100 dst 192.0.2.2\n"
        "fdb append 02:00:00:00:00:02 dev vxlan100 dst 192.0.2.3\n"
        "fdb append 02:00:00:00:00:03 dev vxlan100 dst 192.0.2.3 dynamic\n"
        "fdb append 00:00:00:00:00:00 dev vxlan100 dst 192.0.2.2\n");
    CHECK(vxd("fdb show brport docker1") == "02:00:00:00:00:01 master br0 static\n");
    CHECK(vxd("fdb show state static") == "02:00:00:00:00:01 dev docker1 master br0 static\n");
    CHECK(vxd("fdb show state dynamic") == "02:00:00:00:00:03 dev vxlan100 dst 192.0.2.3 self\n");
    CHECK(vxd("fdb show dynamic") == vxd("fdb show state dynamic"));
    CHECK(vxd("fdb show state all") == vxd("fdb show"));
    CHECK(has(vxd.error("fdb show state x"), "expected one of permanent, static"));
    CHECK(has(vxd.error("fdb show dev docker1 brport docker1"), "one device too many"));
    CHECK(vxd("fdb get 02:00:00:00:00:01 br br0") == "02:00:00:00:00:01 dev docker1 master br0 static\n");
    CHECK(vxd("fdb get to 02:00:00:00:00:02 dev vxlan100 self") ==
          "02:00:00:00:00:02 dev vxlan100 dst 192.0.2.2 self permanent\n"
          "02:00:00:00:00:02 dev vxlan100 dst 192.0.2.3 self permanent\n");
    CHECK(vxd.json("fdb get 00:00:00:00:00:00 dev vxlan100").size() == 1);
    CHECK(has(vxd.error("fdb get 02:00:00:00:00:01 dev vxlan100"), "has no entry 02:00:00:00:00:01"));
    CHECK(has(vxd.error("fdb get 02:00:00:00:00:01"), "\"dev\" is missing"));
    CHECK(has(vxd.error("fdb get dev vxlan100"), "\"LLADDR\" is missing"));
}

TEST_CASE("a device that there is not is an error of usage, which ip exits with 1 for")
{
    Daemon vxd;
    vxd.tutorial();
    for (const std::string_view line :
         {"link show nope", "link del nope", "link set nope up", "addr show nope", "addr add 10.0.0.1/8 dev nope",
          "route show dev nope", "route add 10/8 dev nope", "neigh show dev nope", "fdb show br nope",
          "fdb append 02:00:00:00:00:01 dev nope dst 192.0.2.2", "link set docker1 master nope"}) {
        INFO(line);
        CHECK(vxd.run(line).failures.at(0).error.kind == Error::Kind::kUsage);
    }
    for (const std::string_view line :
         {"link add br0 type bridge", "route get 203.0.113.1", "addr del 9.9.9.9/32 dev br0"})
        CHECK(vxd.run(line).failures.at(0).error.kind == Error::Kind::kRefused);
}

TEST_CASE("explain of a device without dev before it says that dev is missing")
{
    Daemon vxd;
    vxd.tutorial();
    CHECK(has(vxd.error("explain docker1 ip src 10.0.0.1 dst 10.0.0.2 icmp"), "explain: \"dev\" is missing"));
    CHECK(has(vxd.error("explain docker2 ip src 10.0.0.1 dst 10.0.0.2 icmp"), "\"docker2\""));
}

TEST_CASE("a line that ends with a backslash goes on in the next, and is known by its first")
{
    const Script script = parse_script("link add br1 \\\n  type bridge\n"
                                       "# a comment does not \\\n"
                                       "link add br\\\n2 \\\n type bridge # nor this \\\n"
                                       "addr show\n"
                                       "link show \"a\\\nb\" \\",
                                       "test")
                              .value();
    CHECK(script.commands == CommandList{{"link", "add", "br1", "type", "bridge"},
                                         {"link", "add", "br2", "type", "bridge"},
                                         {"addr", "show"},
                                         {"link", "show", "ab"}});
    CHECK(script.lines == std::vector<std::uint32_t>{1, 4, 7, 8});
    const auto bad = parse_script("link show \\\n\nlink show\nlink \\\nshow \"x\n", "test");
    CHECK(has(bad.error().message, "test:4: the quote"));
}
