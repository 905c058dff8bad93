// SPDX-License-Identifier: BSD-3-Clause
#include "control/wire/wire.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace vx
{

namespace
{

using Json = nlohmann::ordered_json;

std::string dump(const Json& value)
{
    return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// The common case, a word without anything to escape, costs no Json value: batches have millions of them.
bool is_plain(std::string_view text)
{
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 0x7f && c != '"' && c != '\\'; });
}

void append_plain(std::string& out, std::string_view text)
{
    out += '"';
    out += text;
    out += '"';
}

template <typename Range, typename Append>
void append_array(std::string& out, const Range& range, Append append)
{
    out += '[';
    std::string_view separator = "";
    for (const auto& element : range) {
        out += separator;
        append(element);
        separator = ",";
    }
    out += ']';
}

void append_strings(std::string& out, const CommandWords& strings)
{
    append_array(out, strings, [&](const std::string& text) {
        if (is_plain(text))
            append_plain(out, text);
        else
            out += dump(text);
    });
}

// An output, and with it the memory that it took. Of a list, row by row.
void append_output(std::string& out, Json output, const std::function<void()>& meanwhile)
{
    constexpr std::size_t kRows = 64; // less than a millisecond
    if (!output.is_array()) {
        out += dump(output);
        return;
    }
    out += '[';
    std::size_t count = 0;
    for (Json& row : output) {
        out += count++ == 0 ? "" : ",";
        out += dump(std::exchange(row, nullptr));
        if (count % kRows == 0)
            meanwhile();
    }
    out += ']';
}

void append_outputs(std::string& out, Outputs& outputs, const std::function<void()>& meanwhile)
{
    out += '[';
    std::size_t next = 0;
    const auto append_nothing_until = [&](std::size_t end) {
        for (; next < end; ++next)
            out += next == 0 ? "\"\"" : ",\"\"";
    };
    for (auto& [index, output] : outputs.printed()) {
        append_nothing_until(index);
        out += next++ == 0 ? "" : ",";
        append_output(out, std::move(output), meanwhile);
        if (next % 256 == 0)
            meanwhile();
    }
    append_nothing_until(outputs.size());
    out += ']';
}

// Those of a script: only what was printed.
void append_printed(std::string& out, Outputs& outputs, const std::function<void()>& meanwhile)
{
    out += '[';
    std::size_t count = 0;
    for (auto& [index, output] : outputs.printed()) {
        if (output.is_null())
            continue;
        out += count++ == 0 ? "" : ",";
        append_output(out, std::move(output), meanwhile);
        if (count % 256 == 0)
            meanwhile();
    }
    out += ']';
}

constexpr std::string_view kind_name(Error::Kind kind)
{
    return kind == Error::Kind::kUsage ? "usage" : "refused";
}

// The members of an error's data, or of one of the failures, that say where it was.
std::string place_of(const Failure& failure)
{
    const std::string line = failure.line == 0 ? "" : fmt::format("\"line\":{},", failure.line);
    return fmt::format("\"index\":{},{}\"kind\":\"{}\"", failure.index, line, kind_name(failure.error.kind));
}

Error::Kind kind_from(std::string_view name)
{
    return name == "usage" ? Error::Kind::kUsage : Error::Kind::kRefused;
}

// What a well-formed vxd sends; anything else reads as the default.
template <typename T>
T member(const Json& object, const char* name, T otherwise)
{
    if (!object.is_object())
        return otherwise;
    const auto found = object.find(name);
    if (found == object.end())
        return otherwise;
    if constexpr (std::is_same_v<T, std::string>)
        return found->is_string() ? found->template get<std::string>() : otherwise;
    else
        return found->is_number_unsigned() ? found->template get<T>() : otherwise;
}

void take_outputs(Json& object, Response& response)
{
    if (!object.is_object())
        return;
    if (const auto outputs = object.find("outputs"); outputs != object.end() && outputs->is_array())
        for (Json& output : outputs->get_ref<Json::array_t&>())
            response.outputs.push_back(std::move(output));
    if (const auto warnings = object.find("warnings"); warnings != object.end() && warnings->is_array()) {
        for (const Json& warning : *warnings) {
            if (warning.is_string())
                response.warnings.push_back(warning.get<std::string>());
        }
    }
}

Failure failure_from(const Json& data, std::string message)
{
    return Failure{member<std::size_t>(data, "index", 0),
                   Error{std::move(message), kind_from(member<std::string>(data, "kind", ""))},
                   member<std::size_t>(data, "line", 0)};
}

} // namespace

std::string default_socket_path()
{
    const char* const value = std::getenv(std::string(kSocketPathVariable).c_str());
    return value != nullptr && *value != '\0' ? value : std::string(kDefaultSocketPath);
}

namespace
{

std::string begin_request(const Request& request)
{
    return fmt::format(R"({{"jsonrpc":"2.0","id":{},"method":"{}","params":{{)", dump(request.id),
                       request.method == Method::kStream ? "stream" : "run");
}

Result<std::string> end_request(std::string&& out, const Request& request, std::string_view what)
{
    out += fmt::format(R"(,"atomic":{},"force":{},"format":"{}")", request.on_failure == OnFailure::kUndoAll,
                       request.on_failure == OnFailure::kGoOn, request.format == Format::kJson ? "json" : "text");
    if (request.config != Request::Config::kNone)
        out += fmt::format(R"(,"config":"{}")", kConfigNames.at(static_cast<std::size_t>(request.config) - 1));
    out += "}}\n";
    if (out.size() > kMaxRequestSize)
        return error("{} make a request of {} bytes; vxd takes up to {}", what, out.size(), kMaxRequestSize);
    return std::move(out);
}

} // namespace

