// SPDX-License-Identifier: BSD-3-Clause
#include "control/commands/nouns.h"

#include <catch2/catch.hpp>

#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

using namespace vx;

namespace
{

constexpr std::string_view kUsage = "LLADDR dev DEV [ dst ADDR ]";

// The words of one command, and a cursor after its noun and verb.
struct Line {
    explicit Line(std::string_view text)
        : list(read_script(text).commands), words(list.begin()), cursor(*words, 2, "fdb", "append", kUsage)
    {
    }
    CommandList list;
    CommandList::Iterator words;
    Words cursor;
};

template <typename T>
std::string message(const Result<T>& result)
{
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().kind == Error::Kind::kUsage);
    return result.error().message;
}

// Handlers of these tests do not look at their transaction.
Transaction& no_transaction()
{
    alignas(std::max_align_t) static std::byte storage[1];
    return *reinterpret_cast<Transaction*>(storage);
}

Result<Reply> echo(Transaction&, Words& words)
{
    Reply reply;
    reply.text = words.name();
    while (!words.done()) {
        auto word = words.text("WORD");
        if (!word)
            return std::move(word).error();
        reply.text += fmt::format(" [{}]", *word);
    }
    return reply;
}

constexpr std::array kLink = {
    Command{"link", "add", "NAME type TYPE", "add a device", echo},
    Command{"link", "set", "DEV ...", "change a device", echo},
    Command{"link", "del", "DEV", "remove a device", echo},
    Command{"link", "show", "[ DEV ]", "list devices", echo},
};
constexpr std::array kFdb = {
    Command{"fdb", "add", "LLADDR dev DEV", "add an entry", echo},
    Command{"fdb", "append", "LLADDR dev DEV", "add a destination", echo},
    Command{"fdb", "replace", "LLADDR dev DEV", "add or change", echo},
};
const std::span<const Command> kLinkTable = kLink;
const std::span<const Command> kFdbTable = kFdb;
const std::array kTable = {
    Noun{"link", {}, "devices", &kLinkTable},
    Noun{"fdb", {"forwarding", "forwarding-db"}, "forwarding database", &kFdbTable},
};

Result<Reply> run(std::string_view line)
{
    const CommandWords words = split_words(line).value();
    const std::vector<std::string_view> views(words.begin(), words.end());
    return dispatch(no_transaction(), views, kTable);
}

} // namespace

TEST_CASE("an error of a typed reader names the word, its position and what was expected")
{
    CHECK(message(Line("fdb append 02:zz").cursor.mac()) ==
          "fdb append: \"02:zz\" is not a MAC address (word 3; expected LLADDR such as 02:42:ac:12:14:02)");
    CHECK(message(Line("fdb append 1.2.3x").cursor.address()) ==
          "fdb append: \"1.2.3x\" is not an IP address (word 3; expected ADDR such as 192.0.2.1 or 2001:db8::1)");
    CHECK(message(Line("fdb append 1.2.3.4/33").cursor.prefix()) ==
          "fdb append: \"1.2.3.4/33\" is not an IP prefix (word 3; expected PREFIX such as 192.0.2.0/24 or "
          "2001:db8::/64)");
    CHECK(message(Line("fdb append 16777216").cursor.vni()) ==
          "fdb append: \"16777216\" is out of range (word 3; expected VNI, a number from 0 to 16777215)");
    CHECK(message(Line("fdb append 12x").cursor.number("PORT", 1, 65535)) ==
          "fdb append: \"12x\" is not a number (word 3; expected PORT, a number from 1 to 65535)");
    constexpr std::array<std::string_view, 2> kModes = {"client", "server"};
    CHECK(message(Line("fdb append both").cursor.choice("MODE", kModes)) ==
          "fdb append: \"both\" is not a MODE (word 3; expected one of client, server)");
}

TEST_CASE("a missing value names the option before it")
{
    Line line("fdb append dst");
    REQUIRE(line.cursor.take("dst"));
    CHECK(message(line.cursor.address()) == "fdb append: \"dst\" needs an ADDR after it");
    CHECK(message(Line("fdb append").cursor.mac()) ==
          "fdb append: LLADDR is missing at the end; usage: fdb append LLADDR dev DEV [ dst ADDR ]");
}

