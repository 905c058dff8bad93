// SPDX-License-Identifier: BSD-3-Clause
// link del and link add of one port in one transaction: the open port changes hands, and goes back on failure.
#include "tests/unit/daemon_lab.h"

#include <set>
#include <string>

using namespace vx;
using namespace vx::test;

TEST_CASE("a port is replaced by one of the same kind and options in one transaction")
{
    Daemon vxd;
    vxd("link add p mtu 1400 type null");
    vxd("link del p\n"
        "link add p mtu 1300 address 02:00:00:00:00:07 type null\n");
    const auto link = vxd.json("link show p")[0];
    CHECK(link["mtu"] == 1300);
    CHECK(link["address"] == "02:00:00:00:00:07");
    CHECK(link["ifindex"] == 2); // another device
    vxd("link del p");
    vxd("link add p type null"); // it was closed
}

TEST_CASE("a replacement that fails leaves the old port as it was")
{
    Daemon vxd;
    vxd("link add p mtu 1400 address 02:00:00:00:00:01 type null\n"
        "addr add 192.0.2.1/24 dev p\n");
    const std::string before = vxd("link show") + vxd("addr show");
    CHECK_FALSE(vxd.run("link del p\n"
                        "link add p mtu 1300 address 02:00:00:00:00:07 type null\n"
                        "link set p mtu 1200\n"
                        "link del nosuch\n")
                    .failures.empty());
    CHECK(vxd("link show") + vxd("addr show") == before);
    vxd("link set p mtu 1500");
    vxd("link del p");
}

TEST_CASE("where a port cannot take the place of another, the error says why and what to do")
{
    Daemon vxd;
    vxd("link add p mtu 1400 type null");
    const std::string error = vxd.error("link del p\n"
                                        "link add p type null\n"); // its MTU would have to be unset
    CHECK(has(error, "the port of \"p\" is closed only at the end of this transaction"));
    CHECK(has(error, "delete it in a transaction of its own"));
    CHECK(vxd.json("link show p")[0]["mtu"] == 1400);
}

TEST_CASE("the MAC of a port that has none of its own is the same after a restart")
{
    const std::string line = GENERATE("link add p type null", "link add p type vdev args net_ring_p");
    CAPTURE(line);
    std::set<std::string> seen;
    for (int start = 0; start < 2; ++start) {
        Daemon vxd;
        vxd(line);
        seen.insert(vxd.json("link show p")[0]["address"].get<std::string>());
    }
    CHECK(seen.size() == 1);
    CHECK_FALSE(seen.contains("00:00:00:00:00:00"));
}
