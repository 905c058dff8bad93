// SPDX-License-Identifier: BSD-3-Clause
#include "tools/cni/result.h"

#include <catch2/catch.hpp>

using namespace vx;
using namespace vx::cni;

namespace
{

IpamResult ipam_of(const char* text)
{
    auto result = parse_result(Json::parse(text));
    REQUIRE(result);
    return *std::move(result);
}

std::string route_text(const RouteEntry& route)
{
    return route.destination.to_string() + " " + (route.gateway ? route.gateway->to_string() : "-");
}

Environment environment()
{
    Environment made;
    made.ifname = "eth0";
    made.netns = "/run/netns/c1";
    return made;
}

} // namespace

TEST_CASE("a route without a gateway has that of its family")
{
    const IpamResult ipam = completed(ipam_of(R"({"ips": [{"address": "fd00::5/64", "gateway": "fd00::1"},
                            {"address": "10.1.0.5/16", "gateway": "10.1.0.1"}],
                    "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}, {"dst": "10.9.0.7/16", "gw": "10.1.0.2"}]})"),
                                      {});
    REQUIRE(ipam.routes.size() == 3);
    CHECK(route_text(ipam.routes[0]) == "0.0.0.0/0 10.1.0.1");
    CHECK(route_text(ipam.routes[1]) == "::/0 fd00::1");
    CHECK(route_text(ipam.routes[2]) == "10.9.0.0/16 10.1.0.2");
    CHECK(route_text(
              completed(ipam_of(R"({"ips": [{"address": "10.1.0.5/16"}], "routes": [{"dst": "10.2.0.0/16"}]})"), {})
                  .routes[0]) == "10.2.0.0/16 -");
}

TEST_CASE("the gateway that no IPAM plugin named is the subnet's first host")
{
    NetConf conf;
    const char* const text = R"({"ips": [{"address": "10.1.7.5/16"}, {"address": "fd00::5/64"},
                                         {"address": "10.2.0.5/24", "gateway": "10.2.0.254"}]})";
    CHECK_FALSE(completed(ipam_of(text), conf).leases[0].gateway);
    conf.is_gateway = true;
    const IpamResult ipam = completed(ipam_of(text), conf);
    CHECK(ipam.leases[0].gateway->to_string() == "10.1.0.1");
    CHECK(ipam.leases[1].gateway->to_string() == "fd00::1");
    CHECK(ipam.leases[2].gateway->to_string() == "10.2.0.254");
    CHECK(ipam.routes.empty());
}

TEST_CASE("a default gateway is one default route a family, and the IPAM plugin's goes first")
{
    NetConf conf;
    conf.is_gateway = conf.is_default_gateway = true;
    const IpamResult both = completed(ipam_of(R"({"ips": [{"address": "10.1.0.5/16"}, {"address": "10.2.0.5/16"},
                                      {"address": "fd00::5/64"}]})"),
                                      conf);
    REQUIRE(both.routes.size() == 2);
    CHECK(route_text(both.routes[0]) == "0.0.0.0/0 10.1.0.1");
    CHECK(route_text(both.routes[1]) == "::/0 fd00::1");
    const IpamResult theirs = completed(
        ipam_of(R"({"ips": [{"address": "10.1.0.5/16"}], "routes": [{"dst": "0.0.0.0/0", "gw": "10.1.0.9"}]})"), conf);
    REQUIRE(theirs.routes.size() == 1);
    CHECK(route_text(theirs.routes[0]) == "0.0.0.0/0 10.1.0.9");
}

TEST_CASE("a result has what the plugins before had, and points at its own interface")
{
    NetConf conf;
    conf.version = "1.0.0";
    conf.previous = Json::parse(R"({"cniVersion": "0.4.0", "interfaces": [{"name": "lo"}],
                                    "ips": [{"address": "127.0.0.1/8", "interface": 0}], "dns": {"domain": "old"}})");
    Interface interface;
    interface.mac = "02:00:00:00:00:01";
    const IpamResult ipam = ipam_of(R"({"ips": [{"address": "10.1.0.5/16", "gateway": "10.1.0.1"}]})");
    const Json expected = Json::parse(R"({
        "cniVersion": "1.0.0",
        "interfaces": [{"name": "lo"}, {"name": "eth0", "mac": "02:00:00:00:00:01", "sandbox": "/run/netns/c1"}],
        "ips": [{"address": "127.0.0.1/8", "interface": 0},
                {"interface": 1, "address": "10.1.0.5/16", "gateway": "10.1.0.1"}],
        "dns": {"domain": "old"}})");
    CHECK(result_json(conf, environment(), interface, ipam) == expected);
}

TEST_CASE("a configured dns goes before the IPAM plugin's")
{
    const char* const text = R"({"ips": [{"address": "10.1.0.5/16"}], "dns": {"domain": "ipam"}})";
    NetConf conf;
    CHECK(completed(ipam_of(text), conf).dns == Json{{"domain", "ipam"}});
    conf.dns = Json::object();
    CHECK(completed(ipam_of(text), conf).dns == Json{{"domain", "ipam"}});
    conf.dns = {{"domain", "conf"}};
    CHECK(completed(ipam_of(text), conf).dns == Json{{"domain", "conf"}});
}

TEST_CASE("an IPAM plugin's nonsense is an error")
{
    for (const char* text : {"[]", "null", R"({"ips": [{"address": "10.1.0.5/33"}]})", R"({"ips": [{}]})",
                             R"({"ips": ["10.1.0.5/16"]})", R"({"ips": [{"address": "10.1.0.5/16", "gateway": "x"}]})",
                             R"({"routes": [{"dst": 7}]})", R"({"routes": [{"dst": "10.0.0.0/8", "gw": "10.0.0"}]})"}) {
        CAPTURE(text);
        const auto result = parse_result(Json::parse(text));
        REQUIRE_FALSE(result);
        CHECK(result.error().code == static_cast<int>(Code::kIpam));
    }
}
