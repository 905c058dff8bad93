// SPDX-License-Identifier: BSD-3-Clause
// The configuration as commands: `config show` of anything makes the same anew.
#include "control/config/config_lines.h"

#include "tests/unit/config_lab.h"

using namespace vx;
using namespace vx::test;

namespace
{

std::string line_of(CommandWords words)
{
    const CommandList list{std::move(words)};
    auto first = list.begin();
    return config_line(*first);
}

} // namespace

TEST_CASE("config show makes the same configuration in a fresh daemon, of 300 random ones")
{
    std::size_t lines = 0;
    std::size_t early_routes = 0;
    for (std::uint32_t seed = 1; seed <= 300; ++seed) {
        const auto [shown, state] = [seed] {
            Daemon one; // there is room for one at a time
            RandomCommands commands(seed);
            randomize(one, commands, 250);
            return std::pair(one("config show"), shown_state(one));
        }();
        INFO("seed " << seed << ":\n" << shown);
        if (shown.empty())
            continue;
        Daemon other;
        other(shown);
        REQUIRE(other("config show") == shown);
        REQUIRE(shown_state(other) == state);
        lines += static_cast<std::size_t>(std::count(shown.begin(), shown.end(), '\n'));
        early_routes += shown.find("route add") < shown.find("addr add") && has(shown, "addr add") ? 1 : 0;
    }
    CHECK(lines > 300 * 20); // else they were too simple to say anything
    CHECK(early_routes > 20);
}

TEST_CASE("config show prints each line in an order that applies, with what is not the default")
{
    Daemon vxd;
    vxd.tutorial();
    vxd("link set uplink mtu 9000\n"
        "link set br0 address 02:00:00:00:00:b0 type bridge ageing_time 17\n"
        "link set docker1 address 02:00:00:00:00:d1\n"
        "link set vxlan100 address 02:00:00:00:00:64 type vxlan ttl 9 tos 8 noudpcsum ageing 0\n"
        "link set uplink address 02:00:00:00:00:01\n"
        "fdb append 00:00:00:00:00:00 dev vxlan100 dst 192.0.2.3\n"
        "fdb append 00:00:00:00:00:00 dev vxlan100 dst 192.0.2.2 port 8472 vni 7\n"
        "fdb append 02:00:00:00:00:01 dev vxlan200 dst 192.0.2.2 static\n"
        "fdb add 02:00:00:00:00:09 dev docker1 master\n"
        "fdb add 02:00:00:00:00:0a dev docker1 master dynamic\n"
        "neigh add 172.18.20.0 lladdr 02:00:00:00:00:02 dev vxlan200\n"
        "route add 172.18.20.0/24 via 172.18.20.0 dev vxlan200 onlink\n"
        "route add default via 192.0.2.254 dev uplink\n"
        "link set uplink down\n");
    CHECK(vxd("config show") ==
          "link add uplink address 02:00:00:00:00:01 mtu 9000 type null\n"
          "link add br0 address 02:00:00:00:00:b0 type bridge ageing_time 17\n"
          "link add docker1 address 02:00:00:00:00:d1 mtu 1450 type null\n"
          "link add vxlan100 address 02:00:00:00:00:64 type vxlan id 100 local 192.0.2.1 dstport 4789 nolearning "
          "noudpcsum ttl 9 tos 0x8 ageing 0\n"
          "link add vxlan200 address 0e:00:00:00:00:01 type vxlan id 200 local 192.0.2.1 dstport 4789\n"
          "link set dev docker1 master br0\n"
          "link set dev vxlan100 master br0\n"
          "fdb append 00:00:00:00:00:00 dev vxlan100 dst 192.0.2.3\n"
          "fdb append 00:00:00:00:00:00 dev vxlan100 dst 192.0.2.2 port 8472 vni 7\n"
          "fdb add 02:00:00:00:00:09 dev docker1 master static\n"
          "fdb append 02:00:00:00:00:01 dev vxlan200 dst 192.0.2.2 static\n"
          "neigh add 172.18.20.0 lladdr 02:00:00:00:00:02 dev vxlan200\n"
          "addr add 192.0.2.1/24 dev uplink\n"
          "addr add 172.18.10.1/24 dev br0\n"
          "addr add 172.18.10.0/32 dev vxlan200\n"
          "route add default via 192.0.2.254 dev uplink\n"
          "route add 172.18.20.0/24 via 172.18.20.0 dev vxlan200 onlink\n"
          "link set dev uplink down\n");
    const auto json = vxd.json("config show");
    CHECK(json[5].dump() == R"(["link","set","dev","docker1","master","br0"])");
}

TEST_CASE("config show says where remote is no more, or not the first")
{
    Daemon vxd;
    vxd.tutorial();
    vxd("link add v address 02:00:00:00:00:01 type vxlan id 7 local 192.0.2.1 remote 192.0.2.9\n"
        "fdb append 00:00:00:00:00:00 dev v dst 192.0.2.8\n");
    CHECK(has(vxd("config show"), "fdb append 00:00:00:00:00:00 dev v dst 192.0.2.8\n"));
    CHECK_FALSE(has(vxd("config show"), "fdb del"));
    vxd("fdb del 00:00:00:00:00:00 dev v dst 192.0.2.9");
    CHECK(has(vxd("config show"), "fdb del 00:00:00:00:00:00 dev v dst 192.0.2.9\n"
                                  "fdb append 00:00:00:00:00:00 dev v dst 192.0.2.8\n"));
}

TEST_CASE("a device that is called like a keyword is configured anew")
{
    const std::string shown = [] {
        Daemon vxd;
        vxd("link add name master type null\nlink add name type type bridge\nlink set dev master master type\n");
        return vxd("config show");
    }();
    Daemon other;
    other(shown);
    CHECK(other("config show") == shown);
}

TEST_CASE("a line of a configuration reads as the words that it was made of")
{
    for (const std::string word :
         {"plain", "two words", "#hash", "a#b", "q\"uote", "ap'ostrophe", "back\\slash", "tab\t", "end\\", "\"", "'"}) {
        const std::string line = line_of({"link", word});
        CHECK(split_words(line).value() == CommandWords{"link", word});
        // And as a line of a script, whose last character may not be taken for a continuation.
        const Script script = read_script(line + "\nnext\n");
        CHECK(script.commands == CommandList{{"link", word}, {"next"}});
    }
    CHECK(line_of({"link", "plain"}) == "link plain");
}
