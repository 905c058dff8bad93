// SPDX-License-Identifier: BSD-3-Clause
// The control protocol, from bytes on the socket to the published config and back: LineScanner, decode_request(),
// Controller::run() with the real command tables, encode_response(), decode_response(). An input is one byte and the
// stream, which comes in chunks of its size; if its lowest bit is set, the stream is a script as `vxctl -batch` reads
// it, one transaction.
//
// The data plane is real, has no workers and only ports of type null. Commands that name another type of port touch
// the machine; they are parsed and not carried out.
#include "control/commands/link.h"
#include "control/wire/wire_decode.h"
#include "tests/fuzz/daemon.h"
#include "tests/fuzz/target.h"

#include <algorithm>
#include <string>
#include <vector>

namespace vx::fuzz
{

namespace
{

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxCommands = 64; // of a request; each may open a port

Daemon& daemon()
{
    static Daemon the_one;
    return the_one;
}

// ---- requests --------------------------------------------------------------------------------------------------

bool touches_the_machine(CommandView words)
{
    return std::any_of(words.begin(), words.end(),
                       [](std::string_view word) { return word != "null" && find_port_kind(word) != nullptr; });
}

// Takes those commands out of the request.
void only_parse_what_touches_the_machine(Request& request)
{
    CommandList commands;
    std::vector<std::uint32_t> lines;
    std::size_t index = 0;
    for (const CommandView words : request.commands) {
        const std::size_t at = index++;
        if (touches_the_machine(words)) {
            Words cursor{words, std::min<std::size_t>(2, words.size()), "link", "add", "NAME type TYPE"};
            if (const auto parsed = parse_link_add(cursor); !parsed)
                require(!parsed.error().message.empty(), "an error says something");
        } else if (commands.size() < kMaxCommands) {
            commands.add(words);
            if (!request.lines.empty())
                lines.push_back(request.lines[at]);
        }
    }
    request.commands = std::move(commands);
    request.lines = std::move(lines);
}

bool is_one_line(std::string_view text)
{
    return text.find('\n') == text.size() - 1;
}

// Text that is not UTF-8 is replaced on its way, once.
std::string printed(const Json& value)
{
    return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// What a script's outputs are on their way: those that are not empty.
std::string printed_of_script(const Outputs& outputs)
{
    Json all = Json::array();
    for (const auto& [index, output] : outputs.printed())
        if (!output.is_null())
            all.push_back(output);
    return printed(all);
}

std::string printed(const Outputs& outputs)
{
    Json all = Json::array();
    for (std::size_t i = 0; i < outputs.size(); ++i)
        all.push_back(outputs[i]);
    return printed(all);
}

void check_response(const Request& request, const Response& response)
{
    const std::string line = encode_response(request, response);
    require(is_one_line(line), "a response is one line");
    const auto decoded = decode_response(line);
    require(decoded.has_value(), "a response can be decoded");
    if (request.lines.empty())
        require(printed(decoded->outputs) == printed(response.outputs), "the outputs arrive");
    else
        require(printed_of_script(decoded->outputs) == printed_of_script(response.outputs), "what was printed arrives");
    require(printed(decoded->warnings) == printed(response.warnings), "the warnings arrive");
    require(decoded->failures.size() == response.failures.size(), "the failures arrive");
    for (std::size_t i = 0; i < response.failures.size(); ++i) {
        const Failure &sent = response.failures[i], &received = decoded->failures[i];
        require(!sent.error.message.empty(), "an error says something");
        require(received.index == sent.index && received.error.kind == sent.error.kind && received.line == sent.line,
                "a failure arrives");
        require(printed(received.error.message) == printed(sent.error.message), "an error's message arrives");
    }
}

void carry_out(Request request)
{
    only_parse_what_touches_the_machine(request);
    const std::string before = daemon().shown();
    const Response response = daemon().run(request);
    const std::string after = daemon().shown();
    require(request.on_failure == OnFailure::kGoOn || response.failures.size() <= 1, "the first failure ends the list");
    if (!response.failures.empty() && request.on_failure == OnFailure::kUndoAll)
        require(after == before, "a refused transaction changes nothing");
    check_response(request, response);
}

void check_round_trip(const Request& request)
{
    const auto line = encode_request(request);
    require(line.has_value() && is_one_line(*line), "what was decoded can be encoded");
    const DecodedRequest again = decode_request(*line);
    require(static_cast<bool>(again), "what was encoded can be decoded");
    require(again->id == request.id && again->method == request.method, "the request is the same");
    if (request.method == Method::kRun)
        require(again->commands == request.commands && again->on_failure == request.on_failure &&
                    again->format == request.format,
                "the params are the same");
}

// ---- the stream ------------------------------------------------------------------------------------------------

struct Line {
    std::string text;    // with its '\n', if it came
    std::string refusal; // "": the scanner let it pass
    bool is_complete = false;
    friend bool operator==(const Line&, const Line&) = default;
};

// As SocketServer does it: a refused line is skipped to its end.
std::vector<Line> scan(std::string_view stream, std::size_t chunk)
{
    std::vector<Line> lines;
    LineScanner scanner;
    Line line;
    std::size_t at = 0;
    while (at < stream.size()) {
        std::size_t used = 0;
        const std::string bytes{stream.substr(at, chunk)}; // its own, for AddressSanitizer
        const auto state = scanner.scan(bytes, used);
        require(used > 0 && used <= bytes.size(), "the scanner goes on, and not too far");
        line.text.append(bytes, 0, used);
        at += used;
        if (state == LineScanner::State::kMore) {
            require(used == bytes.size(), "the scanner wants more when it has seen all");
            continue;
        }
        if (state == LineScanner::State::kRefused) {
            line.refusal = scanner.refusal();
            require(!line.refusal.empty(), "a refusal says why");
            const std::size_t end = std::min(stream.find('\n', at), stream.size() - 1) + 1;
            line.text += stream.substr(at, end - at);
            at = end;
            scanner.reset();
        }
        require(scanner.at_start(), "the next line starts anew");
        line.is_complete = true;
        lines.push_back(std::move(line));
        line = {};
    }
    lines.push_back(std::move(line));
    return lines;
}

// The decoder of the common shape and that of every shape.
void check_decoders(std::string_view line, const DecodedRequest& request)
{
    Budget unbounded;
    const DecodedRequest other = decode_by_events(line, unbounded);
    require(static_cast<bool>(request) == static_cast<bool>(other), "the decoders agree on what is right");
    if (!request)
        return require(request.error().message == other.error().message && request.error().id == other.error().id &&
                           request.error().code == other.error().code && request.error().line == other.error().line,
                       "the decoders agree on what is wrong");
    require(request->id == other->id && request->method == other->method && request->commands == other->commands &&
                request->lines == other->lines && request->on_failure == other->on_failure &&
                request->format == other->format,
            "the decoders agree on what is asked for");
}

void answer(const Line& line)
{
    const DecodedRequest request = decode_request(line.text);
    check_decoders(line.text, request);
    if (!request) {
        const std::string reply = encode_error(request.error());
        // A script that cannot be split has failed in one of its lines, and that is a response.
        require(is_one_line(reply) && decode_response(reply).has_value() == (request.error().line != 0),
                "an error is one line, and no response");
        return;
    }
    require(line.refusal.empty(), "what the scanner refuses is no request");
    check_round_trip(*request);
    if (request->method == Method::kPing)
        require(is_one_line(encode_pong(*request, "1")), "a pong is one line");
    else
        carry_out(*request);
}

void run_stream(std::string_view stream, std::size_t chunk)
{
    const std::vector<Line> lines = scan(stream, stream.size());
    require(lines == scan(stream, chunk), "chunks make no difference");
    for (const Line& line : lines) {
        if (const auto response = decode_response(line.text); !response) // vxctl's side
            require(!response.error().message.empty(), "an error says something");
        if (line.is_complete)
            answer(line);
    }
}

void run_script(std::string_view text)
{
    auto script = parse_script(text, "script");
    if (!script)
        return require(script.error().message.starts_with("script:"), "an error names the file");
    require(script->lines.size() == script->commands.size(), "every command has a line");
    Request request;
    request.commands = std::move(script->commands);
    carry_out(std::move(request));
}

} // namespace

void control_protocol(Input input)
{
    if (input.empty())
        return;
    const std::string stream{input.begin() + 1, input.end()};
    if ((input[0] & 1) != 0)
        run_script(stream);
    else
        run_stream(stream, std::size_t{1} + input[0] / 2);
    daemon().turn();
    daemon().remove_everything();
}

} // namespace vx::fuzz
