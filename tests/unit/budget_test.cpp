// SPDX-License-Identifier: BSD-3-Clause
// What one request may take: Budget, in a clock that the tests turn, and what readers get of the control thread.
#include "control/base/budget.h"
#include "control/server/reader_shares.h"
#include "control/wire/wire.h"

#include <catch2/catch.hpp>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

using namespace vx;
using namespace std::chrono_literals;

namespace
{

// Its clock goes on by a millisecond with every look.
struct Timed {
    explicit Timed(Budget::Limits limits)
        : budget(
              limits, [this] { return ++now; }, 0, [this] { ++looks; })
    {
    }
    std::int64_t now = 0;
    int looks = 0;
    Budget budget;
};

} // namespace

TEST_CASE("a loop ends within its time, and its time is looked at now and then only")
{
    Timed timed({.time = 10ms});
    std::size_t steps = 0;
    const auto loop = [&] {
        for (;; ++steps)
            timed.budget.step();
    };
    CHECK_THROWS_AS(loop(), OverBudget);
    CHECK(timed.now == 11);
    CHECK(steps > 1000);
    CHECK(steps == timed.budget.steps() - 1);
}

TEST_CASE("a budget of nothing allows not one step, and no budget any number")
{
    Timed timed({.time = 0ms});
    CHECK_THROWS_AS(timed.budget.step(), OverBudget);
    Budget none;
    none.step(std::numeric_limits<std::size_t>::max() / 2);
    none.hold(std::numeric_limits<std::size_t>::max() / 2);
}

TEST_CASE("a long loop has pauses for others, but where it goes through what they change")
{
    Timed timed({});
    int pauses = 0;
    int answers = 0;
    timed.budget.set_pause([&](Budget::Pause most) { (most == Budget::Pause::kTurn ? pauses : answers) += 1; });
    for (int i = 0; i < 10'000; ++i)
        timed.budget.step();
    CHECK(pauses == timed.looks);
    CHECK(pauses >= 10'000 / 256);
    {
        const Budget::AtMost outer(timed.budget, Budget::Pause::kNone);
        const Budget::AtMost inner(timed.budget, Budget::Pause::kTurn); // it stays none
        timed.budget.step(10'000);
    }
    CHECK(pauses == timed.looks - 1);
    {
        const Budget::AtMost answers_only(timed.budget, Budget::Pause::kAnswers);
        timed.budget.step(10'000);
    }
    CHECK(answers == 1);
    CHECK(pauses == timed.looks - 2);
    timed.budget.step(10'000);
    CHECK(pauses == timed.looks - 2);
}

TEST_CASE("each element of a container is a step, and every one is met")
{
    Timed timed({});
    const std::vector<int> numbers(1000, 1);
    int sum = 0;
    for (const int number : timed.budget.each(numbers))
        sum += number;
    CHECK(sum == 1000);
    CHECK(timed.budget.steps() == 1000);
}

TEST_CASE("whoever waits for it is told of every look")
{
    Timed timed({});
    while (timed.now < 50)
        timed.budget.step();
    CHECK(timed.looks == 50);
}

TEST_CASE("what is given back may be taken again, and no more than that")
{
    Timed timed({.bytes = 1000});
    timed.budget.hold(900);
    timed.budget.release(800);
    timed.budget.hold(900);
    CHECK_THROWS_AS(timed.budget.hold(1), OverBudget);
}

TEST_CASE("reading a request ends within its time, whatever its shape")
{
    const std::string head = R"({"jsonrpc":"2.0","id":1,"method":"run","params":{)";
    std::string commands = R"("commands":[["link"])";
    std::string escaped = R"("script":")";
    std::string script = R"("script":")";
    std::string joined = R"("script":")";
    for (int i = 0; i < 5000; ++i) {
        commands += R"(,["link"])";
        script += "link\\n";
        escaped += R"(\u006cink\n)";
        joined += R"(link \\\n)";
    }
    for (const std::string& params : {commands + "]", script + '"', escaped + '"', joined + '"'}) {
        const std::string line = head + params + "}}\n";
        CAPTURE(line.substr(0, 100));
        Timed enough({.time = 1h});
        CHECK(decode_request(line, enough.budget));
        CHECK(enough.now > 4);
        Timed little({.time = 3ms});
        CHECK_THROWS_AS(decode_request(line, little.budget), OverBudget);
    }
}

TEST_CASE("a line goes on in as many others as it likes, but not out of a comment")
{
    std::string text = "link \"a # \\\n";
    for (int i = 0; i < 100'000; ++i)
        text += "b\\\n";
    text += "\" c\nlink # no \\\nnext \\\n\nlast\\\\\n\n\nend";
    const Script script = read_script(text);
    REQUIRE_FALSE(script.failure.has_value());
    CHECK(script.commands ==
          CommandList{{"link", "a # " + std::string(100'000, 'b'), "c"}, {"link"}, {"next"}, {"last"}, {"end"}});
    CHECK(script.lines == std::vector<std::uint32_t>{1, 100'003, 100'004, 100'006, 100'009});
}

TEST_CASE("a client's own bound on a request's size is that of its scanner")
{
    LineScanner scanner{1000};
    std::size_t used = 0;
    CHECK(scanner.scan("{\"params\":{\"script\":\"" + std::string(900, 'a'), used) == LineScanner::State::kMore);
    CHECK(scanner.scan(std::string(200, 'a'), used) == LineScanner::State::kRefused);
    CHECK(scanner.is_over_size());
    scanner.reset();
    CHECK(scanner.scan("{}\n" + std::string(2000, ' '), used) == LineScanner::State::kLine);
    CHECK(scanner.scan("[", used) == LineScanner::State::kRefused);
    CHECK_FALSE(scanner.is_over_size());
}

TEST_CASE("whoever took long waits for as long, and so does every other reader")
{
    ReaderShares shares;
    const ReaderShares::Time start{1h};
    CHECK(shares.begin() < start);
    shares.charge(1, 200ms, start);
    CHECK(shares.begin() > start + 150ms);
    CHECK(shares.begin() <= start + 200ms);
}

TEST_CASE("readers together get half of the time at most, but what is short waits for nothing")
{
    ReaderShares shares;
    ReaderShares::Time now{1h};
    const ReaderShares::Time start = now;
    ReaderShares::Duration used{};
    for (uid_t user = 0; user < 100; ++user) {
        now = std::max(now, shares.begin()) + 50ms;
        shares.charge(user, 50ms, now);
        used += 50ms;
    }
    CHECK(now - start >= 2 * used - 60ms);
    CHECK(now - start <= 2 * used);
    ReaderShares idle;
    idle.charge(1, 1ms, start);
    CHECK(idle.begin() <= start);
}

TEST_CASE("of the readers who wait, who took less goes first")
{
    ReaderShares shares;
    const ReaderShares::Time now{1h};
    shares.charge(1, 200ms, now);
    shares.charge(2, 10ms, now + 200ms);
    CHECK(shares.debt(3) < shares.debt(2));
    CHECK(shares.debt(2) < shares.debt(1));
    shares.charge(4, 1ms, now + 1h); // all else is forgotten
    CHECK(shares.debt(1) == shares.debt(3));
}
