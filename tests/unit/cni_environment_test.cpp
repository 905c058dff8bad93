// SPDX-License-Identifier: BSD-3-Clause
// What the runtime says beside the configuration, and the names that follow from it.
#include "tools/cni/environment.h"
#include "tools/cni/names.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <set>

using namespace vx;
using namespace vx::cni;

namespace
{

Variables variables_with(const Variables& changes)
{
    Variables variables = {{"CNI_COMMAND", "ADD"},
                           {"CNI_CONTAINERID", "c1"},
                           {"CNI_NETNS", "/run/netns/c1"},
                           {"CNI_IFNAME", "eth0"},
                           {"CNI_PATH", "/opt/cni/bin:/usr/lib/cni"}};
    for (const auto& [name, value] : changes)
        variables.insert_or_assign(name, value);
    return variables;
}

} // namespace

TEST_CASE("the environment of an ADD is read whole")
{
    const auto environment =
        parse_environment(variables_with({{"CNI_ARGS", "IgnoreUnknown=1;MAC=02:00:00:00:00:07;K8S_POD_NAME=x"}}));
    REQUIRE(environment);
    CHECK(environment->command == Command::kAdd);
    CHECK(environment->container == "c1");
    CHECK(environment->netns == "/run/netns/c1");
    CHECK(environment->ifname == "eth0");
    CHECK(environment->plugin_folders == std::vector<std::string>{"/opt/cni/bin", "/usr/lib/cni"});
    CHECK(environment->mac->to_string() == "02:00:00:00:00:07");
}

TEST_CASE("DEL needs no namespace, VERSION nothing at all")
{
    CHECK(parse_environment(variables_with({{"CNI_COMMAND", "DEL"}, {"CNI_NETNS", ""}})));
    CHECK_FALSE(parse_environment(variables_with({{"CNI_COMMAND", "CHECK"}, {"CNI_NETNS", ""}})));
    CHECK(parse_environment({{"CNI_COMMAND", "VERSION"}}));
    CHECK_FALSE(parse_environment({}));
}

TEST_CASE("an invalid variable is named")
{
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"CNI_COMMAND", "add"},
        {"CNI_CONTAINERID", ""},
        {"CNI_CONTAINERID", "-c1"},
        {"CNI_CONTAINERID", "a/b"},
        {"CNI_NETNS", ""},
        {"CNI_NETNS", "c1"},
        {"CNI_IFNAME", ""},
        {"CNI_IFNAME", "a-name-of-16-char"},
        {"CNI_IFNAME", ".."},
        {"CNI_IFNAME", "a b"},
        {"CNI_IFNAME", "a:b"},
        {"CNI_ARGS", "MAC=02:00"},
        {"CNI_ARGS", "A=1;MAC=ff:ff:ff:ff:ff:ff"},
    };
    for (const auto& [name, value] : cases) {
        CAPTURE(name, value);
        const auto environment = parse_environment(variables_with({{name, value}}));
        REQUIRE_FALSE(environment);
        CHECK(environment.error().code == static_cast<int>(Code::kInvalidEnvironment));
        CHECK(environment.error().message.find(name) != std::string::npos);
    }
    const auto both = parse_environment(variables_with({{"CNI_IFNAME", ""}, {"CNI_CONTAINERID", ""}}));
    REQUIRE_FALSE(both);
    CHECK(both.error().message.find("CNI_IFNAME") != std::string::npos);
    CHECK(both.error().message.find("CNI_CONTAINERID") != std::string::npos);
}

TEST_CASE("a port's name never changes: DEL finds what an ADD of another build has made")
{
    CHECK(port_name("net", "c1", "eth0") == "cnih4f9qx3egbmq");
}

TEST_CASE("ports of many containers, interfaces and networks have names of their own, of 15 characters")
{
    std::set<std::string> names;
    for (int i = 0; i < 10'000; ++i)
        for (const char* ifname : {"eth0", "eth1"})
            for (const char* network : {"a", "b"})
                names.insert(port_name(network, fmt::format("{:064x}", i), ifname));
    CHECK(names.size() == 40'000);
    const auto is_wrong = [](const std::string& name) { return name.size() != 15 || !is_port_name(name); };
    CHECK(std::none_of(names.begin(), names.end(), is_wrong));
    CHECK(port_name("ab", "c", "d") != port_name("a", "bc", "d"));
    CHECK(port_name("a", "bc", "d") != port_name("a", "b", "cd"));
}

TEST_CASE("a name that somebody else chose is not taken for the plugin's")
{
    for (const char* name : {"", "cni", "cni0", "docker1", "cni-0123456789a", "cni0123456789aU", "xni0123456789ab"})
        CHECK_FALSE(is_port_name(name));
}
