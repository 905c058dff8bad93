// SPDX-License-Identifier: BSD-3-Clause
// Words of scripts that were written for Linux: what vxd does anyway may be said, with ip's units, and the opposite is
// refused by name.
#include "control/commands/bridge_options.h"

#include "tests/unit/config_lab.h"

using namespace vx;
using namespace vx::test;

namespace
{

std::string warnings(Daemon& vxd, std::string_view lines)
{
    const Response response = vxd.run(lines);
    for (const Failure& failure : response.failures)
        FAIL(failure.error.message);
    return fmt::format("{}", fmt::join(response.warnings, "\n"));
}

} // namespace

TEST_CASE("the ageing time of a bridge is in 1/100 s, as with ip, said and shown")
{
    Daemon vxd;
    vxd("link add br0 type bridge");
    CHECK(vxd.json("link show br0")[0]["linkinfo"]["info_data"]["ageing_time"] == 30000);
    CHECK(has(vxd("link show br0"), "bridge ageing_time 30000\n"));
    CHECK_FALSE(has(vxd("config show"), "ageing_time"));
    CHECK(warnings(vxd, "link set br0 type bridge ageing_time 60000").empty());
    CHECK(has(vxd("config show"), "type bridge ageing_time 60000\n"));
    CHECK(has(vxd("link add type bridge help"), "1/100 s"));
}

TEST_CASE("an ageing time that may have been meant in seconds is warned of")
{
    Daemon vxd;
    CHECK(warnings(vxd, "link add br0 type bridge ageing_time 300") ==
          "link add: ageing_time 300 is 3 s: the unit is 1/100 s, as with ip(8)");
    CHECK(warnings(vxd, "link set br0 type bridge ageing_time 250") ==
          "link set: ageing_time 250 is 2.5 s: the unit is 1/100 s, as with ip(8)");
    CHECK(has(warnings(vxd, "link set br0 type bridge ageing_time 0"), "floods everything"));
    CHECK(warnings(vxd, "link set br0 type bridge ageing_time 1000").empty());
}

TEST_CASE("a bridge takes each option whose off is what vxd does, and refuses it on")
{
    Daemon vxd;
    std::string options = idle_bridge_options();
    std::erase(options, ',');
    const CommandWords names = split_words(options).value();
    CHECK(std::ranges::find(names, "stp_state") != names.end());
    std::string all;
    for (const std::string& name : names) {
        INFO(name);
        all += fmt::format(" {} 0", name);
        const std::string refused = vxd.error(fmt::format("link add br1 type bridge {} 1", name));
        CHECK(has(refused, fmt::format("\"1\" is a {} that vxd does not support; expected 0", name)));
        CHECK(has(vxd("link add type bridge help"), name));
    }
    vxd(fmt::format("link add br0 type bridge{} ageing_time 7000", all));
    CHECK(has(vxd("config show"), "type bridge ageing_time 7000\n")); // and nothing of what is always so
    vxd("link set br0 type bridge stp_state 0 vlan_f 0 forw 0");
    CHECK(has(vxd.error("link add br1 type bridge priority 7"), "\"priority\" is an option that vxd does not support"));
    CHECK(has(vxd.error("link add br1 type bridge stp_state 0 stp_state 0"), "comes twice"));
}

TEST_CASE("dstport 0 is the default, and a warning says that Linux has another one")
{
    Daemon vxd;
    vxd.tutorial();
    CHECK(has(warnings(vxd, "link add v type vxlan id 9 local 192.0.2.1 dstport 0"),
              "dstport 0 is the default, which is 4789 here and 8472 on Linux"));
    CHECK(vxd.json("link show v")[0]["linkinfo"]["info_data"]["port"] == 4789);
    CHECK(warnings(vxd, "link add w type vxlan id 10 local 192.0.2.1 flowlabel 0").empty());
    CHECK(has(vxd.error("link add x type vxlan id 11 local 192.0.2.1 flowlabel 1"), "expected 0"));
}