TEST_CASE("numbers are decimal or hexadecimal and stay in their range")
{
    CHECK(Line("fdb append 0x10").cursor.number("N", 0, 100).value() == 16);
    CHECK(Line("fdb append 0").cursor.number("N", 0, 100).value() == 0);
    CHECK(Line("fdb append 100").cursor.number("N", 0, 100).value() == 100);
    CHECK(Line("fdb append 4294967295").cursor.number("N", 0, 0xffffffff).value() == 0xffffffff);
    for (const char* wrong : {"101", "-1", "+1", "", "0x", "1e1", "0x1g", "99999999999999999999999", "1 "}) {
        CAPTURE(wrong);
        CHECK_FALSE(Line("fdb append \"" + std::string(wrong) + "\"").cursor.number("N", 0, 100).has_value());
    }
}

TEST_CASE("IPv4 addresses may be as short as iproute2 has them")
{
    const auto prefix = [](std::string_view word) {
        return Line(fmt::format("fdb append {}", word)).cursor.prefix().value().to_string();
    };
    CHECK(prefix("127.9/16") == "127.9.0.0/16");
    CHECK(prefix("1.2.3/24") == "1.2.3.0/24");
    CHECK(prefix("10/8") == "10.0.0.0/8");
    CHECK(prefix("11") == "11.0.0.0/32");
    CHECK(prefix("012.0xa/16") == "10.10.0.0/16");
    CHECK(prefix("1.2.3.4/24") == "1.2.3.4/24");
    CHECK(Line("fdb append 10.1").cursor.address()->to_string() == "10.1.0.0");
    for (const char* wrong : {"10./8", ".1", "1..2", "300.1", "08.1", "1.2.3.4.5", "1.2.3.4.", "0x/8", "-1", "a", "/8"})
        CHECK_FALSE(Line(fmt::format("fdb append {}", wrong)).cursor.prefix().has_value());
}

TEST_CASE("a device name is what Linux takes as one")
{
    for (const char* name : {"a", "vxlan100", "br-0.5", "exactly15bytes_"}) {
        CAPTURE(name);
        CHECK(Line("fdb append " + std::string(name)).cursor.device_name().has_value());
    }
    for (const char* name : {"", ".", "..", "a/b", "a:b", "a b", "a\tb", "sixteen_bytes___"}) {
        CAPTURE(name);
        CHECK_FALSE(Line("fdb append \"" + std::string(name) + "\"").cursor.device_name().has_value());
    }
}

TEST_CASE("an option that comes twice is an error of the next reader and of the end")
{
    Line line("fdb append dst 192.0.2.1 dst 192.0.2.2");
    REQUIRE(line.cursor.take("dst"));
    REQUIRE(line.cursor.address().has_value());
    REQUIRE(line.cursor.take("dst"));
    CHECK(message(line.cursor.address()) == "fdb append: \"dst\" comes twice (word 5)");

    Line flags("fdb append self self");
    REQUIRE(flags.cursor.take("self"));
    REQUIRE(flags.cursor.take("self"));
    CHECK(message(flags.cursor.finish()) == "fdb append: \"self\" comes twice (word 4)");

    Line again("fdb append nexthop nexthop");
    REQUIRE(again.cursor.take_again("nexthop"));
    REQUIRE(again.cursor.take_again("nexthop"));
    CHECK(again.cursor.finish().has_value());
}

TEST_CASE("a switch is read in both forms and once")
{
    CHECK(Line("fdb append learning").cursor.take_switch("learning") == true);
    CHECK(Line("fdb append nolearning").cursor.take_switch("learning") == false);
    CHECK_FALSE(Line("fdb append nolearn").cursor.take_switch("learning").has_value());
    CHECK_FALSE(Line("fdb append").cursor.take_switch("learning").has_value());
    Line both("fdb append learning nolearning");
    REQUIRE(both.cursor.take_switch("learning").has_value());
    REQUIRE(both.cursor.take_switch("learning").has_value());
    CHECK_FALSE(both.cursor.finish().has_value());
}

