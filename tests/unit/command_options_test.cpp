// SPDX-License-Identifier: BSD-3-Clause
// Options before a command: what they change in its output.
#include "tests/unit/daemon_lab.h"

#include <algorithm>

using namespace vx;
using namespace vx::test;

TEST_CASE("-s adds ip's lines and stats64 to link show and addr show")
{
    Daemon vxd;
    vxd.tutorial();
    constexpr std::string_view kZeros = "    RX:  bytes packets errors dropped  missed   mcast           \n"
                                        "             0       0      0       0       0       0 \n"
                                        "    TX:  bytes packets errors dropped carrier collsns           \n"
                                        "             0       0      0       0       0       0 \n";
    CHECK(vxd("-s link show br0") == vxd("link show br0") + std::string{kZeros});
    CHECK(vxd("-stat addr show br0") == vxd("addr show br0") + std::string{kZeros});
    CHECK(vxd.json("-s link show br0")[0]["stats64"].dump() ==
          R"({"rx":{"bytes":0,"packets":0,"errors":0,"dropped":0,"over_errors":0,"multicast":0},)"
          R"("tx":{"bytes":0,"packets":0,"errors":0,"dropped":0,"carrier_errors":0,"collisions":0}})");
    CHECK_FALSE(vxd.json("link show br0")[0].contains("stats64"));
    CHECK(vxd("-d link show") == vxd("link show"));
    CHECK(vxd("-s route show") == vxd("route show"));
}

TEST_CASE("-br and -o print what scripts take apart")
{
    Daemon vxd;
    vxd.tutorial();
    vxd("addr add 2001:db8::1/64 dev uplink");
    const std::string mac = vxd.json("link show br0")[0]["address"];
    CHECK(vxd("-br link show br0") ==
          fmt::format("br0              UP             {} <BROADCAST,MULTICAST,UP,LOWER_UP> \n", mac));
    CHECK(vxd("-br addr show uplink") == "uplink           UP             192.0.2.1/24 2001:db8::1/64 \n");
    CHECK(vxd.json("-br addr show br0")[0]["addr_info"].dump() == R"([{"local":"172.18.10.1","prefixlen":24}])");
    const std::string lines = vxd("-o link show");
    CHECK(std::count(lines.begin(), lines.end(), '\n') == 5);
    CHECK(has(lines, "\\    link/ether"));
    CHECK(vxd("-o addr show br0") == fmt::format("{}: br0    inet 172.18.10.1/24 scope global br0\\       valid_lft "
                                                 "forever preferred_lft forever\n",
                                                 vxd.json("link show br0")[0]["ifindex"].get<int>()));
    CHECK(has(vxd.error("-br fdb show"), "-brief"));
}

TEST_CASE("-4 and -6 are about one family")
{
    Daemon vxd;
    vxd.tutorial();
    vxd("addr add 2001:db8::1/64 dev uplink\n"
        "route add default via 2001:db8::fe\n"
        "-6 route add 2001:db8:1::/48 via 2001:db8::fe\n"
        "neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 dev uplink\n"
        "neigh add 2001:db8::9 lladdr 02:00:00:00:00:09 dev uplink\n");
    CHECK(vxd("-6 addr show") == vxd("-6 addr show uplink"));
    CHECK_FALSE(has(vxd("-6 addr show"), "link/ether"));
    CHECK_FALSE(has(vxd("-4 addr show"), "inet6"));
    CHECK(vxd.json("-4 addr show").size() == 3);
    CHECK_FALSE(has(vxd("-4 route show"), "2001:"));
    CHECK_FALSE(has(vxd("-6 route show"), "172.18."));
    CHECK(vxd("-6 neigh show") == "2001:db8::9 dev uplink lladdr 02:00:00:00:00:09 PERMANENT\n");
    CHECK(has(vxd.error("-4 addr add 2001:db8::2/64 dev uplink"), "the option -4 says IPv4"));
    vxd("-6 addr flush dev uplink");
    CHECK(vxd("-br addr show uplink") == "uplink           UP             192.0.2.1/24 \n");
}

TEST_CASE("an option that is none is an error before any command")
{
    Daemon vxd;
    CHECK(has(vxd.error("-frobnicate link show"), "\"-frobnicate\""));
    CHECK(has(vxd.error("-b link show"), "\"-b\""));
    CHECK(has(vxd.error("-s"), "an empty command"));
    CHECK(vxd("-s help") == vxd("help"));
}
