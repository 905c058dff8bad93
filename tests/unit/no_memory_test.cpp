// SPDX-License-Identifier: BSD-3-Clause
// Requests of which one allocation fails, whichever: they have all of their effect, or none and an error.
#include "tests/support/failing_new.h"
#include "tests/unit/daemon_lab.h"

using namespace vx;
using namespace vx::test;

namespace
{

struct Change {
    std::string_view name;
    std::string_view lines;
    std::string_view back; // to where it was; "": a new vxd is made
};

constexpr Change kChanges[] = {
    {"a bridge with a port", "link add br1 type bridge\nlink add c1 type null\nlink set c1 master br1\n",
     "link del c1\nlink del br1\n"},
    {"a VXLAN device with a flood list",
     "link add vx7 type vxlan id 7 local 192.0.2.1 nolearning\n"
     "fdb append 00:00:00:00:00:00 dev vx7 dst 192.0.2.8\nfdb append 00:00:00:00:00:00 dev vx7 dst 192.0.2.9\n",
     "link del vx7\n"},
    {"an underlay's address and route", "addr add 198.51.100.1/24 dev uplink\nroute add 203.0.113.0/24 via 192.0.2.7\n",
     "route del 203.0.113.0/24\naddr del 198.51.100.1/24 dev uplink\n"},
    {"FDB entries and a neighbour",
     "fdb add 02:00:00:00:00:01 dev vxlan100 dst 192.0.2.3\nfdb add 02:00:00:00:00:02 dev vxlan100 dst 192.0.2.4\n"
     "neigh add 172.18.10.7 lladdr 02:00:00:00:00:02 dev br0\n",
     "neigh del 172.18.10.7 dev br0\nfdb del 02:00:00:00:00:02 dev vxlan100\nfdb del 02:00:00:00:00:01 dev vxlan100\n"},
    {"a bridge that goes with its members, entries and addresses", "link del br0\nlink del vxlan200\n", ""},
    {"a MAC, an MTU and a bridge that is left",
     "link set docker1 nomaster\nlink set vxlan100 address 02:00:00:00:00:77\n", ""},
};

Request request_of(std::string_view lines, OnFailure on_failure = OnFailure::kUndoAll)
{
    Request request;
    request.commands = parse_script(lines, "test").value().commands;
    request.on_failure = on_failure;
    return request;
}

std::string state_of(Daemon& vxd)
{
    return vxd("config show") + vxd("fdb show") + vxd("neigh show") + vxd("route show");
}

} // namespace

TEST_CASE("whichever allocation of a transaction fails, it has all of its effect or none")
{
    const std::uint64_t burst = GENERATE(1, 20);
    const Change& change = GENERATE(from_range(std::begin(kChanges), std::end(kChanges)));
    CAPTURE(change.name, burst);
    auto vxd = std::make_unique<Daemon>();
    const auto begin = [&] {
        vxd->tutorial();
        (*vxd)("fdb add 02:00:00:00:00:55 dev vxlan100 dst 192.0.2.5\naddr add 172.18.11.1/24 dev br0\n");
    };
    begin();
    const Request request = request_of(change.lines);
    std::string before = state_of(*vxd);
    std::string after;
    std::uint64_t refused = 0;
    for (std::uint64_t nth = 1;; ++nth) {
        CAPTURE(nth);
        Response response;
        bool has_failed = false;
        {
            const FailingNew failing(nth, burst);
            response = vxd->controller().run(request);
            has_failed = failing.has_failed();
        }
        const std::string now = state_of(*vxd);
        if (!response.failures.empty()) {
            ++refused;
            REQUIRE(has_failed);
            REQUIRE(has(response.failures.front().error.message, "memory"));
            REQUIRE(now == before);
            continue;
        }
        if (after.empty())
            after = now;
        REQUIRE(now == after);
        if (!has_failed)
            break;
        if (!change.back.empty()) {
            (*vxd)(change.back);
        } else {
            vxd = nullptr;
            vxd = std::make_unique<Daemon>();
            begin();
        }
        before = state_of(*vxd);
        REQUIRE(has(before, "vxlan100"));
    }
    CHECK((refused > 0) == (burst > 1)); // a few are made good for
    CHECK(after != before);
}

TEST_CASE("after a transaction that had no memory nothing of it is left: all can be taken away")
{
    Daemon vxd;
    vxd.tutorial();
    const Request request = request_of("link add br7 type bridge\nlink add c7 type null\nlink set c7 master br7\n"
                                       "fdb add 02:00:00:00:00:09 dev vxlan100 dst 192.0.2.33\nlink del nothing\n");
    for (std::uint64_t nth = 1; nth < 400; nth += 7) {
        const FailingNew failing(nth, 20);
        (void)vxd.controller().run(request);
    }
    vxd("link del br0\nlink del vxlan100\nlink del vxlan200\nlink del docker1\nlink del uplink\n");
    CHECK(vxd("config show").find("link add") == std::string::npos);
    CHECK(vxd("fdb show").empty());
}

TEST_CASE("of a list whose commands are on their own, those before the one that had no memory stay, and it is named")
{
    const Request request =
        request_of("link add b1 type bridge\nlink add b2 type bridge\nlink add b3 type bridge\n", OnFailure::kStop);
    std::uint64_t tried = 0;
    for (std::uint64_t nth = 1;; nth += 3) {
        Daemon vxd;
        vxd.tutorial();
        Response response;
        bool has_failed = false;
        {
            const FailingNew failing(nth, 20);
            response = vxd.controller().run(request);
            has_failed = failing.has_failed();
        }
        const std::string now = vxd("config show");
        const std::size_t done = response.failures.empty() ? 3 : response.failures.front().index;
        for (std::size_t i = 1; i <= 3; ++i)
            REQUIRE(has(now, fmt::format("link add b{} ", i)) == (i <= done));
        if (!has_failed)
            break;
        ++tried;
    }
    CHECK(tried > 20);
}

TEST_CASE("whichever allocation of a configuration that is applied fails, it is there as a whole or not at all")
{
    Daemon vxd;
    vxd.tutorial();
    const auto ask = [&](std::string_view lines, Request::Config config) {
        Request request = request_of(lines);
        request.config = config;
        return request;
    };
    const std::string old = vxd("config show");
    const std::string wanted = old + "link add br9 address 02:00:00:00:00:99 type bridge\n";
    const Request there = ask(wanted, Request::Config::kApply);
    const Request back = ask(old, Request::Config::kApply);
    const Request compare = ask(wanted, Request::Config::kDiff);
    for (std::uint64_t nth = 1;; nth += nth < 100 ? 1 : 17) {
        bool has_failed = false;
        bool is_done = false;
        for (const Request* request : {&compare, &there}) {
            const FailingNew failing(nth, 20);
            try {
                is_done = vxd.controller().run(*request).failures.empty();
            } catch (const std::bad_alloc&) { // the socket's server answers
                is_done = false;
            }
            has_failed = failing.has_failed();
        }
        REQUIRE(has(vxd("config show"), "br9") == is_done);
        if (is_done)
            REQUIRE(vxd.controller().run(back).failures.empty());
        REQUIRE(vxd("config show") == old);
        if (!has_failed)
            break;
    }
}
