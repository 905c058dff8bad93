// SPDX-License-Identifier: BSD-3-Clause
// `config diff` and `config apply`: one configuration becomes another one.
#include "tests/unit/config_lab.h"

using namespace vx;
using namespace vx::test;

namespace
{

Response run_config(Daemon& vxd, std::string_view lines, Request::Config what, Format format = Format::kText)
{
    Request request;
    Script script = read_script(lines);
    request.commands = std::move(script.commands);
    request.lines = std::move(script.lines);
    request.config = what;
    request.format = format;
    return vxd.controller().run(request);
}

std::string diff_of(Daemon& vxd, std::string_view lines)
{
    const Response response = run_config(vxd, lines, Request::Config::kDiff);
    for (const Failure& failure : response.failures)
        FAIL(failure.error.message);
    return response.outputs.front().get<std::string>();
}

void become(Daemon& vxd, std::string_view lines)
{
    for (const Failure& failure : run_config(vxd, lines, Request::Config::kApply).failures)
        FAIL(failure.error.message);
}

} // namespace

TEST_CASE("config apply makes any random configuration into any other")
{
    std::size_t changed = 0;
    for (std::uint32_t seed = 1; seed <= 200; ++seed) {
        RandomCommands commands(seed);
        const std::string wanted = [&] {
            Daemon other; // there is room for one at a time
            randomize(other, commands, 200);
            return other("config show");
        }();
        Daemon one;
        randomize(one, commands, 200);
        INFO("seed " << seed << ": from\n" << one("config show") << "to\n" << wanted);
        const std::string difference = diff_of(one, wanted);
        become(one, wanted);
        // The order of devices and of destinations is that in which they came, so it is not compared.
        REQUIRE(diff_of(one, wanted).empty());
        changed += difference.empty() ? 0 : 1;
    }
    CHECK(changed > 190);
}

TEST_CASE("config diff of what is there says nothing, and of something else what changes")
{
    Daemon vxd;
    vxd.tutorial();
    vxd("fdb append 02:42:ac:12:14:02 dev vxlan100 dst 192.0.2.2\n");
    const std::string now = vxd("config show");
    CHECK(diff_of(vxd, now).empty());
    CHECK(diff_of(vxd, "# nothing but a comment\n") != "");
    std::string then = now;
    then.replace(then.find("mtu 1450"), 8, "mtu 1400");
    then += "addr add 192.0.2.7/24 dev uplink\n";
    const std::string mac = vxd.json("link show docker1")[0]["address"];
    CHECK(diff_of(vxd, then) == "-link add docker1 address " + mac + " mtu 1450 type null\n" +
                                    "+link add docker1 address " + mac + " mtu 1400 type null\n" +
                                    "+addr add 192.0.2.7/24 dev uplink\n");
    CHECK(vxd("config show") == now);
    const Response json = run_config(vxd, then, Request::Config::kDryRun, Format::kJson);
    CHECK(json.outputs.front()["added"][1].dump() == R"(["addr","add","192.0.2.7/24","dev","uplink"])");
    CHECK(json.outputs.front()["removed"].size() == 1);
}

TEST_CASE("config diff takes a file in the user's words for what it means")
{
    Daemon vxd;
    vxd.tutorial();
    // The tutorial's own lines: abbreviated, in another order, without what is derived.
    CHECK(diff_of(vxd, "link add uplink type null\n"
                       "addr add 192.0.2.1/24 dev uplink\n"
                       "l a vxlan100 ty vxlan id 100 local 192.0.2.1 nolearning\n"
                       "link add vxlan200 address 0e:00:00:00:00:01 type vxlan id 200 local 192.0.2.1\n"
                       "link add br0 type bridge\n"
                       "link set vxlan100 master br0\n"
                       "link add docker1 mtu 1450 master br0 type null\n"
                       "a a 172.18.10.0 dev vxlan200\n"
                       "addr add 172.18.10.1/24 dev br0\n")
              .empty());
}

TEST_CASE("config apply leaves alone what stays: ports, counters and what was learned")
{
    Daemon vxd;
    vxd.tutorial();
    vxd("fdb add 02:00:00:00:00:77 dev docker1 master dynamic\n"); // as if learned
    const std::string before = vxd("config show");
    const std::string index = vxd.json("link show docker1")[0]["ifindex"].dump();
    become(vxd, before + "link add docker2 type null\nlink set docker2 master br0\n");
    CHECK(vxd.json("link show docker1")[0]["ifindex"].dump() == index);
    CHECK(has(vxd("fdb show"), "02:00:00:00:00:77 dev docker1"));
    CHECK(has(vxd("link show docker2"), "master br0"));
    become(vxd, before);
    CHECK(vxd.json("link show docker1")[0]["ifindex"].dump() == index);
    CHECK(has(vxd.error("link show docker2"), "Cannot find device"));
    CHECK(vxd("config show") == before);
}