TEST_CASE("link replace adds a device or changes it, and change is set")
{
    Daemon vxd;
    vxd.tutorial();
    const std::string before = vxd("config show");
    const auto again = [&](std::string_view line) {
        vxd(line);
        CHECK(vxd("config show") == before);
    };
    again("link replace br0 type bridge");
    again("link replace docker1 mtu 1450 master br0 type null");
    again("link replace vxlan100 type vxlan id 100 local 192.0.2.1 nolearning");
    again("link replace vxlan100 type vxlan id 100 dev uplink dstport 0");
    vxd("link replace br1 type bridge ageing_time 5000");
    CHECK(has(vxd("config show"), "link add br1 "));
    vxd("link replace br1 down mtu 1400 type bridge ageing_time 6000\n"
        "link change vxlan100 master br1 type vxlan ageing 9");
    CHECK(has(vxd("link show br1"), "bridge ageing_time 6000"));
    CHECK(has(vxd("link show vxlan100"), "master br1"));
    CHECK(has(vxd("link show vxlan100"), "ageing 9"));
    CHECK(has(vxd.error("link replace br0 type null"), "\"br0\" is a bridge device, and cannot become a null device"));
    CHECK(has(vxd.error("link replace vxlan100 type vxlan id 101 local 192.0.2.1"), "\"id\" cannot be changed"));
    CHECK(has(vxd.error("link replace docker1 up"), "\"type\" is missing"));
    CHECK(has(vxd.error("link change nope up"), "Cannot find device"));
    CHECK(has(vxd.error("link replace x type tap nonsense"), "nonsense"));
    CHECK(has(vxd("link replace type vxlan help"), "VNI :="));
}

TEST_CASE("a port is not replaced by one that is made of something else")
{
    Daemon vxd;
    vxd("link add p type vdev args net_null0");
    vxd("link replace p type vdev args net_null0 mtu 1400");
    CHECK(has(vxd.error("link replace p type vdev args net_null1"), "what a port is made of cannot be changed"));
}

TEST_CASE("an own address in a flood list stays there, and is warned of")
{
    Daemon vxd;
    vxd.tutorial();
    CHECK(has(warnings(vxd, "fdb append 00:00:00:00:00:00 dev vxlan100 dst 192.0.2.1"),
              "dst 192.0.2.1 is our own address: nothing is flooded there while it is"));
    vxd("fdb append 00:00:00:00:00:00 dev vxlan100 dst 192.0.2.2\n");
    CHECK(has(vxd("config show"), "fdb append 00:00:00:00:00:00 dev vxlan100 dst 192.0.2.1\n"
                                  "fdb append 00:00:00:00:00:00 dev vxlan100 dst 192.0.2.2\n"));
    CHECK(has(vxd("fdb show dev vxlan100"), "00:00:00:00:00:00 dst 192.0.2.1 self permanent\n"));
    CHECK(has(vxd.error("fdb append 02:00:00:00:00:0a dev vxlan100 dst 192.0.2.1"), "is our own address"));
    vxd("fdb del 00:00:00:00:00:00 dev vxlan100 dst 192.0.2.1");
    CHECK(vxd("fdb show dev vxlan100") == "00:00:00:00:00:00 dst 192.0.2.2 self permanent\n");
}

TEST_CASE("an address of a flood list that becomes our own is warned of, and the devices are named")
{
    Daemon vxd;
    vxd.tutorial();
    vxd("link add vx7 type vxlan id 7 local 192.0.2.1\nlink add vx8 type vxlan id 8 local 192.0.2.1\n"
        "fdb append 00:00:00:00:00:00 dev vx7 dst 192.0.2.2 port 4790\n"
        "fdb append 00:00:00:00:00:00 dev vxlan100 dst 192.0.2.2\n"
        "fdb append 02:00:00:00:00:0a dev vx8 dst 192.0.2.3");
    CHECK(
        has(warnings(vxd, "addr add 192.0.2.2/24 dev uplink"),
            "192.0.2.2 is a dst of 00:00:00:00:00:00 on vxlan100, vx7: nothing is flooded there while it is our own"));
    vxd("addr del 192.0.2.2/24 dev uplink");
    CHECK(warnings(vxd, "addr add 192.0.2.3/24 dev uplink\naddr add 192.0.2.4/24 dev uplink").empty());
    CHECK(warnings(vxd, "addr add 192.0.2.2/24 dev uplink\nfdb del 00:00:00:00:00:00 dev vx7\n"
                        "fdb del 00:00:00:00:00:00 dev vxlan100 dst 192.0.2.2")
              .empty());
}

