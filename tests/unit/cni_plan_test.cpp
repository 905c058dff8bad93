// SPDX-License-Identifier: BSD-3-Clause
#include "tools/cni/names.h"
#include "tools/cni/plan.h"

#include <catch2/catch.hpp>

using namespace vx;
using namespace vx::cni;

namespace
{

NetConf conf_of(const char* text)
{
    Json json = Json::parse(text);
    json.update({{"cniVersion", "1.0.0"}, {"name", "net"}, {"type", "vxd"}});
    auto conf = parse_conf(json.dump());
    INFO((conf ? "" : conf.error().message));
    REQUIRE(conf);
    return *std::move(conf);
}

// The commands, each as one text.
std::vector<std::string> texts(const std::vector<CommandWords>& commands)
{
    std::vector<std::string> list;
    for (const CommandWords& words : commands)
        list.push_back(fmt::format("{}", fmt::join(words, " ")));
    return list;
}

std::vector<std::string> missing(const NetConf& conf, const Devices& devices)
{
    const auto commands = missing_network(conf, devices);
    INFO((commands ? "" : commands.error().message));
    REQUIRE(commands);
    return texts(*commands);
}

Device bridge(std::string name)
{
    Device device;
    device.name = std::move(name);
    device.kind = "bridge";
    return device;
}

Device vxlan(std::string name, std::string master, std::uint16_t mtu = 1450)
{
    Device device;
    device.name = std::move(name);
    device.kind = "vxlan";
    device.master = std::move(master);
    device.vni = 100;
    device.udp_port = 4789;
    device.local = IpAddress::parse("192.0.2.1");
    device.mtu = mtu;
    return device;
}

Device tap(std::string name, std::string netns, std::string ifname)
{
    Device device;
    device.name = std::move(name);
    device.kind = "tap";
    device.netns = std::move(netns);
    device.ifname = std::move(ifname);
    return device;
}

const char* const kVxlanConf = R"({"bridge": "br0", "vni": 100, "local": "192.0.2.1", "learning": false,
                                   "remotes": ["192.0.2.1", "192.0.2.2", "192.0.2.3"]})";

using Texts = std::vector<std::string>;

} // namespace

TEST_CASE("a network is made from nothing in two steps, and then nothing is missing")
{
    const NetConf conf = conf_of(kVxlanConf);
    CHECK(missing(conf, {}) == Texts{"link add br0 type bridge", "link add vxlan100 master br0 type vxlan id 100 local "
                                                                 "192.0.2.1 dstport 4789 nolearning"});
    Devices devices = {bridge("br0"), vxlan("vxlan100", "br0")};
    CHECK(missing(conf, devices) == Texts{"fdb append 00:00:00:00:00:00 dev vxlan100 dst 192.0.2.2",
                                          "fdb append 00:00:00:00:00:00 dev vxlan100 dst 192.0.2.3"});
    devices[1].flood = {*IpAddress::parse("192.0.2.3"), *IpAddress::parse("192.0.2.9")};
    CHECK(missing(conf, devices) == Texts{"fdb append 00:00:00:00:00:00 dev vxlan100 dst 192.0.2.2"});
    devices[1].flood.push_back(*IpAddress::parse("192.0.2.2"));
    CHECK(missing(conf, devices).empty());
}

TEST_CASE("a bridge without a VNI is all that such a configuration wants")
{
    const NetConf conf = conf_of(R"({"bridge": "br1"})");
    CHECK(missing(conf, {bridge("br0"), vxlan("vxlan100", "br0")}) == Texts{"link add br1 type bridge"});
    CHECK(missing(conf, {bridge("br1")}).empty());
}

TEST_CASE("a VXLAN device that somebody made under another name serves as well")
{
    const NetConf conf = conf_of(R"({"bridge": "br0", "vni": 100, "dev": "uplink", "remotes": ["192.0.2.2"]})");
    CHECK(missing(conf, {bridge("br0"), vxlan("tunnel", "br0")}) ==
          Texts{"fdb append 00:00:00:00:00:00 dev tunnel dst 192.0.2.2"});
    Device other_port = vxlan("tunnel", "br0");
    other_port.udp_port = 8472;
    CHECK(missing(conf, {bridge("br0"), other_port}) ==
          Texts{"link add vxlan100 master br0 type vxlan id 100 dev uplink dstport 4789 learning"});
}

