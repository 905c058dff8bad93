// SPDX-License-Identifier: BSD-3-Clause
// The reasons of drops and losses as a user reads them: each is explained, and what a remedy says to type can be typed.
#include "control/commands/stats.h"
#include "control/daemon/options.h"
#include "tests/unit/daemon_lab.h"
#include "tools/vxctl/capture.h"

#include <set>
#include <sstream>

using namespace vx;
using namespace vx::test;

namespace
{

std::vector<DropReasonText> all_reasons()
{
    std::vector<DropReasonText> all{std::begin(kDropReasons), std::end(kDropReasons)};
    for (const LossText& loss : kLosses)
        all.push_back(loss.text);
    return all;
}

// What stands between `these`, word by word.
std::vector<std::vector<std::string>> commands_in(std::string_view text)
{
    std::vector<std::vector<std::string>> commands;
    std::istringstream parts{std::string{text}};
    bool is_command = false;
    for (std::string part; std::getline(parts, part, '`'); is_command = !is_command) {
        if (!is_command)
            continue;
        std::istringstream line{part};
        std::vector<std::string> words;
        for (std::string word; line >> word;)
            words.push_back(word);
        commands.push_back(std::move(words));
    }
    return commands;
}

// What stands in capitals is a user's own.
std::string filled_in(const std::string& word)
{
    const std::map<std::string, std::string> values = {
        {"ADDR", "192.0.2.2"}, {"ADDR/LEN", "10.7.0.1/24"}, {"PREFIX", "10.8.0.0/24"},
        {"BRIDGE", "br0"},     {"DEV", "docker1"},          {"MAC", "02:00:00:00:00:77"},
        {"VNI", "300"}};
    const auto found = values.find(word);
    return found == values.end() ? word : found->second;
}

// vxctl's own words.
std::vector<std::string> behind_vxctl(const std::vector<std::string>& command)
{
    std::vector<std::string> words;
    std::transform(command.begin() + 1, command.end(), std::back_inserter(words), filled_in);
    return words;
}

} // namespace

TEST_CASE("each reason has a name of its own, and texts that are parts of sentences")
{
    std::set<std::string_view> names;
    for (const DropReasonText& reason : all_reasons()) {
        CAPTURE(reason.name);
        CHECK(names.insert(reason.name).second);
        for (const std::string_view text : {reason.meaning, reason.cause, reason.remedy}) {
            CAPTURE(text);
            CHECK_FALSE(text.ends_with('.'));
            CHECK(std::count(text.begin(), text.end(), '`') % 2 == 0);
            CHECK(text.find("  ") == text.npos);
        }
    }
}

TEST_CASE("every command in a cause or remedy is one that vxctl and vxd take")
{
    std::size_t count = 0;
    for (const DropReasonText& reason : all_reasons()) {
        Daemon vxd;
        vxd.tutorial();
        for (const auto& command : commands_in(fmt::format("{} {}", reason.cause, reason.remedy))) {
            if (command[0] == "vxd" && command.size() > 1) {
                const char* const arguments[] = {"vxd", "--help"};
                const unsigned cpus[] = {0};
                const auto help = parse_options(2, arguments, cpus, "0").value();
                CHECK_THAT(std::get<Answer>(help).text, Catch::Contains(command[1] + ' '));
            }
            if (command[0] != "vxctl")
                continue;
            ++count;
            const std::vector<std::string> words = behind_vxctl(command);
            const std::string line = fmt::format("{}", fmt::join(words, " "));
            CAPTURE(reason.name, line);
            if (words[0] == "capture") {
                CHECK(parse_capture(words).has_value());
                const auto named = std::ranges::find(words, "reason");
                CHECK((named == words.end() || *std::next(named) == reason.name));
                continue;
            }
            const Response response = vxd.run(line); // that it is refused does not matter: it was understood
            const bool is_understood =
                response.failures.empty() || response.failures.front().error.kind != Error::Kind::kUsage;
            if (!is_understood)
                FAIL_CHECK(response.failures.front().error.message);
        }
    }
    CHECK(count > 50);
}

TEST_CASE("stats reasons lists them all, and says all of one")
{
    Daemon vxd;
    const std::string list = vxd("stats reasons");
    const auto json = vxd.json("stats reasons");
    REQUIRE(json.size() == all_reasons().size());
    for (std::size_t index = 0; index < json.size(); ++index) {
        const DropReasonText reason = all_reasons()[index];
        CAPTURE(reason.name);
        CHECK(has(list, fmt::format("{:<20} {}\n", reason.name, reason.meaning)));
        CHECK(json[index]["reason"] == reason.name);
        CHECK(json[index]["kind"] == (index < kDropReasonCount ? "drop" : "loss"));
        CHECK(json[index]["cause"] == reason.cause);
        CHECK(json[index]["remedy"] == reason.remedy);
        const std::string line = fmt::format("stats reasons {}", reason.name);
        CHECK(vxd.json(line) == nlohmann::ordered_json::array({json[index]}));
        const std::string text = vxd(line);
        CHECK(text.starts_with(fmt::format("{}: {}\n  cause   ", reason.name, reason.meaning)));
        CHECK(has(text, "\n  remedy  "));
        for (const auto& command : commands_in(reason.remedy))
            CHECK(has(text, fmt::format("`{}`", fmt::join(command, " ")))); // on one line
    }
}

TEST_CASE("a reason that there is not is an error that names the word and those that there are")
{
    Daemon vxd;
    const std::string error = vxd.error("stats reasons no_rout");
    CHECK(has(error, "\"no_rout\""));
    CHECK(has(error, "no_route"));
    CHECK(has(error, "rx_missed"));
    CHECK(has(vxd.error("stats reasons no_route no_mbuf"), "\"no_mbuf\""));
}
