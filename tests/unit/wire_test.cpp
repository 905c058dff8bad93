// SPDX-License-Identifier: BSD-3-Clause
#include "control/wire/wire_decode.h"

#include <catch2/catch.hpp>

#include <random>

using namespace vx;

namespace
{

std::string run_with(std::string_view params)
{
    return fmt::format(R"({{"jsonrpc":"2.0","id":7,"method":"run","params":{}}})", params);
}

std::string refusal(std::string_view line)
{
    const DecodedRequest request = decode_request(line);
    REQUIRE_FALSE(request);
    return request.error().message;
}

LineScanner::State scan(std::string_view bytes)
{
    LineScanner scanner;
    std::size_t used = 0;
    return scanner.scan(bytes, used);
}

} // namespace

TEST_CASE("a request is decoded as it was encoded")
{
    Request request;
    request.id = "a\"b";
    request.format = GENERATE(Format::kText, Format::kJson);
    request.on_failure = GENERATE(OnFailure::kUndoAll, OnFailure::kStop, OnFailure::kGoOn);
    request.commands = {{"link", "show"}, {"", "a b", "\"\\\n\t", "\xc3\xa9"}};
    const auto line = encode_request(request);
    REQUIRE(line.has_value());
    CHECK(line->find('\n') == line->size() - 1);
    const DecodedRequest decoded = decode_request(*line);
    REQUIRE(decoded);
    CHECK(decoded->id == request.id);
    CHECK(decoded->method == Method::kRun);
    CHECK(decoded->commands == request.commands);
    CHECK(decoded->format == request.format);
    CHECK(decoded->on_failure == request.on_failure);
}

TEST_CASE("a word that is not UTF-8 is an error, not an exception")
{
    Request request;
    request.id = 1;
    request.commands = {{"link", "\xff\xfe"}};
    CHECK_FALSE(encode_request(request).has_value());
    CHECK_FALSE(decode_request(run_with("{\"commands\":[[\"\xff\"]]}")));
}

TEST_CASE("a wrong request is refused with the place and what was expected there")
{
    CHECK(refusal(run_with(R"({"commands":[["a"],["a","b"],["a"],["a",5]]})")) ==
          "params.commands[3][1]: expected a string");
    CHECK(refusal(run_with(R"({"commands":[["a"],"b"]})")) == "params.commands[1]: expected an array");
    CHECK(refusal(run_with(R"({"commands":[["a"],[]]})")) == "params.commands[1]: expected at least one word");
    CHECK(refusal(run_with(R"({"commands":[["a",{"b":["c"]}]]})")) == "params.commands[0][1]: expected a string");
    CHECK(refusal(run_with(R"({"commands":{}})")) == "params.commands: expected an array");
    CHECK(refusal(run_with(R"({"atomic":true})")) == "params.commands: is missing");
    CHECK(refusal(run_with(R"({"commands":[],"atomic":1})")) == "params.atomic: expected true or false");
    CHECK(refusal(run_with(R"({"commands":[],"format":"xml"})")) == "params.format: expected \"text\" or \"json\"");
    CHECK(refusal(run_with(R"({"commands":[],"atomic":true,"force":true})")) ==
          "params.force: only where params.atomic is false");
    CHECK(refusal(run_with(R"({"commands":[],"comands":[]})")) == "params.comands: there is no such member");
    CHECK(refusal(run_with(R"({"commands":[["a"]],"commands":[["b"]]})")) == "params.commands: comes twice");
    CHECK(refusal(run_with(R"({"commands":[["a\u0000b"]]})")) == "params.commands[0][0]: contains a NUL");
    CHECK(refusal(run_with("[]")) == "params: expected an object");
    CHECK(refusal(R"({"id":1,"method":"ping"})") == "jsonrpc: is missing");
    CHECK(refusal(R"({"jsonrpc":"2.0","method":"ping"})") == "id: is missing");
    CHECK(refusal(R"({"jsonrpc":"1.0","id":1,"method":"ping"})") == "jsonrpc: expected \"2.0\"");
    CHECK(refusal(R"({"jsonrpc":"2.0","id":{},"method":"ping"})") == "id: expected a string or an integer");
    CHECK(refusal(R"({"jsonrpc":"2.0","id":1,"method":"rm"})") ==
          "method: there is no \"rm\"; expected \"run\", \"stream\" or \"ping\"");
    CHECK(refusal("5") == "request: expected an object");
}

TEST_CASE("a refusal carries the request's id, wherever it stands")
{
    const DecodedRequest before = decode_request(R"({"id":7,"jsonrpc":"2.0","method":"rm"})");
    CHECK(before.error().id == 7);
    CHECK(before.error().code == RpcCode::kMethodNotFound);
    const DecodedRequest after = decode_request(R"({"params":[[]],"jsonrpc":"2.0","method":"run","id":"x"})");
    CHECK(after.error().id == "x");
    CHECK(after.error().code == RpcCode::kInvalidParams);
    const DecodedRequest broken = decode_request("{\"id\":7,");
    CHECK(broken.error().code == RpcCode::kParseError);
}