TEST_CASE("devices that contradict the configuration are an error that says how")
{
    const NetConf conf = conf_of(kVxlanConf);
    Device elsewhere = vxlan("vxlan100", "br0");
    elsewhere.local = IpAddress::parse("192.0.2.9");
    const std::vector<std::pair<Devices, std::string_view>> cases = {
        {{tap("br0", "", "x")}, "tap device"},
        {{bridge("br0"), bridge("br1"), vxlan("vxlan100", "br1")}, "the bridge \"br1\""},
        {{bridge("br0"), vxlan("vxlan100", "")}, "in no bridge"},
        {{bridge("br0"), elsewhere}, "192.0.2.9"},
    };
    for (const auto& [devices, word] : cases) {
        const auto commands = missing_network(conf, devices);
        REQUIRE_FALSE(commands);
        CHECK(commands.error().code == static_cast<int>(Code::kInvalidConfig));
        CAPTURE(commands.error().message);
        CHECK(commands.error().message.find(word) != std::string::npos);
    }
}

TEST_CASE("only the plugin's own ports are stale: those that are gone, and who claims the new one's interface")
{
    const std::string one = port_name("net", "c1", "eth0");
    const std::string two = port_name("net", "c2", "eth0");
    const std::string three = port_name("net", "c3", "eth0");
    Devices devices = {tap("docker1", "/run/netns/a", "eth0"), tap(one, "/run/netns/b", "eth0"),
                       tap(two, "/run/netns/a", "eth0"), tap(three, "/run/netns/a", "eth1")};
    devices[0].is_gone = true; // a person's: theirs to remove
    CHECK(texts(stale_ports(devices, {"other", "/run/netns/a", "eth0"})) == Texts{"link del " + two});
    // A container that starts again elsewhere, before anybody has said that it ended.
    CHECK(texts(stale_ports(devices, {three, "/run/netns/z", "eth1"})) == Texts{"link del " + three});
    devices[1].is_gone = true;
    CHECK(texts(stale_ports(devices, {"other", "/run/netns/a", "eth0"})) ==
          Texts{"link del " + one, "link del " + two});
    CHECK(texts(stale_ports(devices, {"other", "/run/netns/z", "eth0"})) == Texts{"link del " + one});
}

TEST_CASE("a container's MTU is what its tunnel carries")
{
    const NetConf conf = conf_of(R"({"bridge": "br0"})");
    CHECK_FALSE(container_mtu(conf, {bridge("br0")}));
    CHECK(container_mtu(conf, {bridge("br0"), vxlan("a", "br0", 1430), vxlan("b", "", 1400)}) == 1430);
    CHECK(container_mtu(conf, {bridge("br0"), vxlan("a", "br1", 1400)}) == std::nullopt);
    CHECK(container_mtu(conf, {bridge("br0"), vxlan("a", "", 1450), vxlan("b", "", 1430)}) == 1430);
    CHECK(container_mtu(conf_of(R"({"bridge": "br0", "mtu": 9000})"), {vxlan("a", "br0")}) == 9000);
}

TEST_CASE("vxd's devices are read from what it shows")
{
    const Json links = Json::parse(R"([
        {"ifname": "br0", "flags": ["UP", "LOWER_UP"], "mtu": 1450, "linkinfo": {"info_kind": "bridge"}},
        {"ifname": "vxlan100", "flags": ["UP"], "mtu": 1450, "master": "br0", "address": "02:00:00:00:00:01",
         "linkinfo": {"info_kind": "vxlan", "info_data": {"id": 100, "local6": "2001:db8::1", "port": 8472}}},
        {"ifname": "c1", "flags": ["NO-CARRIER", "GONE", "UP"],
         "linkinfo": {"info_kind": "tap", "info_data": {"netns": "/run/netns/c1", "ifname": "eth0"}}},
        {"something": "else"}])");
    const Json addresses = Json::parse(R"([{"ifname": "br0", "addr_info": [{"local": "10.1.0.1", "prefixlen": 16}]},
                                           {"ifname": "nowhere", "addr_info": []}])");
    const Devices devices = devices_from(links, addresses);
    REQUIRE(devices.size() == 4);
    REQUIRE(devices[0].addresses.size() == 1);
    CHECK(devices[0].addresses[0].to_string() == "10.1.0.1/16");
    CHECK(devices[1].vni == 100);
    CHECK(devices[1].udp_port == 8472);
    CHECK(devices[1].local == IpAddress::parse("2001:db8::1"));
    CHECK(devices[1].master == "br0");
    CHECK_FALSE(devices[1].is_gone);
    CHECK(devices[2].is_gone);
    CHECK(devices[2].netns == "/run/netns/c1");
    CHECK(devices[2].ifname == "eth0");
    CHECK(devices_from(Json{}, Json{}).empty());
}
