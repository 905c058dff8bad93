// SPDX-License-Identifier: BSD-3-Clause
// Where words may stand: in any order, as iproute2 takes them, and options before the object.
#include "tests/unit/config_lab.h"

#include <algorithm>
#include <array>

using namespace vx;
using namespace vx::test;

namespace
{

struct Case {
    std::string_view verb;                // with its noun
    std::vector<std::string_view> groups; // words that stay together
};

// What `ip` and `bridge` 6.1 take in each of these orders.
const Case kCases[] = {
    {"fdb append", {"00:00:00:00:00:00", "dev vxlan100", "dst 192.0.2.2", "self"}},
    {"fdb add", {"to 02:00:00:00:00:0a", "dev vxlan100", "dst 192.0.2.2", "vni 7", "port 8472", "static"}},
    {"fdb replace", {"02:00:00:00:00:0a", "dev docker1", "master", "static"}},
    {"fdb append", {"02:00:00:00:00:0b", "dev vxlan100", "dst 192.0.2.2", "extern_learn", "dyn"}},
    {"neigh add", {"172.18.10.9", "dev br0", "lladdr 02:00:00:00:00:09", "nud noarp"}},
    {"neigh replace", {"to 172.18.10.9", "lladdr 02:00:00:00:00:09", "dev br0"}},
    {"route add", {"10.9.0.0/16", "via 192.0.2.9", "dev uplink", "onlink"}},
    {"route add", {"to default", "via 192.0.2.9", "dev uplink"}},
    {"route replace", {"default", "via 192.0.2.9", "table main"}},
    {"addr add", {"10.0.0.1/24", "dev br0", "brd +"}},
    {"addr replace", {"local 10.0.0.1/24", "brd 10.0.0.255", "dev br0"}},
    {"link set", {"docker1", "mtu 1400", "address 02:00:00:00:00:77", "down"}},
    {"link set", {"dev docker1", "nomaster", "up"}},
};

std::string line_of(const Case& about)
{
    return fmt::format("{} {}", about.verb, fmt::join(about.groups, " "));
}

} // namespace

TEST_CASE("the words of a command mean the same in every order")
{
    for (Case about : kCases) {
        std::sort(about.groups.begin(), about.groups.end());
        std::optional<std::string> first;
        do {
            Daemon vxd;
            vxd.tutorial();
            const std::string before = shown_state(vxd) + vxd("config show");
            INFO(line_of(about));
            vxd(line_of(about));
            const std::string after = shown_state(vxd) + vxd("config show");
            CHECK(after != before);
            if (!first)
                first = after;
            REQUIRE(after == *first);
            // One at a time is enough of the longest.
        } while (about.groups.size() < 5 && std::next_permutation(about.groups.begin(), about.groups.end()));
        if (about.groups.size() >= 5)
            for (std::size_t turn = 0; turn < about.groups.size(); ++turn) {
                std::rotate(about.groups.begin(), about.groups.begin() + 1, about.groups.end());
                Daemon vxd;
                vxd.tutorial();
                INFO(line_of(about));
                vxd(line_of(about));
                REQUIRE(shown_state(vxd) + vxd("config show") == *first);
            }
    }
}

TEST_CASE("show, get, del and flush take their words in every order")
{
    Daemon vxd;
    vxd.tutorial();
    vxd("fdb append 02:00:00:00:00:0a dev vxlan100 dst 192.0.2.2\n"
        "neigh add 172.18.10.9 lladdr 02:00:00:00:00:09 dev br0\n"
        "route add 10.9.0.0/16 via 192.0.2.9\n");
    CHECK(vxd("fdb get dev vxlan100 02:00:00:00:00:0a") == vxd("fdb get 02:00:00:00:00:0a dev vxlan100"));
    CHECK(vxd("neigh get dev br0 172.18.10.9") == vxd("neigh get to 172.18.10.9 dev br0"));
    CHECK(vxd("neigh show nud permanent 172.18/16 dev br0") == vxd("neigh show dev br0 to 172.18/16 nud permanent"));
    CHECK(vxd("route show dev uplink 10.9/16") == vxd("route show to 10.9/16 dev uplink"));
    CHECK(vxd("link show up master br0 type null docker1") == vxd("link show dev docker1 type null master br0 up"));
    vxd("fdb del dst 192.0.2.2 dev vxlan100 02:00:00:00:00:0a\n"
        "neigh del dev br0 172.18.10.9\n"
        "route del via 192.0.2.9 10.9.0.0/16\n"
        "addr del dev br0 172.18.10.1/24\n");
    CHECK(vxd("fdb show dev vxlan100").empty());
    CHECK(vxd("neigh show").empty());
    CHECK(vxd("route show") == "192.0.2.0/24 dev uplink proto kernel scope link src 192.0.2.1\n");
}