TEST_CASE("atomic is the default")
{
    CHECK(decode_request(run_with(R"({"commands":[]})"))->on_failure == OnFailure::kUndoAll);
    CHECK(decode_request(run_with(R"({"commands":[],"atomic":false})"))->on_failure == OnFailure::kStop);
    CHECK(decode_request(run_with(R"({"commands":[],"force":true})"))->on_failure == OnFailure::kGoOn);
}

TEST_CASE("a million brackets are refused without recursion")
{
    for (const char* open : {"[", "{\"a\":"}) {
        std::string deep = R"({"jsonrpc":"2.0","id":1,"method":"run","params":{"commands":)";
        for (int i = 0; i < 1'000'000; ++i)
            deep += open;
        CHECK(refusal(deep) == "brackets are nested more than 8 deep");
        CHECK(scan(deep) == LineScanner::State::kRefused);
    }
}

TEST_CASE("a response is decoded as it was encoded")
{
    Request request;
    request.id = 1;
    Response response;
    response.outputs = {"text\n", nullptr, {{"ifname", "br0"}}};
    response.warnings = {"mind the \"gap\""};

    const auto plain = decode_response(encode_response(request, response));
    REQUIRE(plain.has_value());
    CHECK(plain->outputs == response.outputs);
    CHECK(plain->warnings == response.warnings);
    CHECK(plain->failures.empty());

    response.failures = {{2, Error{"no such device", Error::Kind::kRefused}}};
    const auto failed = decode_response(encode_response(request, response));
    REQUIRE(failed.has_value());
    REQUIRE(failed->failures.size() == 1);
    CHECK(failed->failures[0].index == 2);
    CHECK(failed->failures[0].error.message == "no such device");
    CHECK(failed->failures[0].error.kind == Error::Kind::kRefused);
    CHECK(failed->outputs == response.outputs);

    request.on_failure = OnFailure::kGoOn;
    response.failures.push_back({5, Error{"what?", Error::Kind::kUsage}});
    const auto forced = decode_response(encode_response(request, response));
    REQUIRE(forced.has_value());
    REQUIRE(forced->failures.size() == 2);
    CHECK(forced->failures[1].index == 5);
    CHECK(forced->failures[1].error.kind == Error::Kind::kUsage);

    const auto refused = decode_response(encode_error({RpcCode::kParseError, "this is not JSON", {}}));
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().message == "this is not JSON");
    CHECK_FALSE(decode_response("garbage").has_value());
    CHECK_FALSE(decode_response("{}").has_value());
}

TEST_CASE("bytes that are not UTF-8 do not break a response")
{
    Request request;
    request.id = 1;
    Response response;
    response.outputs = {std::string("\xff")};
    response.warnings = {"\xfe"};
    CHECK(decode_response(encode_response(request, response)).has_value());
}

TEST_CASE("the scanner finds the same line ends however the bytes are cut")
{
    const std::string text = " \n\t{\"a\\\"}{\":[1,true,\"\xc3\xa9\\\\\"]}\n{}\r\n{\"b\":-1.5E+3}\n";
    const std::vector<std::size_t> ends = {text.find("]}\n") + 3, text.find("{}\r\n") + 4, text.size()};
    for (std::size_t cut = 1; cut <= text.size(); ++cut) {
        CAPTURE(cut);
        LineScanner scanner;
        std::vector<std::size_t> found;
        for (std::size_t at = 0; at < text.size();) {
            std::size_t used = 0;
            const auto state = scanner.scan(std::string_view(text).substr(at, cut), used);
            REQUIRE(state != LineScanner::State::kRefused);
            REQUIRE(used > 0);
            at += used;
            if (state == LineScanner::State::kLine)
                found.push_back(at);
        }
        CHECK(found == ends);
    }
}

TEST_CASE("the scanner refuses early what cannot become a request")
{
    CHECK(scan("x") == LineScanner::State::kRefused);
    CHECK(scan("[") == LineScanner::State::kRefused);
    CHECK(scan("{]]") == LineScanner::State::kRefused);
    CHECK(scan("{\xff") == LineScanner::State::kRefused);
    CHECK(scan(std::string_view("{\0", 2)) == LineScanner::State::kRefused);
    CHECK(scan("{" + std::string(100, 'a')) == LineScanner::State::kRefused);
    CHECK(scan("{\"" + std::string(10 << 20, 'a')) == LineScanner::State::kRefused);
    CHECK(scan("{\"" + std::string(kMaxWordSize, 'a')) == LineScanner::State::kMore);
}

