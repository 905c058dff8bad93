// SPDX-License-Identifier: BSD-3-Clause
#include "control/wire.h"

#include <algorithm>
#include <cstdlib>

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

void append_strings(std::string& out, const std::vector<std::string>& strings)
{
    append_array(out, strings, [&](const std::string& text) {
        if (is_plain(text))
            append_plain(out, text);
        else
            out += dump(text);
    });
}

void append_outputs(std::string& out, const std::vector<Json>& outputs)
{
    append_array(out, outputs, [&](const Json& output) {
        const auto* text = output.get_ptr<const Json::string_t*>();
        if (text != nullptr && is_plain(*text))
            append_plain(out, *text); // most commands print nothing
        else
            out += dump(output);
    });
}

constexpr std::string_view kind_name(Error::Kind kind)
{
    return kind == Error::Kind::kUsage ? "usage" : "refused";
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
        response.outputs = std::move(outputs->get_ref<Json::array_t&>());
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
                   Error{std::move(message), kind_from(member<std::string>(data, "kind", ""))}};
}

} // namespace

std::string default_socket_path()
{
    const char* const value = std::getenv(std::string(kSocketPathVariable).c_str());
    return value != nullptr && *value != '\0' ? value : std::string(kDefaultSocketPath);
}

Result<std::string> encode_request(const Request& request)
{
    std::string out = fmt::format(R"({{"jsonrpc":"2.0","id":{},)", dump(request.id));
    if (request.method == Method::kPing)
        return out + "\"method\":\"ping\"}\n";
    out += R"("method":"run","params":{"commands":)";
    std::string failure;
    append_array(out, request.commands, [&](const CommandWords& words) {
        append_array(out, words, [&](const std::string& word) {
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
    out += fmt::format(R"(,"atomic":{},"force":{},"format":"{}"}}}})", request.on_failure == OnFailure::kUndoAll,
                       request.on_failure == OnFailure::kGoOn, request.format == Format::kJson ? "json" : "text");
    out += '\n';
    if (out.size() > kMaxRequestSize)
        return error("{} commands make a request of {} bytes; vxd takes up to {}", request.commands.size(), out.size(),
                     kMaxRequestSize);
    return out;
}

std::string encode_response(const Request& request, const Response& response)
{
    std::string out = fmt::format(R"({{"jsonrpc":"2.0","id":{},)", dump(request.id));
    const bool is_result = response.failures.empty() || request.on_failure == OnFailure::kGoOn;
    if (is_result) {
        out += "\"result\":{";
    } else {
        const Failure& failure = response.failures.front();
        const auto code = failure.error.kind == Error::Kind::kUsage ? RpcCode::kUsage : RpcCode::kRefused;
        out +=
            fmt::format(R"("error":{{"code":{},"message":{},"data":{{"index":{},"kind":"{}",)", static_cast<int>(code),
                        dump(failure.error.message), failure.index, kind_name(failure.error.kind));
    }
    out += "\"outputs\":";
    append_outputs(out, response.outputs);
    out += ",\"warnings\":";
    append_strings(out, response.warnings);
    if (is_result && !response.failures.empty()) {
        out += ",\"failures\":";
        append_array(out, response.failures, [&](const Failure& failure) {
            out += fmt::format(R"({{"index":{},"kind":"{}","message":{}}})", failure.index,
                               kind_name(failure.error.kind), dump(failure.error.message));
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
    return fmt::format("{{\"jsonrpc\":\"2.0\",\"id\":{},\"error\":{{\"code\":{},\"message\":{}}}}}\n", dump(failure.id),
                       static_cast<int>(failure.code), dump(failure.message));
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
    if (data == failure->end() || !data->contains("index"))
        return Error{std::move(message), Error::Kind::kRefused};
    response.failures.push_back(failure_from(*data, std::move(message)));
    take_outputs(*data, response);
    return response;
}

LineScanner::State LineScanner::refuse(const char* why)
{
    refusal_ = why;
    return State::kRefused;
}

LineScanner::State LineScanner::scan(std::string_view bytes, std::size_t& used)
{
    for (used = 0; used < bytes.size();) {
        const char c = bytes[used++];
        if (size_ == 0) {
            if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
                continue;
            if (c != '{')
                return refuse("a request starts with '{'");
        }
        if (c == '\n') {
            reset();
            return State::kLine;
        }
        if (++size_ > kMaxRequestSize)
            return refuse("the request is too long");
        if (in_string_) {
            if (!escaped_ && c == '"') {
                in_string_ = false;
                run_ = 0;
                continue;
            }
            escaped_ = !escaped_ && c == '\\';
            // An escape is up to 6 bytes for one.
            if (++run_ > 6 * kMaxWordSize)
                return refuse("a word is too long");
            continue;
        }
        switch (c) {
        case '"':
            in_string_ = true;
            run_ = 0;
            break;
        case '{':
        case '[':
            if (++depth_ > kMaxDepth)
                return refuse("brackets are nested too deep");
            run_ = 0;
            break;
        case '}':
        case ']':
            if (depth_-- == 0)
                return refuse("there are more closing than opening brackets");
            run_ = 0;
            break;
        case ' ':
        case '\t':
        case '\r':
        case ',':
        case ':':
            run_ = 0;
            break;
        default: // of true, false, null or a number
            if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '+' && c != '.' && c != 'E')
                return refuse("this is not JSON");
            if (++run_ > 32)
                return refuse("this is not JSON");
        }
    }
    return State::kMore;
}

Result<CommandWords> split_words(std::string_view line)
{
    constexpr std::string_view kBlanks = " \t\r\n\v\f";
    if (const std::size_t nul = line.find('\0'); nul != line.npos)
        return usage_error("byte {} is a NUL; this is not a text of commands", nul + 1);
    CommandWords words;
    words.reserve(8);
    std::size_t at = 0;
    while ((at = line.find_first_not_of(kBlanks, at)) != line.npos && line[at] != '#') {
        std::string word;
        const std::size_t plain_end = std::min(line.find_first_of(" \t\r\n\v\f\"'", at), line.size());
        word.assign(line, at, plain_end - at);
        for (at = plain_end; at < line.size() && kBlanks.find(line[at]) == kBlanks.npos; ++at) {
            const char quote = line[at];
            if (quote != '"' && quote != '\'') {
                word += quote;
                continue;
            }
            const std::size_t start = at++;
            for (; at < line.size() && line[at] != quote; ++at) {
                if (line[at] == '\\' && quote == '"' && at + 1 < line.size())
                    ++at;
                word += line[at];
            }
            if (at >= line.size())
                return usage_error("the quote at column {} is not closed", start + 1);
        }
        words.push_back(std::move(word));
    }
    return words;
}

Error at_line(std::string_view name, std::size_t line, Error failure)
{
    failure.message = fmt::format("{}:{}: {}", name, line, failure.message);
    return failure;
}

namespace
{

// Whether a line ends with a backslash that is not in a comment.
bool is_continued(std::string_view line)
{
    if (!line.ends_with('\\'))
        return false;
    const auto with_it = split_words(line);
    line.remove_suffix(1);
    const auto without = split_words(line);
    return !with_it || !without || *with_it != *without;
}

} // namespace

Result<Script> parse_script(std::string_view text, std::string_view name)
{
    Script script;
    std::size_t number = 0;
    std::string line; // with those that it goes on in
    for (std::size_t count = 1; !text.empty(); number += count, count = 1) {
        const auto take_line = [&] {
            const std::size_t end = std::min(text.find('\n'), text.size());
            line += text.substr(0, end);
            text.remove_prefix(std::min(end + 1, text.size()));
        };
        line.clear();
        take_line();
        for (; is_continued(line); ++count) {
            line.pop_back();
            take_line();
        }
        auto words = split_words(line);
        if (!words)
            return at_line(name, number + 1, std::move(words).error());
        if (words->empty())
            continue;
        script.commands.push_back(*std::move(words));
        script.lines.push_back(number + 1);
    }
    return script;
}

} // namespace vx