Result<std::string> encode_request(const Request& request)
{
    if (request.method == Method::kPing)
        return fmt::format(R"({{"jsonrpc":"2.0","id":{},"method":"ping"}})", dump(request.id)) + '\n';
    std::string out = begin_request(request) + "\"commands\":";
    std::string failure;
    append_array(out, request.commands, [&](CommandView words) {
        append_array(out, words, [&](std::string_view word) {
            if (is_plain(word)) {
                append_plain(out, word);
                return;
            }
            try {
                out += Json(word).dump();
            } catch (const Json::type_error&) {
                failure = fmt::format("\"{}\" is not UTF-8 text", Json::parse(dump(word)).get<std::string>());
            }
        });
    });
    if (!failure.empty())
        return Error{std::move(failure), Error::Kind::kUsage};
    return end_request(std::move(out), request, fmt::format("{} commands", request.commands.size()));
}

bool is_plain_script(std::string_view text)
{
    bool is_plain = true; // no end at the first that is not: this way it is several at a time
    for (const char c : text)
        is_plain &= (c >= ' ' && c < 0x7f) || c == '\n' || c == '\t';
    return is_plain;
}

Result<std::string> encode_request(const Request& request, std::string_view script, const CommandWords& options)
{
    std::string out = begin_request(request) + "\"options\":";
    append_strings(out, options);
    out += ",\"script\":\"";
    out.reserve(out.size() + script.size() + script.size() / 8);
    for (auto at = script.begin(); at != script.end();) {
        const auto end = std::find_if(at, script.end(), [](char c) { return c < ' ' || c == '"' || c == '\\'; });
        out.append(at, end);
        at = end;
        if (at == script.end())
            break;
        out += '\\';
        out += *at == '\n' ? 'n' : *at == '\t' ? 't' : *at;
        ++at;
    }
    out += '"';
    return end_request(std::move(out), request, "the commands");
}

std::string encode_response(const Request& request, Response response, const std::function<void()>& meanwhile)
{
    std::string out = fmt::format(R"({{"jsonrpc":"2.0","id":{},)", dump(request.id));
    const bool is_result = response.failures.empty() || request.on_failure == OnFailure::kGoOn;
    if (is_result) {
        out += "\"result\":{";
    } else {
        const Failure& failure = response.failures.front();
        const auto code = failure.error.kind == Error::Kind::kUsage ? RpcCode::kUsage : RpcCode::kRefused;
        out += fmt::format(R"("error":{{"code":{},"message":{},"data":{{{},)", static_cast<int>(code),
                           dump(failure.error.message), place_of(failure));
    }
    out += "\"outputs\":";
    if (request.lines.empty())
        append_outputs(out, response.outputs, meanwhile);
    else
        append_printed(out, response.outputs, meanwhile);
    out += ",\"warnings\":";
    append_strings(out, response.warnings);
    if (is_result && !response.failures.empty()) {
        out += ",\"failures\":";
        append_array(out, response.failures, [&](const Failure& failure) {
            out += fmt::format(R"({{{},"message":{}}})", place_of(failure), dump(failure.error.message));
        });
    }
    return out + (is_result ? "}}\n" : "}}}\n");
}

std::string encode_pong(const Request& request, std::string_view version)
{
    return fmt::format("{{\"jsonrpc\":\"2.0\",\"id\":{},\"result\":{{\"version\":{}}}}}\n", dump(request.id),
                       dump(Json(version)));
}

std::string encode_error(const RpcError& failure)
{
    const std::string data =
        failure.line == 0 ? "" : fmt::format(R"(,"data":{{"line":{},"kind":"usage"}})", failure.line);
    return fmt::format("{{\"jsonrpc\":\"2.0\",\"id\":{},\"error\":{{\"code\":{},\"message\":{}{}}}}}\n",
                       dump(failure.id), static_cast<int>(failure.code), dump(failure.message), data);
}

Result<Response> decode_response(std::string_view line)
{
    Json answer = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!answer.is_object())
        return error("vxd's answer is not a JSON-RPC response");
    Response response;
    if (const auto result = answer.find("result"); result != answer.end()) {
        take_outputs(*result, response);
        if (const auto failures = result->find("failures"); failures != result->end() && failures->is_array()) {
            for (const Json& failure : *failures)
                response.failures.push_back(failure_from(failure, member<std::string>(failure, "message", "failed")));
        }
        return response;
    }
    const auto failure = answer.find("error");
    if (failure == answer.end())
        return error("vxd's answer is neither a result nor an error");
    std::string message = member<std::string>(*failure, "message", "failed");
    const auto data = failure->find("data");
    if (data == failure->end() || (!data->contains("index") && !data->contains("line")))
        return Error{std::move(message), Error::Kind::kRefused};
    response.failures.push_back(failure_from(*data, std::move(message)));
    take_outputs(*data, response);
    return response;
}

Result<std::string> decode_pong(std::string_view line)
{
    const Json answer = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    const auto result = answer.find("result");
    std::string version = result == answer.end() ? std::string{} : member<std::string>(*result, "version", "");
    if (version.empty())
        return error("vxd's answer does not say its version");
    return version;
}

} // namespace vx