TEST_CASE("random bytes never crash scanner or decoder")
{
    std::mt19937 random(1);
    const std::string alphabet = "{}[]\",:\\ \n01eu-.truefalsn\"commands\"\xff";
    for (int i = 0; i < 20'000; ++i) {
        std::string line = i % 2 == 0 ? "" : run_with(R"({"commands":[["link","show"]],"atomic":true})");
        for (int j = 0; j < 8; ++j)
            line.insert(line.begin() + static_cast<std::ptrdiff_t>(random() % (line.size() + 1)),
                        alphabet[random() % alphabet.size()]);
        scan(line);
        const DecodedRequest request = decode_request(line);
        if (!request)
            CHECK_FALSE(request.error().message.empty());
    }
}

TEST_CASE("a line is split into words at blanks, with quotes and comments")
{
    const auto split = [](std::string_view line) { return split_words(line).value(); };
    using W = CommandWords;
    CHECK(split("") == W{});
    CHECK(split("  \t\r\n") == W{});
    CHECK(split("link add br0\ttype  bridge\r") == W{"link", "add", "br0", "type", "bridge"});
    CHECK(split("a # b c") == W{"a"});
    CHECK(split("# a") == W{});
    CHECK(split("a#b") == W{"a#b"});
    CHECK(split("\"a b\" 'c \"d'") == W{"a b", "c \"d"});
    CHECK(split("x\"y z\"w \"\" '#'") == W{"xy zw", "", "#"});
    CHECK(split(R"("a\"b\\c" 'a\b' a\b)") == W{"a\"b\\c", "a\\b", "a\\b"});
    CHECK(split_words("a \"b").error().message == "the quote at column 3 is not closed");
    CHECK(split_words("a 'b\"").error().message == "the quote at column 3 is not closed");
    CHECK_FALSE(split_words("a \"b\\").has_value());
    CHECK_FALSE(split_words(std::string_view("a\0b", 3)).has_value());
}

TEST_CASE("a script keeps the line of every command")
{
    const auto script = parse_script("# head\n\nlink add br0 type bridge\n  # more\r\nlink show", "f");
    REQUIRE(script.has_value());
    CHECK(script->commands == CommandList{{"link", "add", "br0", "type", "bridge"}, {"link", "show"}});
    CHECK(script->lines == std::vector<std::uint32_t>{3, 5});
    CHECK(parse_script("", "f")->commands.empty());
    CHECK(parse_script("a\nb \"c\n", "f").error().message == "f:2: the quote at column 3 is not closed");
}

TEST_CASE("a script is decoded into its commands, their lines, and the options before each")
{
    Request request;
    request.id = 1;
    request.on_failure = GENERATE(OnFailure::kUndoAll, OnFailure::kGoOn);
    const std::string script = "# head\nlink show \"a \\\"b\"\n\n\tfdb show \\\n  br br0\n";
    const auto line = encode_request(request, script, {"-4", "-oneline"});
    REQUIRE(line.has_value());
    CHECK(line->find('\n') == line->size() - 1);
    const DecodedRequest decoded = decode_request(*line);
    REQUIRE(decoded);
    CHECK(decoded->commands ==
          CommandList{{"-4", "-oneline", "link", "show", "a \"b"}, {"-4", "-oneline", "fdb", "show", "br", "br0"}});
    CHECK(decoded->lines == std::vector<std::uint32_t>{2, 4});
    CHECK(decoded->on_failure == request.on_failure);
    const DecodedRequest escaped = decode_request(run_with(R"({"script":"\u006cink\r\n\u00e9 b"})"));
    CHECK(escaped->commands == CommandList{{"link"}, {"\xc3\xa9", "b"}});
}

