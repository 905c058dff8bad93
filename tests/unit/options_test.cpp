// SPDX-License-Identifier: BSD-3-Clause
#include "control/daemon/options.h"

#include <catch2/catch.hpp>

#include <array>
#include <cstdlib>

using namespace vx;

namespace
{

constexpr std::array<unsigned, 5> kAllowed = {0, 1, 2, 3, 8};

Result<std::variant<Options, Answer>> parse(std::vector<const char*> arguments)
{
    arguments.insert(arguments.begin(), "vxd");
    return parse_options(static_cast<int>(arguments.size()), arguments.data(), kAllowed, "0.1.0");
}

Options options(std::vector<const char*> arguments)
{
    auto result = parse(std::move(arguments));
    if (!result)
        FAIL(result.error().message);
    REQUIRE(std::holds_alternative<Options>(*result));
    return std::get<Options>(*result);
}

std::string failure(std::vector<const char*> arguments)
{
    const auto result = parse(std::move(arguments));
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().kind == Error::Kind::kUsage);
    return result.error().message;
}

using Cpus = std::vector<unsigned>;

} // namespace

TEST_CASE("a CPU list holds numbers and ranges of allowed CPUs")
{
    CHECK(parse_cpu_list("1", kAllowed).value() == Cpus{1});
    CHECK(parse_cpu_list("8,1-3", kAllowed).value() == Cpus{1, 2, 3, 8});
    CHECK(parse_cpu_list("2-2", kAllowed).value() == Cpus{2});
    CHECK(parse_cpu_list("3-8", kAllowed).error().message == "CPU 4 is not one that vxd may run on here (0-3,8)");
    CHECK(parse_cpu_list("1,1-2", kAllowed).error().message == "CPU 1 comes twice in \"1,1-2\"");
    for (const char* wrong : {"", ",", "1,", ",1", "1-", "-1", "3-1", "a", "1 ", "0x1", "1--2", "99999999999", "1;2"}) {
        CAPTURE(wrong);
        CHECK_FALSE(parse_cpu_list(wrong, kAllowed).has_value());
    }
    CHECK_FALSE(parse_cpu_list("0-4294967295", kAllowed).has_value());
}

TEST_CASE("options have defaults")
{
    unsetenv("VXD_SOCKET");
    const Options parsed = options({});
    CHECK_FALSE(parsed.config_path.has_value());
    CHECK(parsed.socket_path == "/run/vxd/vxd.sock");
    CHECK(parsed.worker_cpus.empty());
    CHECK_FALSE(parsed.control_cpu.has_value());
    CHECK(parsed.eal_arguments.empty());
    CHECK_FALSE(parsed.packet_buffers.has_value());
    CHECK(parsed.log_level == LogLevel::kInfo);
}

TEST_CASE("the environment names the socket, and the option goes before it")
{
    setenv("VXD_SOCKET", "/tmp/env.sock", 1);
    CHECK(options({}).socket_path == "/tmp/env.sock");
    CHECK(options({"--socket", "/tmp/option.sock"}).socket_path == "/tmp/option.sock");
    unsetenv("VXD_SOCKET");
}

TEST_CASE("every option is read")
{
    const Options parsed =
        options({"--config", "c", "--workers=1,3", "--control-cpu", "0", "--eal",
                 "--no-huge -m 512 --file-prefix 'a b'", "--log-level", "debug", "--packet-buffers", "300000"});
    CHECK(parsed.config_path == "c");
    CHECK(parsed.worker_cpus == Cpus{1, 3});
    CHECK(parsed.control_cpu == 0U);
    CHECK(parsed.eal_arguments == std::vector<std::string>{"--no-huge", "-m", "512", "--file-prefix", "a b"});
    CHECK(parsed.log_level == LogLevel::kDebug);
    CHECK(parsed.packet_buffers == 300000U);
}

TEST_CASE("a wrong option is refused in words")
{
    CHECK(failure({"--workers", "9"}) == "--workers: CPU 9 is not one that vxd may run on here (0-3,8)");
    CHECK(failure({"--control-cpu", "x"}) == "--control-cpu: \"x\" is not a CPU number");
    CHECK(failure({"--control-cpu", "7"}) == "--control-cpu: CPU 7 is not one that vxd may run on here (0-3,8)");
    CHECK(failure({"--workers", "1-2", "--control-cpu", "2"}) ==
          "--control-cpu: CPU 2 is a worker's, which polls and leaves it no time");
    CHECK(failure({"--log-level", "loud"}).find("expected error, warning") != std::string::npos);
    CHECK(failure({"--eal", "\"a"}) == "--eal: the quote at column 1 is not closed");
    for (const char* wrong : {"", "x", "4095", "8388609", "99999999999", "-1"})
        CHECK(failure({"--packet-buffers", wrong}) ==
              fmt::format("--packet-buffers: \"{}\" is not a number from 4096 to 8388608", wrong));
    CHECK(failure({"--socket", ""}).find("--socket") != std::string::npos);
    CHECK(failure({"--bogus"}).find("--bogus") != std::string::npos);
    CHECK(failure({"--config"}).find("--config") != std::string::npos);
    CHECK(failure({"stray"}).find("stray") != std::string::npos);
}

TEST_CASE("help and version are texts, not a daemon")
{
    const auto help = parse({"--help"});
    REQUIRE(help.has_value());
    REQUIRE(std::holds_alternative<Answer>(*help));
    CHECK(std::get<Answer>(*help).text.find("--workers CPULIST") != std::string::npos);
    CHECK(std::get<Answer>(*parse({"--version"})).text == "vxd 0.1.0\n");
}

TEST_CASE("this process may run somewhere")
{
    CHECK_FALSE(allowed_cpus().empty());
}

TEST_CASE("a log message cannot forge a line or move the cursor")
{
    CHECK(log_lines("a\nb\033[2J\n", "<6>") == "<6>a\n<6>b?[2J\n");
    CHECK(log_level_from("warning") == LogLevel::kWarning);
    CHECK_FALSE(log_level_from("loud").has_value());
}
