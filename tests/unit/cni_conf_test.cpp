// SPDX-License-Identifier: BSD-3-Clause
#include "tools/cni/conf.h"

#include <catch2/catch.hpp>

using namespace vx;
using namespace vx::cni;

namespace
{

// The smallest configuration there is, changed: members of `changes` replace those of it, null removes.
std::string conf_with(const Json& changes)
{
    Json conf = {{"cniVersion", "1.0.0"}, {"name", "net"}, {"type", "vxd"}, {"bridge", "br0"}};
    conf.merge_patch(changes);
    return conf.dump();
}

NetConf parsed(const Json& changes)
{
    auto conf = parse_conf(conf_with(changes));
    INFO((conf ? "" : conf.error().message));
    REQUIRE(conf);
    return *std::move(conf);
}

struct Refused {
    Json changes;
    Code code;
    std::string_view word;
};

} // namespace

TEST_CASE("a network configuration is read whole")
{
    const NetConf conf = parsed({{"vni", 100},
                                 {"dev", "uplink"},
                                 {"remotes", {"192.0.2.1", "2001:db8::2"}},
                                 {"dstport", 8472},
                                 {"learning", false},
                                 {"mtu", 1400},
                                 {"isDefaultGateway", true},
                                 {"socket", "/run/x.sock"},
                                 {"ipam", {{"type", "host-local"}}},
                                 {"dns", {{"domain", "example"}}},
                                 {"prevResult", {{"cniVersion", "1.0.0"}}},
                                 {"runtimeConfig", {{"mac", "02:00:00:00:00:07"}}}});
    CHECK(conf.name == "net");
    CHECK(conf.bridge == "br0");
    CHECK(conf.socket_path == "/run/x.sock");
    CHECK(conf.mtu == 1400);
    CHECK(conf.is_default_gateway);
    CHECK(conf.is_gateway);
    CHECK(conf.ipam == "host-local");
    CHECK(conf.dns == Json{{"domain", "example"}});
    CHECK(conf.previous.is_object());
    CHECK(conf.mac->to_string() == "02:00:00:00:00:07");
    REQUIRE(conf.vxlan);
    CHECK(conf.vxlan->vni.value() == 100);
    CHECK(conf.vxlan->device == "uplink");
    CHECK(conf.vxlan->udp_port == 8472);
    CHECK_FALSE(conf.vxlan->learning);
    CHECK(conf.vxlan->remotes.size() == 2);
}

TEST_CASE("what a configuration does not say is as vxctl has it")
{
    const NetConf conf = parsed(Json::object());
    CHECK_FALSE(conf.vxlan);
    CHECK_FALSE(conf.mtu);
    CHECK_FALSE(conf.is_gateway);
    CHECK(conf.ipam.empty());
    const NetConf tunnelled = parsed({{"vni", 0}, {"local", "192.0.2.1"}});
    CHECK(tunnelled.vxlan->udp_port == 4789);
    CHECK(tunnelled.vxlan->learning);
}

TEST_CASE("what runtimes and other plugins add to a configuration is no error")
{
    parsed({{"args", {{"labels", {{"a", "b"}}}}},
            {"capabilities", {{"mac", true}}},
            {"ipMasq", false},
            {"cni.dev/anything", Json::array()}});
    parsed({{"runtimeConfig", {{"portMappings", Json::array()}}}, {"ipam", Json::object()}});
}

TEST_CASE("a wrong configuration is refused with CNI's code, by name")
{
    const Json vxlan = {{"vni", 100}, {"local", "192.0.2.1"}};
    const auto with = [&](Json changes) {
        Json merged = vxlan;
        merged.merge_patch(changes);
        return merged;
    };
    const std::vector<Refused> cases = {
        {{{"cniVersion", "0.2.0"}}, Code::kIncompatibleVersion, "0.2.0"},
        {{{"cniVersion", nullptr}}, Code::kIncompatibleVersion, "0.1.0"},
        {{{"cniVersion", 1}}, Code::kInvalidConfig, "cniVersion"},
        {{{"brigde", "br0"}}, Code::kUnsupportedField, "\"brigde\": \"br0\""},
        {{{"ipMasq", true}}, Code::kUnsupportedField, "\"ipMasq\": true"},
        {{{"name", nullptr}}, Code::kInvalidConfig, "name"},
        {{{"bridge", nullptr}}, Code::kInvalidConfig, "bridge"},
        {{{"bridge", "a-name-of-16-char"}}, Code::kInvalidConfig, "15 characters"},
        {{{"bridge", 7}}, Code::kInvalidConfig, "bridge"},
        {with({{"vni", 1 << 24}}), Code::kInvalidConfig, "16777215"},
        {with({{"vni", -1}}), Code::kInvalidConfig, "vni"},
        {with({{"vni", "100"}}), Code::kInvalidConfig, "vni"},
        {with({{"local", "224.0.0.1"}}), Code::kInvalidConfig, "local"},
        {with({{"local", nullptr}}), Code::kInvalidConfig, "\"dev\""},
        {with({{"dev", "uplink"}}), Code::kInvalidConfig, "either"},
        {with({{"remotes", "192.0.2.2"}}), Code::kInvalidConfig, "remotes"},
        {with({{"remotes", {"192.0.2.2", "host2"}}}), Code::kInvalidConfig, "host2"},
        {with({{"dstport", 0}}), Code::kInvalidConfig, "dstport"},
        {with({{"learning", "yes"}}), Code::kInvalidConfig, "true or false"},
        {{{"remotes", {"192.0.2.2"}}}, Code::kInvalidConfig, "no \"vni\""},
        {{{"mtu", 67}}, Code::kInvalidConfig, "mtu"},
        {{{"isGateway", true}}, Code::kInvalidConfig, "ipam"},
        {{{"ipam", {{"subnet", "10.1.0.0/16"}}}}, Code::kInvalidConfig, "IPAM"},
        {{{"ipam", {{"type", "../host-local"}}}}, Code::kInvalidConfig, "IPAM"},
        {{{"dns", "10.0.0.1"}}, Code::kInvalidConfig, "dns"},
        {{{"prevResult", 7}}, Code::kInvalidConfig, "prevResult"},
        {{{"runtimeConfig", {{"mac", "01:00:00:00:00:00"}}}}, Code::kInvalidConfig, "mac"},
    };
    for (const Refused& refused : cases) {
        CAPTURE(refused.changes.dump());
        const auto conf = parse_conf(conf_with(refused.changes));
        REQUIRE_FALSE(conf);
        CAPTURE(conf.error().message);
        CHECK(conf.error().code == static_cast<int>(refused.code));
        CHECK(conf.error().message.find(refused.word) != std::string::npos);
    }
    for (const std::string_view text : {"", "nonsense", "[]", "7", "{\"a\":"}) {
        const auto conf = parse_conf(text);
        REQUIRE_FALSE(conf);
        CHECK(conf.error().code == static_cast<int>(Code::kDecoding));
    }
}

TEST_CASE("an answer has the version of the configuration, if the plugin speaks it")
{
    CHECK(version_of(R"({"cniVersion":"0.4.0"})") == "0.4.0");
    CHECK(version_of(R"({"cniVersion":"0.2.0"})") == kNewestVersion);
    CHECK(version_of(R"({})") == kNewestVersion);
    CHECK(version_of("nonsense") == kNewestVersion);
}