TEST_CASE("a script that cannot be split is refused with its line")
{
    const DecodedRequest request = decode_request(run_with(R"({"script":"a\n\nb 'c"})"));
    REQUIRE_FALSE(request);
    CHECK(request.error().message == "the quote at column 3 is not closed");
    CHECK(request.error().line == 3);
    const auto response = decode_response(encode_error(request.error()));
    REQUIRE(response.has_value());
    REQUIRE(response->failures.size() == 1);
    CHECK(response->failures[0].line == 3);
    CHECK(response->failures[0].error.kind == Error::Kind::kUsage);
}

TEST_CASE("a script has the place of commands, and options are its own")
{
    CHECK(refusal(run_with(R"({"script":"a","commands":[["a"]]})")) ==
          "params.script: only where there are no params.commands");
    CHECK(refusal(run_with(R"({"commands":[["a"]],"options":["-4"]})")) ==
          "params.options: only where there is a params.script");
    CHECK(refusal(run_with(R"({"script":["a"]})")) == "params.script: expected a string");
    CHECK(refusal(run_with(R"({"script":"a","options":"-4"})")) == "params.options: expected an array");
    CHECK(refusal(run_with(R"({"script":"a","options":["-4",4]})")) == "params.options[1]: expected a string");
}

TEST_CASE("of a script's outputs those that are not empty arrive, and its failures with their lines")
{
    Request request;
    request.id = 1;
    request.on_failure = OnFailure::kGoOn;
    request.lines = {3, 4, 9};
    Response response;
    response.outputs = {"", nullptr, "text\n"};
    response.failures = {{1, Error{"no such device", Error::Kind::kRefused}, 4}};
    const auto decoded = decode_response(encode_response(request, response));
    REQUIRE(decoded.has_value());
    CHECK(decoded->outputs == Outputs{"text\n"});
    REQUIRE(decoded->failures.size() == 1);
    CHECK(decoded->failures[0].line == 4);
}

TEST_CASE("both decoders read a request alike")
{
    static Budget unbounded;
    const auto check = [](const std::string& line) {
        CAPTURE(line);
        const auto plain = decode_plain(line, unbounded);
        REQUIRE(plain.has_value()); // else nothing is compared
        const DecodedRequest one = decode_request(line);
        const DecodedRequest other = decode_by_events(line, unbounded);
        REQUIRE(one);
        REQUIRE(other);
        CHECK(one->id == other->id);
        CHECK(one->commands == other->commands);
        CHECK(one->lines == other->lines);
        CHECK(one->on_failure == other->on_failure);
        CHECK(one->format == other->format);
    };
    check(run_with(R"({"commands":[["link","show"],["fdb","show","br","br0"]],"atomic":false,"format":"json"})"));
    check(run_with(R"( { "commands" : [ [ "" , "a b" ] ] , "force" : true , "format":"text" } )") + " \r\n");
    check(run_with(R"({"commands":[]})"));
    check(run_with(R"({"options":["-4"],"script":"link show \"x\\y\"\n\t# z\nfdb show","atomic":true})"));
    check(R"({"params":{"script":""},"id":"x","method":"run","jsonrpc":"2.0"})");
}

TEST_CASE("what is no plain request is left to the other decoder")
{
    Budget unbounded;
    for (const char* params : {R"({"commands":[["a\u0041"]]})", R"({"commands":[[]]})", R"({"commands":[["a"],]})",
                               R"({"commands":[["a"]],"commands":[["a"]]})", R"({"commands":[["a"]],"x":1})",
                               R"({"commands":[["a"]]}})", R"({"commands":[["a"]],"atomic":true,"force":true})",
                               "{\"commands\":[[\"\xc3\xa9\"]]}", R"({"commands":[["a")", R"({})"}) {
        CAPTURE(params);
        CHECK_FALSE(decode_plain(run_with(params), unbounded).has_value());
    }
    CHECK_FALSE(
        decode_plain(R"({"jsonrpc":"2.0","id":01,"method":"run","params":{"commands":[]}})", unbounded).has_value());
    CHECK_FALSE(
        decode_plain(R"({"jsonrpc":"2.0","id":1.5,"method":"run","params":{"commands":[]}})", unbounded).has_value());
    CHECK_FALSE(decode_plain("", unbounded).has_value());
}

TEST_CASE("outputs are one a command, whether they are kept or not")
{
    Outputs outputs;
    CHECK(outputs.empty());
    outputs.push_nothing();
    outputs.push_back("text\n");
    outputs.push_back("");
    outputs.push_back(nullptr);
    CHECK(outputs.size() == 4);
    CHECK(outputs[0] == "");
    CHECK(outputs[1] == "text\n");
    CHECK(outputs[2] == "");
    CHECK(outputs.back().is_null());
    CHECK(outputs.printed().size() == 2);
    outputs.pop_back();
    outputs.pop_back();
    CHECK(outputs == Outputs{"", "text\n"});
}

TEST_CASE("a request does not end with a NUL")
{
    const std::string ping = R"({"jsonrpc":"2.0","id":1,"method":"ping"})";
    CHECK(static_cast<bool>(decode_request(ping)));
    const DecodedRequest longer = decode_request(ping + std::string(3, '\0') + "\n");
    REQUIRE_FALSE(static_cast<bool>(longer));
    CHECK(longer.error().code == RpcCode::kParseError);
}

TEST_CASE("a pong says the version, and nothing else is one")
{
    const auto request = decode_request(R"({"jsonrpc":"2.0","id":1,"method":"ping"})");
    REQUIRE(static_cast<bool>(request));
    CHECK(decode_pong(encode_pong(*request, "1.2.3")).value() == "1.2.3");
    for (const char* other : {"", "[]", "{}", R"({"result":{}})", R"({"result":[]})", R"({"result":{"version":7}})"})
        CHECK_FALSE(decode_pong(other).has_value());
}