TEST_CASE("extern_learn is kept and shown as Linux has it")
{
    Daemon vxd;
    vxd.tutorial();
    vxd("fdb append 02:00:00:00:00:01 dev vxlan100 dst 192.0.2.2 extern_learn\n"
        "fdb append 02:00:00:00:00:02 dev vxlan100 dst 192.0.2.2 extern_learn dynamic\n"
        "fdb append 02:00:00:00:00:02 dev vxlan100 dst 192.0.2.3 extern_learn dynamic\n"
        "fdb append 02:00:00:00:00:03 dev vxlan100 dst 192.0.2.2 static extern_learn\n"
        "fdb add 02:00:00:00:00:04 dev docker1 master extern_learn\n"
        "fdb replace 02:00:00:00:00:05 dev docker1 master extern_learn static\n");
    CHECK(vxd("fdb show dev docker1") == "02:00:00:00:00:04 extern_learn master br0\n"
                                         "02:00:00:00:00:05 extern_learn master br0\n");
    CHECK(vxd("fdb show dev vxlan100") == "02:00:00:00:00:01 dst 192.0.2.2 self extern_learn permanent\n"
                                          "02:00:00:00:00:02 dst 192.0.2.2 self extern_learn\n"
                                          "02:00:00:00:00:02 dst 192.0.2.3 self extern_learn\n"
                                          "02:00:00:00:00:03 dst 192.0.2.2 self extern_learn static\n");
    CHECK(vxd.json("fdb get 02:00:00:00:00:01 dev vxlan100")[0]["flags"].dump() == R"(["self","extern_learn"])");
    CHECK(vxd.json("fdb get 02:00:00:00:00:04 dev docker1")[0]["flags"].dump() == R"(["extern_learn"])");
    CHECK(has(vxd.error("fdb append 00:00:00:00:00:00 dev vxlan100 dst 192.0.2.2 extern_learn"), "extern_learn"));
    const std::string shown = vxd("config show");
    CHECK(has(shown, "fdb append 02:00:00:00:00:02 dev vxlan100 dst 192.0.2.3 dynamic extern_learn\n"));
    CHECK(has(shown, "fdb add 02:00:00:00:00:04 dev docker1 master extern_learn\n"));
}

