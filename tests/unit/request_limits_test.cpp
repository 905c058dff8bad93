// SPDX-License-Identifier: BSD-3-Clause
// What a request may take, by who asks: no command, however long what it is about, goes beyond it; and what is refused
// changes nothing.
#include "tests/unit/daemon_lab.h"

#include <limits>
#include <memory>
#include <string>

using namespace vx;
using namespace vx::test;

namespace
{

constexpr int kRows = 4000; // many looks at the clock

// A clock that stands still until it was looked at so many times, and then is far ahead.
struct Clock {
    int looks_left = std::numeric_limits<int>::max();
    std::int64_t operator()() { return looks_left-- > 0 ? 0 : 1'000'000; }
};

std::string much()
{
    std::string lines = "link add ul type null\nlink add br0 type bridge\n"
                        "link add vx type vxlan id 100 local 192.0.2.1\nlink set vx master br0\n";
    for (int i = 0; i < kRows; ++i) {
        const std::string two = fmt::format("{}.{}", i / 250, i % 250 + 1);
        lines += fmt::format("fdb append 02:00:00:00:{:02x}:{:02x} dev vx dst 10.0.0.9\n", i / 256, i % 256);
        lines += fmt::format("fdb append 00:00:00:00:00:00 dev vx dst 10.1.{}\n", two);
        lines += fmt::format("route add 20.{}.0/24 via 192.0.2.9 dev ul onlink\n", two);
        lines += fmt::format("neigh add 30.0.{} lladdr 02:00:00:00:00:01 dev ul\n", two);
        lines += fmt::format("addr add 40.{}.1/24 dev ul\n", two);
    }
    return lines;
}

Response ask(Controller& controller, std::string_view lines, Role role, Format format = Format::kText,
             Request::Config config = Request::Config::kNone)
{
    Request request;
    request.commands = parse_script(lines, "test").value().commands;
    request.role = role;
    request.format = format;
    request.config = config;
    return controller.run(request);
}

// How often the clock is looked at for a command that is short.
int looks_of_nothing(Daemon& vxd, Clock& clock)
{
    clock.looks_left = std::numeric_limits<int>::max();
    REQUIRE(ask(vxd.controller(), "help", Role::kReader).failures.empty());
    return std::numeric_limits<int>::max() - clock.looks_left;
}

} // namespace

TEST_CASE("a reader's request ends in the middle of a command that takes too long, an admin's does not")
{
    auto clock = std::make_shared<Clock>();
    Daemon vxd({0}, 1023, [clock] { return (*clock)(); });
    vxd(much());
    std::string links;
    for (int i = 0; i < kRows; ++i)
        links += fmt::format("link add b{} type bridge\n", i);
    vxd(links);
    const std::string before = vxd("config show");
    const int looks_before = looks_of_nothing(vxd, *clock);
    for (const char* line : {"fdb show",
                             "fdb show dev vx",
                             "fdb show br br0",
                             "fdb show state static",
                             "fdb get 02:00:00:00:00:01 br br0",
                             "link show",
                             "-s link show",
                             "-br link show",
                             "link show type vxlan",
                             "link show up",
                             "addr show",
                             "addr show dev ul",
                             "-br addr show",
                             "-o addr show",
                             "route show",
                             "route show dev ul",
                             "neigh show",
                             "neigh show dev ul",
                             "neigh get 30.0.0.1 dev ul",
                             "config show",
                             "stats show",
                             "stats show dev ul",
                             "__complete link show ''"}) {
        for (const Format format : {Format::kText, Format::kJson}) {
            CAPTURE(line, format);
            clock->looks_left = looks_before;
            const Response refused = ask(vxd.controller(), line, Role::kReader, format);
            REQUIRE(refused.failures.size() == 1);
            const std::string& why = refused.failures.front().error.message;
            CHECK(has(why, "more than 250 ms of vxd's time"));
            CHECK(has(why, "ask as root"));
            CHECK(refused.outputs.empty());
            clock->looks_left = looks_before;
            CHECK(ask(vxd.controller(), line, Role::kAdmin, format).failures.empty());
            clock->looks_left = std::numeric_limits<int>::max();
            CHECK(ask(vxd.controller(), line, Role::kReader, format).failures.empty());
        }
    }
    CHECK(vxd("config show") == before);
}