TEST_CASE("config apply of a file with a mistake changes nothing, and names the line")
{
    Daemon vxd;
    vxd.tutorial();
    const std::string before = vxd("config show");
    const auto failure_of = [&](std::string_view lines) {
        const Response response = run_config(vxd, lines, Request::Config::kApply);
        REQUIRE(response.failures.size() == 1);
        CHECK(vxd("config show") == before);
        return response.failures.front();
    };
    const Failure unknown = failure_of("# a comment\nlink add p type null\n\naddr add 192.0.2.300/24 dev p\n");
    CHECK(unknown.line == 4);
    CHECK(has(unknown.error.message, "192.0.2.300"));
    const Failure missing = failure_of("link add p type null\naddr add 192.0.2.1/24 dev uplink\n");
    CHECK(missing.line == 2);
    CHECK(has(missing.error.message, "Cannot find device \"uplink\""));
    // What only the opening of a port finds out.
    const Failure port = failure_of("link add q type null\nlink add p type pcap rx /nonexistent/file.pcap\n");
    CHECK(port.line == 2);
    CHECK(has(port.error.message, "config apply: \"p\": "));
    CHECK(has(port.error.message, "/nonexistent/file.pcap"));
}

TEST_CASE("config apply gives a device another kind, another VNI and another bridge")
{
    Daemon vxd;
    vxd.tutorial();
    vxd("fdb append 02:42:ac:12:14:02 dev vxlan100 dst 192.0.2.2\n"
        "fdb append 02:42:ac:12:14:03 dev vxlan200 dst 192.0.2.2\n");
    const std::string wanted = "link add uplink type null\n"
                               "addr add 192.0.2.1/24 dev uplink\n"
                               "link add docker1 type bridge\n" // was a port
                               "link add br0 type null\n"       // was a bridge
                               "link set br0 master docker1\n"
                               "link add vxlan100 type vxlan id 200 local 192.0.2.1\n" // both exchange their VNIs
                               "link add vxlan200 type vxlan id 100 local 192.0.2.1\n"
                               "link set vxlan200 master docker1\n"
                               "fdb append 02:42:ac:12:14:02 dev vxlan200 dst 192.0.2.3\n"
                               "fdb append 02:42:ac:12:14:02 dev vxlan200 dst 192.0.2.4\n";
    become(vxd, wanted);
    CHECK(diff_of(vxd, wanted).empty());
    CHECK(has(vxd("link show vxlan200"), "vxlan id 100"));
    CHECK(vxd("fdb show dev vxlan200") == "02:42:ac:12:14:02 dst 192.0.2.3 self permanent\n"
                                          "02:42:ac:12:14:02 dst 192.0.2.4 self permanent\n");
    become(vxd, "");
    CHECK(vxd("config show").empty());
    CHECK(vxd("fdb show").empty());
}

TEST_CASE("a configuration cannot be applied by a command among others")
{
    Daemon vxd;
    CHECK(has(vxd.error("config apply /etc/vxd/vxd.conf"), "vxctl reads FILE"));
    CHECK(has(vxd.error("config diff /etc/vxd/vxd.conf"), "vxctl reads FILE"));
    CHECK(has(vxd.error("config show x"), "config show"));
}

TEST_CASE("a request about the whole configuration survives the protocol")
{
    for (const Request::Config what : {Request::Config::kDiff, Request::Config::kDryRun, Request::Config::kApply}) {
        Request request;
        request.id = 1;
        request.config = what;
        request.commands = {{"link", "show"}};
        const auto decoded = decode_request(encode_request(request).value());
        REQUIRE(decoded.has_value());
        CHECK(decoded->config == what);
        // The same by the other decoder, which takes what has escapes.
        request.commands = {{"link", "sh\\ow"}};
        CHECK(decode_request(encode_request(request).value()).value().config == what);
    }
    const auto error_of = [](std::string_view members) {
        const auto decoded = decode_request(
            fmt::format(R"({{"jsonrpc":"2.0","id":1,"method":"run","params":{{"commands":[],{}}}}})", members));
        REQUIRE_FALSE(decoded.has_value());
        return decoded.error().message;
    };
    CHECK(error_of(R"("config":"all")") == R"(params.config: expected "diff", "dry-run" or "apply")");
    CHECK(error_of(R"("config":"apply","atomic":false)") == "params.config: only where params.atomic is true");
    CHECK(error_of(R"("config":"diff","force":true,"atomic":false)") ==
          "params.config: only where params.atomic is true");
}
