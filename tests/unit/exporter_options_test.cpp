// SPDX-License-Identifier: BSD-3-Clause
#include "tools/exporter/options.h"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <vector>

using namespace vx;
using namespace vx::exporter;

namespace
{

Result<std::variant<exporter::Options, Answer>> parse(std::vector<const char*> arguments)
{
    arguments.insert(arguments.begin(), "vxd-exporter");
    return parse_options(static_cast<int>(arguments.size()), arguments.data(), "0.1.0");
}

exporter::Options options(std::vector<const char*> arguments)
{
    const auto parsed = parse(std::move(arguments));
    if (!parsed)
        FAIL(parsed.error().message);
    return std::get<exporter::Options>(*parsed);
}

std::string failure(std::vector<const char*> arguments)
{
    const auto parsed = parse(std::move(arguments));
    return parsed ? "" : parsed.error().message;
}

} // namespace

TEST_CASE("the exporter listens on loopback unless it is told otherwise")
{
    unsetenv("VXD_SOCKET");
    const exporter::Options parsed = options({});
    CHECK(parsed.listen.to_string() == "127.0.0.1:9950");
    CHECK(parsed.listen.host.is_loopback());
    CHECK(parsed.socket_path == "/run/vxd/vxd.sock");
    CHECK(parsed.max_devices == 1000);
    const exporter::Options given = options({"--listen", "192.0.2.1:80", "--socket", "/s", "--max-devices", "0"});
    CHECK(given.listen.to_string() == "192.0.2.1:80");
    CHECK(given.socket_path == "/s");
    CHECK(given.max_devices == 0);
}

TEST_CASE("what is no address and port is refused in words")
{
    for (const char* wrong : {"", ":", "9950", "127.0.0.1", "127.0.0.1:", ":9950", "localhost:9950", "127.0.0.1:65536",
                              "127.0.0.1:-1", "127.0.0.1:9950 ", "::1:9950", "[::1]:9950", "[127.0.0.1]:1", "[]:1",
                              "1.2.3:4", "127.0.0.1:99,0.0.0.0:98", "127.0.0.1:9950s"})
        CHECK(failure({"--listen", wrong}) ==
              fmt::format("--listen: \"{}\" is not an IPv4 address and a port, such as 127.0.0.1:9950", wrong));
    for (const char* wrong : {"", "x", "-1", "65537", "1.5", "99999999999999999999"})
        CHECK(failure({"--max-devices", wrong}) ==
              fmt::format("--max-devices: \"{}\" is not a number from 0 to 65536", wrong));
    CHECK(failure({"--socket", ""}) == "--socket: the path is empty");
    CHECK(failure({"--bogus"}).find("--bogus") != std::string::npos);
}

TEST_CASE("the exporter's help and version are texts")
{
    CHECK(std::get<Answer>(*parse({"--help"})).text.find("--listen ADDRESS:PORT") != std::string::npos);
    CHECK(std::get<Answer>(*parse({"--version"})).text == "vxd-exporter 0.1.0\n");
}