TEST_CASE("a refusal for its time says how far it got and what to ask instead")
{
    auto clock = std::make_shared<Clock>();
    Daemon vxd({0}, 1023, [clock] { return (*clock)(); });
    vxd(much());
    clock->looks_left = looks_of_nothing(vxd, *clock);
    const std::string why = ask(vxd.controller(), "fdb show", Role::kReader).failures.at(0).error.message;
    CHECK(has(why, "fdb show: "));
    CHECK(has(why, " steps"));
    CHECK(has(why, "ask for less: fdb show [ br BRIDGE ] [ dev DEV"));
    clock->looks_left = looks_of_nothing(vxd, *clock);
    const Response batch = ask(vxd.controller(), "link show\nroute show\nfdb show\n", Role::kReader);
    REQUIRE(batch.failures.size() == 1);
    CHECK(has(batch.failures[0].error.message, fmt::format("in command {} of 3", batch.failures[0].index + 1)));
}

TEST_CASE("a reader's comparison of configurations ends within its time, in the rehearsal and behind it")
{
    auto clock = std::make_shared<Clock>();
    Daemon vxd({0}, 1023, [clock] { return (*clock)(); });
    vxd(much());
    const std::string before = vxd("config show");
    for (const auto config : {Request::Config::kDiff, Request::Config::kDryRun}) {
        // Whatever the look is that is late, until all of them are over.
        std::size_t in_commands = 0, behind = 0;
        for (int looks = 2;; looks += 1 + looks / 10) {
            clock->looks_left = looks;
            const Response response = ask(vxd.controller(), much(), Role::kReader, Format::kText, config);
            const bool is_done = clock->looks_left > 0;
            REQUIRE(response.failures.empty() == is_done);
            if (is_done)
                break;
            ++(response.failures[0].index < std::size_t{5} * kRows ? in_commands : behind);
            CHECK(has(response.failures[0].error.message, "config diff: "));
        }
        CHECK(in_commands > 5);
        CHECK(behind > 1);
    }
    clock->looks_left = 10;
    CHECK(ask(vxd.controller(), much(), Role::kAdmin, Format::kText, Request::Config::kDiff).failures.empty());
    clock->looks_left = std::numeric_limits<int>::max();
    CHECK(vxd("config show") == before);
}

TEST_CASE("an answer that takes too much memory is refused, in one command and in many")
{
    Daemon vxd;
    Controller small{vxd.dataplane(), {.mac_seed = "test", .clock_ms = Daemon::stands_still, .limits = [](Role role) {
                                           Budget::Limits limits;
                                           if (role == Role::kReader)
                                               limits.bytes = 60'000;
                                           return limits;
                                       }}};
    REQUIRE(ask(small, much(), Role::kAdmin).failures.empty());
    std::string many;
    for (int i = 0; i < 1000; ++i)
        many += "link help\n";
    for (const std::string& lines : {std::string{"fdb show"}, std::string{"config show"}, many}) {
        for (const Format format : {Format::kText, Format::kJson}) {
            CAPTURE(lines.substr(0, 20), format);
            const Response refused = ask(small, lines, Role::kReader, format);
            REQUIRE(refused.failures.size() == 1);
            CHECK(has(refused.failures[0].error.message, "an answer of more than"));
            CHECK(ask(small, lines, Role::kAdmin, format).failures.empty());
        }
    }
    CHECK(has(ask(small, "link add x type null\n", Role::kReader, Format::kText, Request::Config::kDiff)
                  .failures.at(0)
                  .error.message,
              "an answer of more than"));
    CHECK(ask(small, "fdb get 02:00:00:00:00:01 br br0", Role::kReader).failures.empty()); // and nothing is left held
}