TEST_CASE("an abbreviation means the first keyword in order that it begins")
{
    constexpr std::string_view kOrder[] = {"local", "port", "srcport", "nolearning", "learning"};
    CHECK(Line("fdb append l").cursor.meaning(kOrder) == "local");
    CHECK(Line("fdb append le").cursor.meaning(kOrder) == "learning");
    CHECK(Line("fdb append port").cursor.meaning(kOrder) == "port");
    CHECK(Line("fdb append ports").cursor.meaning(kOrder).empty());
    CHECK(Line("fdb append \"\"").cursor.meaning(kOrder).empty());
    CHECK(Line("fdb append").cursor.meaning(kOrder).empty());
    CHECK(Line("fdb append nol").cursor.take_switch("learning", kOrder) == false);
    CHECK_FALSE(Line("fdb append l").cursor.take("learning", kOrder));
    Line twice("fdb append lo 192.0.2.1 local 192.0.2.1");
    REQUIRE(twice.cursor.take("local", kOrder));
    REQUIRE(twice.cursor.address().has_value());
    REQUIRE(twice.cursor.take("local", kOrder));
    CHECK(message(twice.cursor.finish()) == "fdb append: \"local\" comes twice (word 5)");
}

TEST_CASE("a word that is left over is an error with the command's usage")
{
    Line line("fdb append bogus");
    CHECK(message(line.cursor.finish()) ==
          "fdb append: \"bogus\" is not expected here (word 3); usage: fdb append LLADDR dev DEV [ dst ADDR ]");
}

TEST_CASE("a word in a message has no control characters and an end")
{
    CHECK(in_quotes("a\033[31m\n") == "\"a?[31m?\"");
    CHECK(in_quotes(std::string(100'000, 'x')).size() < 100);
}

TEST_CASE("nouns and verbs may be abbreviated, and the table's order decides")
{
    CHECK(run("l s")->text == "link show");
    CHECK(run("l s a up")->text == "link set [a] [up]"); // in the table, set stands before show
    CHECK(run("f s").has_value() == false);              // this table has none
    CHECK(run("l sh")->text == "link show");
    CHECK(run("link")->text == "link show");
    CHECK(run("link list")->text == "link show");
    CHECK(run("link lst")->text == "link show");
    CHECK(run("link delete x")->text == "link del [x]");
    CHECK(run("link del x")->text == "link del [x]");
    CHECK(run("link d x")->text == "link del [x]");
    CHECK(run("f a")->text == "fdb add");
    CHECK(run("fdb ap")->text == "fdb append");
    CHECK(run("forward r")->text == "fdb replace");
    CHECK(run("forwarding-db r")->text == "fdb replace");
    CHECK_FALSE(run("forwarding-base r").has_value());
    CHECK(run("link show a \"b c\"")->text == "link show [a] [b c]");
}

TEST_CASE("an unknown noun or verb is named with what was expected")
{
    CHECK(message(run("links")) == "\"links\" is not known (word 1; expected one of link, fdb, help)");
    CHECK(message(run("link eth0")) ==
          "link: \"eth0\" is not known (word 2; expected one of add, set, del, show, help)");
    CHECK(message(run("fdb")) == "fdb: a command is missing (expected one of add, append, replace, help)");
    CHECK(message(run("\"\"")) == "\"\" is not known (word 1; expected one of link, fdb, help)");
    CHECK(message(run("link \"\"")).find("is not known") != std::string::npos);
    CHECK_FALSE(run("").has_value());
}

TEST_CASE("help works at every level")
{
    CHECK(run("help")->text.find("forwarding database") != std::string::npos);
    CHECK(run("link help")->text.find("vxctl link set DEV ...") != std::string::npos);
    const auto help = run("link add help");
    CHECK(help->text == "Usage: vxctl link add NAME type TYPE\n           add a device\n");
    CHECK(help->json[0]["usage"] == "NAME type TYPE");
}

TEST_CASE("every command that vxd has is in its noun's table and has a handler")
{
    for (const Noun& noun : nouns()) {
        CAPTURE(noun.name);
        REQUIRE_FALSE(noun.commands->empty());
        for (const Command& command : *noun.commands) {
            CAPTURE(command.verb);
            CHECK(command.noun == noun.name);
            CHECK(command.handler != nullptr);
            CHECK_FALSE(command.help.empty());
        }
    }
}