// Linux 6.18's bridge and VXLAN driver, given the same words by bridge(8) 6.1: p is permanent, s static, d dynamic, e
// dynamic with extern_learn, x permanent with it, 0 the all-zero entry, which is permanent.
TEST_CASE("fdb flush leaves what Linux leaves")
{
    struct Left {
        std::string_view words, on_vxlan, on_port;
    };
    constexpr Left kLeft[] = {
        {"", "", ""},
        {"permanent", "sde", "sde"},
        {"nopermanent", "0px", ""},
        {"static", "0pdex", "de"},
        {"nostatic", "0psx", "s"},
        {"dynamic", "0psx", "s"},
        {"nodynamic", "de", "de"},
        {"extern_learn", "0psd", "sd"},
        {"noextern_learn", "ex", "e"},
        {"permanent static", "sde", "sde"},
        {"nopermanent nostatic", "0psx", "s"},
        {"nopermanent static", "0pdex", "de"},
        {"permanent nostatic", "0psdex", "sde"},
        {"static dynamic", "0psx", "s"},
        {"nodynamic nostatic", "0psx", "s"},
        {"nosticky nooffloaded", "", ""},
        {"extern_learn permanent", "0psde", "sde"},
    };
    for (const Left& left : kLeft) {
        const auto names = [](Daemon& vxd, std::string_view device) {
            std::string found;
            for (const auto& entry : vxd.json(fmt::format("fdb show dev {}", device))) {
                const std::string mac = entry["mac"];
                if (mac != "0e:00:00:00:00:01") // its own
                    found += mac == "00:00:00:00:00:00" ? '0' : "psdex"[static_cast<std::size_t>(mac.back() - '1')];
            }
            std::string ordered;
            for (const char name : std::string_view{"0psdex"})
                if (found.find(name) != found.npos)
                    ordered += name;
            return ordered;
        };
        Daemon vxd;
        vxd.tutorial();
        vxd("fdb append 00:00:00:00:00:00 dev vxlan200 dst 192.0.2.2\n"
            "fdb append 02:00:00:00:00:01 dev vxlan200 dst 192.0.2.2\n"
            "fdb append 02:00:00:00:00:02 dev vxlan200 dst 192.0.2.2 static\n"
            "fdb append 02:00:00:00:00:03 dev vxlan200 dst 192.0.2.2 dynamic\n"
            "fdb append 02:00:00:00:00:04 dev vxlan200 dst 192.0.2.2 dynamic extern_learn\n"
            "fdb append 02:00:00:00:00:05 dev vxlan200 dst 192.0.2.2 extern_learn\n"
            "fdb add 02:00:00:00:00:02 dev docker1 master\n"
            "fdb add 02:00:00:00:00:03 dev docker1 master dynamic\n"
            "fdb add 02:00:00:00:00:04 dev docker1 master extern_learn\n");
        INFO("fdb flush ... " << left.words);
        vxd(fmt::format("fdb flush dev vxlan200 {}", left.words));
        CHECK(names(vxd, "vxlan200") == left.on_vxlan);
        CHECK(names(vxd, "docker1") == "sde");
        vxd(fmt::format("fdb flush dev br0 {}", left.words));
        CHECK(names(vxd, "docker1") == left.on_port);
    }
}

TEST_CASE("fdb flush names tables and ports as bridge does, and refuses what vxd has none of")
{
    Daemon vxd;
    vxd.tutorial();
    const auto fill = [&] {
        vxd("fdb replace 02:00:00:00:00:01 dev vxlan100 dst 192.0.2.2\nfdb replace 02:00:00:00:00:02 dev docker1 "
            "master\n");
    };
    const auto left = [&] {
        return vxd.json("fdb show dev vxlan100").size() * 10 + vxd.json("fdb show dev docker1").size();
    };
    const std::size_t own = vxd.json("fdb show dev vxlan100").size() * 10;
    fill();
    for (const std::string_view words : {"dev br0 brport docker1", "brport docker1 dev br0", "dev docker1 master",
                                         "dev br0", "dev br0 self", "brport docker1"}) {
        vxd(fmt::format("fdb flush {}", words));
        INFO(words);
        CHECK(left() == own + 10);
        fill();
    }
    vxd("fdb flush self dev vxlan100");
    CHECK(left() == own + 1);
    CHECK(has(vxd.error("fdb flush dev docker1 self"), "has no table of its own"));
    CHECK(has(vxd.error("fdb flush dev vxlan100 master"), "leave it out"));
    CHECK(has(vxd.error("fdb flush dev vxlan100 brport docker1"), "expected a bridge"));
    CHECK(has(vxd.error("fdb flush nostatic"), "\"dev\" is missing"));
    for (const std::string_view word :
         {"sticky", "offloaded", "added_by_user", "noadded_by_user", "router", "vlan", "src_vni", "nhid"}) {
        const std::string refused = vxd.error(fmt::format("fdb flush dev br0 {} 5", word));
        CHECK(has(refused, fmt::format("\"{}\" is an option that vxd does not support", word)));
    }
    CHECK(has(vxd.error("fdb flush dev br0 state static"), "\"state\" is not expected here"));
}
