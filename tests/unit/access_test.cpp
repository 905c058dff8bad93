// SPDX-License-Identifier: BSD-3-Clause
// Who may do what: roles by credentials, and what a reader's commands come to.
#include "control/server/access.h"

#include "control/commands/nouns.h"
#include "tests/unit/daemon_lab.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>

using namespace vx;
using namespace vx::test;

namespace
{

Response run_as(Daemon& vxd, Role role, std::string_view lines, Request::Config config = Request::Config::kNone,
                OnFailure on_failure = OnFailure::kUndoAll)
{
    Request request;
    request.commands = parse_script(lines, "test").value().commands;
    request.role = role;
    request.config = config;
    request.on_failure = on_failure;
    return vxd.controller().run(request);
}

} // namespace

TEST_CASE("root and vxd's own user are admins, members of the admin group too, everybody else reads")
{
    const AccessPolicy none;
    const AccessPolicy policy{.socket_group = Group{"vxd", 100}, .admin_group = Group{"vxd-admin", 200}};
    const auto peer = [](uid_t uid, std::vector<gid_t> groups) { return Credentials{1, uid, std::move(groups)}; };
    CHECK(role_of(peer(0, {0}), none, 0) == Role::kAdmin);
    CHECK(role_of(peer(1000, {1000}), none, 1000) == Role::kAdmin);
    CHECK(role_of(peer(1000, {0}), none, 0) == Role::kReader);
    CHECK(role_of(peer(1000, {1000, 100}), policy, 0) == Role::kReader);
    CHECK(role_of(peer(1000, {200}), policy, 0) == Role::kAdmin);
    CHECK(role_of(peer(1000, {1000, 100, 200}), policy, 0) == Role::kAdmin);
    CHECK(role_of(peer(1000, {1000, 200}), none, 0) == Role::kReader);
    CHECK(role_of(std::nullopt, policy, 0) == Role::kReader);
}

TEST_CASE("the kernel says who is at the other end of a socket")
{
    std::array<int, 2> ends{};
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0);
    const auto peer = credentials_of(ends[0]);
    close(ends[0]);
    close(ends[1]);
    REQUIRE(peer.has_value());
    CHECK(peer->pid == getpid());
    CHECK(peer->uid == geteuid());
    CHECK(std::find(peer->groups.begin(), peer->groups.end(), getegid()) != peer->groups.end());
    CHECK_FALSE(credentials_of(-1).has_value());
}

TEST_CASE("a group is named, or numbered")
{
    CHECK(find_group("root", "--admin-group").value().id == 0);
    CHECK(find_group("4711", "--admin-group").value().id == 4711);
    CHECK(find_group("no-such-group", "--admin-group").error().message ==
          "--admin-group: there is no group \"no-such-group\" (addgroup --system no-such-group makes one)");
    CHECK_FALSE(find_group("", "--admin-group").has_value());
}

TEST_CASE("a reader's commands show, and change nothing")
{
    Daemon vxd;
    vxd.tutorial();
    const std::string before = vxd("config show");
    for (const std::string_view command :
         {"link show", "li", "-s link show", "-br addr", "route get 192.0.2.9", "fdb", "neigh show", "stats", "help",
          "link add help", "link add type vxlan help", "config show", "config",
          "explain dev docker1 eth src 02:00:00:00:00:01 dst 02:00:00:00:00:02"})
        CHECK(run_as(vxd, Role::kReader, command).failures.empty());
    for (const Noun& noun : nouns())
        for (const Command& command : *noun.commands) {
            if (command.effect == Effect::kShows)
                continue;
            const Response response = run_as(vxd, Role::kReader, fmt::format("{} {} br0", noun.name, command.verb));
            REQUIRE(response.failures.size() == 1);
            const std::string why =
                command.effect == Effect::kShowsTraffic
                    ? fmt::format("{}: this shows what others send, which only root may see", noun.name)
                    : fmt::format("{} {}: this changes the configuration, which only root may", noun.name,
                                  command.verb);
            CHECK(has(response.failures.front().error.message, why));
        }
    // Abbreviated, behind options, and after one that is allowed.
    for (const std::string_view commands : {"l d br0", "-4 link del br0", "link show\nlink del br0"})
        CHECK(run_as(vxd, Role::kReader, commands).failures.size() == 1);
    CHECK(run_as(vxd, Role::kReader, "link del br0\nlink show", Request::Config::kNone, OnFailure::kGoOn)
              .failures.size() == 1);
    CHECK(vxd("config show") == before);
    CHECK(run_as(vxd, Role::kReader, "", Request::Config::kDiff).failures.empty());
    CHECK(run_as(vxd, Role::kReader, "link add x type null", Request::Config::kDryRun).failures.empty());
    const Response applied = run_as(vxd, Role::kReader, "", Request::Config::kApply);
    REQUIRE(applied.failures.size() == 1);
    CHECK(has(applied.failures.front().error.message, "config apply: this changes the configuration"));
    CHECK(vxd("config show") == before);
    CHECK(run_as(vxd, Role::kAdmin, "", Request::Config::kApply).failures.empty());
    CHECK(vxd("config show").empty());
}

TEST_CASE("those who may not are told who may")
{
    CHECK(admins_of({.socket_group = {}, .admin_group = Group{"vxd-admin", 1}}) ==
          "root or a member of the group \"vxd-admin\"");
    CHECK(has(admins_of({}), "without --admin-group"));
}

TEST_CASE(
    "who may only look keeps the others waiting for a quarter of a second, whatever becomes of the other commands")
{
    std::int64_t now = 0;
    std::int64_t pace = 10;
    int signs_of_life = 0;
    Daemon vxd{{0}, 1023, [&] { return now += pace; }, [&signs_of_life] { ++signs_of_life; }};
    std::string lines;
    for (int i = 0; i < 1000; ++i)
        lines += "link show\n";
    for (const OnFailure on_failure : {OnFailure::kUndoAll, OnFailure::kStop, OnFailure::kGoOn}) {
        const Response looked = run_as(vxd, Role::kReader, lines, Request::Config::kNone, on_failure);
        REQUIRE(looked.failures.size() == 1);
        CHECK(has(looked.failures[0].error.message, "more than 250 ms of vxd's time"));
        CHECK(looked.failures[0].index > 10);
        CHECK(looked.failures[0].index < 300);
    }
    signs_of_life = 0;
    pace = 200;
    CHECK(run_as(vxd, Role::kAdmin, lines).failures.empty());
    CHECK(signs_of_life >= 9); // the service manager would end a vxd that is busy for long
    pace = 1;
    CHECK(run_as(vxd, Role::kReader, "link show\nstats\n").failures.empty());
}