TEST_CASE("a value that is missing, comes twice or is wrong is named wherever it stands")
{
    Daemon vxd;
    vxd.tutorial();
    CHECK(has(vxd.error("fdb append dev vxlan100 dst 192.0.2.2"), "\"LLADDR\" is missing"));
    CHECK(has(vxd.error("fdb append dev vxlan100 02:00:00:00:00:0a dst 192.0.2.2 02:00:00:00:00:0b"),
              "\"02:00:00:00:00:0b\" is not expected here (word 8"));
    CHECK(has(vxd.error("fdb append dev vxlan100 02:00 dst 192.0.2.2"), "\"02:00\" is not a MAC address (word 5"));
    CHECK(
        has(vxd.error("fdb append dev vxlan100 vlan 3 02:00:00:00:00:0a"), "\"vlan\" is an option that vxd does not"));
    CHECK(has(vxd.error("neigh add dev br0 lladdr 02:00:00:00:00:09"), "\"ADDR\" is missing"));
    CHECK(has(vxd.error("neigh add proxy 172.18.10.9 dev br0"), "\"proxy\" is an option that vxd does not support"));
    CHECK(has(vxd.error("route add via 192.0.2.9"), "\"PREFIX\" is missing"));
    CHECK(has(vxd.error("route add blackhole 10.0.0.0/8"), "\"blackhole\" is an option that vxd does not support"));
    CHECK(has(vxd.error("route get"), "\"ADDR\" is missing"));
    CHECK(has(vxd.error("route get dev uplink 10.0.0.1"), "\"dev\" is an option that vxd does not support"));
    CHECK(has(vxd.error("link show group default"), "\"group\" is an option that vxd does not support"));
}

TEST_CASE("an option behind the object is an error that says where it belongs")
{
    Daemon vxd;
    vxd.tutorial();
    CHECK(vxd.error("link show -j") ==
          "\"-j\" is an option, and options come before the object: vxctl -j link show ... (word 3)");
    for (const std::string_view line :
         {"link -j", "link -s", "link show up -s", "link show docker1 -d", "addr show -br", "addr -4", "route -4",
          "route show -6", "route add 10/8 via 192.0.2.9 -o", "neigh show -stats", "fdb show -p",
          "fdb show br br0 --json", "fdb append dev vxlan100 -j", "stats show -j", "config show -pretty",
          "link add x -batch type null"}) {
        INFO(line);
        CHECK(has(vxd.error(line), "options come before the object: vxctl -"));
    }
    vxd("link add -j type null"); // ip takes it for a name too
    CHECK(has(vxd("link show -j"), ": -j: "));
}

TEST_CASE("addr show and flush choose as ip does")
{
    Daemon vxd;
    vxd.tutorial();
    vxd("link set br0 down\naddr add 10.0.0.1/24 dev br0\naddr add 10.0.1.1/24 dev br0\n");
    const auto names = [&](std::string_view line) {
        std::string list;
        for (const auto& link : vxd.json(line))
            list += link["ifname"].get<std::string>() + " ";
        return list;
    };
    CHECK(names("addr show up") == "uplink docker1 vxlan100 vxlan200 ");
    CHECK(names("addr show up dev br0").empty());
    CHECK(names("addr show br0") == "br0 ");
    CHECK(names("addr show type vxlan master br0") == "vxlan100 ");
    CHECK(names("addr show nomaster type vxlan") == "vxlan200 ");
    CHECK(names("link show nomaster") == "uplink br0 vxlan200 ");
    CHECK(names("addr show to 10.0.0.0/16") == "br0 ");
    CHECK(vxd.json("addr show to 10.0.0.0/24")[0]["addr_info"].size() == 1);
    CHECK(has(vxd.error("addr show scope global"), "\"scope\" is an option that vxd does not support"));
    CHECK(has(vxd.error("addr flush"), "no word says which"));
    vxd("addr flush to 10.0.0.0/24");
    CHECK(vxd("-br addr show br0") == "br0              DOWN           10.0.1.1/24 172.18.10.1/24 \n");
    vxd("addr flush up");
    CHECK(names("-4 addr show") == "br0 ");
    vxd("addr flush dev br0 to 172.18.0.0/16");
    CHECK(vxd("-br addr show br0") == "br0              DOWN           10.0.1.1/24 \n");
}

TEST_CASE("several states of neighbours may be named, and those that are configured go only by theirs")
{
    Daemon vxd;
    vxd.tutorial();
    const auto fill = [&] {
        vxd("neigh replace 172.18.10.5 lladdr 02:00:00:00:00:05 dev br0\n"
            "neigh replace 172.18.10.7 lladdr 02:00:00:00:00:07 nud noarp dev br0\n");
    };
    fill();
    constexpr std::string_view kPermanent = "172.18.10.5 dev br0 lladdr 02:00:00:00:00:05 PERMANENT\n";
    constexpr std::string_view kNoArp = "172.18.10.7 dev br0 lladdr 02:00:00:00:00:07 NOARP\n";
    CHECK(vxd("neigh show") == kPermanent); // as ip, which leaves out those
    CHECK(vxd("neigh show nud noarp") == kNoArp);
    CHECK(vxd("neigh show nud noarp nud permanent") == std::string{kPermanent} + std::string{kNoArp});
    CHECK(vxd.json("neigh show nud noarp")[0]["state"].dump() == R"(["NOARP"])");
    CHECK(has(vxd("config show"), "neigh add 172.18.10.7 lladdr 02:00:00:00:00:07 dev br0 nud noarp\n"));
    CHECK(has(vxd.error("neigh add 172.18.10.9 lladdr 02:00:00:00:00:09 dev br0 nud stale"),
              "expected permanent, which is also the default, or noarp"));
    vxd("neigh flush dev br0");
    vxd("neigh flush all");
    CHECK(vxd("neigh show nud all") == std::string{kPermanent} + std::string{kNoArp});
    vxd("neigh flush nud permanent");
    CHECK(vxd("neigh show nud all") == kNoArp);
    vxd("neigh flush dev br0 nud noarp");
    CHECK(vxd("neigh show nud all").empty());
    fill();
    vxd("neigh flush dev br0 nud all"); // as ip, each but noarp
    CHECK(vxd("neigh show nud all") == kNoArp);
}
