// SPDX-License-Identifier: BSD-3-Clause
// decode_request(): an event parser straight into a Request, for what decode_plain() left. No tree is built, so neither
// a million commands nor a million brackets cost more than the words that they hold.
#include "control/wire/wire_decode.h"

#include <algorithm>
#include <array>
#include <optional>

namespace vx
{

namespace
{

using Json = nlohmann::ordered_json;

// Where in a request a value stands.
enum class Place : std::uint8_t {
    kRequest,
    kVersion,
    kId,
    kMethod,
    kParams,
    kCommands,
    kCommand,
    kWord,
    kScript,
    kOptions,
    kOption,
    kAtomic,
    kForce,
    kFormat,
    kConfig,
    kIgnored,
};

struct Member {
    Place object;
    std::string_view name;
    Place place;
};

constexpr std::array kMembers = {
    Member{Place::kRequest, "jsonrpc", Place::kVersion},  Member{Place::kRequest, "id", Place::kId},
    Member{Place::kRequest, "method", Place::kMethod},    Member{Place::kRequest, "params", Place::kParams},
    Member{Place::kParams, "commands", Place::kCommands}, Member{Place::kParams, "script", Place::kScript},
    Member{Place::kParams, "options", Place::kOptions},   Member{Place::kParams, "atomic", Place::kAtomic},
    Member{Place::kParams, "force", Place::kForce},       Member{Place::kParams, "format", Place::kFormat},
    Member{Place::kParams, "config", Place::kConfig},
};

constexpr std::string_view expected(Place place)
{
    switch (place) {
    case Place::kVersion:
        return "expected \"2.0\"";
    case Place::kId:
        return "expected a string or an integer";
    case Place::kRequest:
    case Place::kParams:
        return "expected an object";
    case Place::kCommands:
    case Place::kCommand:
    case Place::kOptions:
        return "expected an array";
    case Place::kAtomic:
    case Place::kForce:
        return "expected true or false";
    case Place::kFormat:
        return "expected \"text\" or \"json\"";
    case Place::kConfig:
        return "expected \"diff\", \"dry-run\" or \"apply\"";
    case Place::kMethod:
    case Place::kWord:
    case Place::kScript:
    case Place::kOption:
    case Place::kIgnored:
        break;
    }
    return "expected a string";
}

// What a request without a failure comes to. Its script may have one still.
DecodedRequest put_together(RequestParts parts, Budget& budget)
{
    Request& request = parts.request;
    if (parts.force.value_or(false))
        request.on_failure = OnFailure::kGoOn;
    else
        request.on_failure = parts.atomic.value_or(true) ? OnFailure::kUndoAll : OnFailure::kStop;
    if (!parts.script)
        return std::move(request);
    CommandList options = parts.options ? *std::move(parts.options) : CommandList{};
    options.end_command();
    auto first = options.begin();
    Script script = read_script(*parts.script, *first, budget);
    if (script.failure)
        return RpcError{RpcCode::kUsage, std::move(script.failure->error.message), std::move(request.id),
                        script.failure->line};
    request.commands = std::move(script.commands);
    request.lines = std::move(script.lines);
    return std::move(request);
}

class Decoder : public nlohmann::json_sax<Json>
{
public:
    explicit Decoder(Budget& budget) : budget_(budget) {}
    bool null() override { return wrong(); }
    bool number_float(number_float_t, const string_t&) override { return wrong(); }
    bool binary(binary_t&) override { return wrong(); }
    bool number_integer(number_integer_t value) override { return number(Json(value)); }
    bool number_unsigned(number_unsigned_t value) override { return number(Json(value)); }
    bool boolean(bool value) override
    {
        switch (place()) {
        case Place::kAtomic:
            parts_.atomic = value;
            return true;
        case Place::kForce:
            parts_.force = value;
            return true;
        default:
            return wrong();
        }
    }
    bool string(string_t& value) override;
    bool start_object(std::size_t) override { return open(place() == Place::kRequest || place() == Place::kParams); }
    bool start_array(std::size_t) override
    {
        const Place here = place();
        if (here == Place::kOptions)
            parts_.options.emplace();
        return open(here == Place::kCommands || here == Place::kCommand || here == Place::kOptions);
    }
    bool key(string_t& name) override;
    bool end_object() override { return close(); }
    bool end_array() override
    {
        CommandList& commands = parts_.request.commands;
        if (open_.back() == Place::kCommand) {
            if (commands.open_words() == 0)
                fail(RpcCode::kInvalidParams,
                     fmt::format("params.commands[{}]: expected at least one word", commands.size()));
            commands.end_command();
        }
        return close();
    }
    bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& exception) override
    {
        // "[json.exception.parse_error.101] parse error at line 1, column 3: ...", with the last token in it.
        constexpr std::size_t kLongest = 200;
        std::string_view text = exception.what();
        text.remove_prefix(std::min(text.size(), text.find("] ") == text.npos ? 0 : text.find("] ") + 2));
        failure_ = RpcError{RpcCode::kParseError, std::string(text.substr(0, kLongest)), {}};
        return false;
    }

    DecodedRequest finish(bool is_parsed) &&;

private:
    Place place() const; // of the value that comes next
    std::string path() const;
    bool number(Json value)
    {
        if (place() != Place::kId)
            return wrong();
        parts_.request.id = std::move(value);
        return true;
    }
    bool word(std::string_view value, CommandList& to);
    bool open(bool is_expected)
    {
        budget_.step();
        if (open_.size() >= kMaxDepth) {
            failure_ = RpcError{RpcCode::kLimit, fmt::format("brackets are nested more than {} deep", kMaxDepth), {}};
            return false;
        }
        const Place here = place();
        if (!is_expected)
            wrong();
        open_.push_back(is_expected ? here : Place::kIgnored);
        return true;
    }
    bool close()
    {
        open_.pop_back();
        if (!open_.empty() && open_.back() == Place::kRequest)
            member_ = Place::kIgnored;
        return true;
    }
    // The first failure stands; the rest is read on for the id that the answer has to carry.
    bool wrong()
    {
        if (const Place here = place(); here != Place::kIgnored)
            fail(open_.size() < 2 && here != Place::kParams ? RpcCode::kInvalidRequest : RpcCode::kInvalidParams,
                 fmt::format("{}: {}", path(), expected(here)));
        return true;
    }
    void fail(RpcCode code, std::string message)
    {
        if (!failure_)
            failure_ = RpcError{code, std::move(message), {}};
    }

    Budget& budget_;
    RequestParts parts_;
    std::vector<Place> open_;        // brackets
    Place member_ = Place::kIgnored; // whose value comes next in an object
    std::uint32_t seen_ = 0;         // members, a bit each
    std::optional<RpcError> failure_;
};

Place Decoder::place() const
{
    if (open_.empty())
        return Place::kRequest;
    switch (open_.back()) {
    case Place::kCommands:
        return Place::kCommand;
    case Place::kCommand:
        return Place::kWord;
    case Place::kOptions:
        return Place::kOption;
    case Place::kRequest:
    case Place::kParams:
        return member_;
    default:
        return Place::kIgnored;
    }
}

std::string Decoder::path() const
{
    switch (const Place here = place(); here) {
    case Place::kRequest:
        return "request";
    case Place::kCommand:
        return fmt::format("params.commands[{}]", parts_.request.commands.size());
    case Place::kWord:
        return fmt::format("params.commands[{}][{}]", parts_.request.commands.size(),
                           parts_.request.commands.open_words());
    case Place::kOption:
        return fmt::format("params.options[{}]", parts_.options->open_words());
    default:
        for (const Member& member : kMembers) {
            if (member.place == here)
                return fmt::format("{}{}", member.object == Place::kParams ? "params." : "", member.name);
        }
        return "request";
    }
}

bool Decoder::key(string_t& name)
{
    const Place object = open_.back();
    member_ = Place::kIgnored;
    if (object == Place::kIgnored)
        return true;
    const std::string path = fmt::format("{}{}", object == Place::kParams ? "params." : "", name.substr(0, 64));
    const RpcCode code = object == Place::kParams ? RpcCode::kInvalidParams : RpcCode::kInvalidRequest;
    const auto* const found = std::find_if(kMembers.begin(), kMembers.end(), [&](const Member& member) {
        return member.object == object && member.name == name;
    });
    if (found == kMembers.end()) {
        fail(code, fmt::format("{}: there is no such member", path));
        return true;
    }
    const auto bit = std::uint32_t{1} << (found - kMembers.begin());
    if ((seen_ & bit) != 0)
        fail(code, fmt::format("{}: comes twice", path));
    else
        member_ = found->place; // a repeated one is not read
    seen_ |= bit;
    return true;
}

bool Decoder::string(string_t& value)
{
    budget_.step();
    switch (place()) {
    case Place::kVersion:
        return value == "2.0" ? true : wrong();
    case Place::kId:
        parts_.request.id = value;
        return true;
    case Place::kMethod:
        if (value == "run")
            parts_.request.method = Method::kRun;
        else if (value == "stream")
            parts_.request.method = Method::kStream;
        else if (value == "ping")
            parts_.request.method = Method::kPing;
        else
            fail(RpcCode::kMethodNotFound,
                 fmt::format("method: there is no \"{}\"; expected \"run\", \"stream\" or \"ping\"",
                             value.substr(0, 64)));
        return true;
    case Place::kFormat:
        if (value != "text" && value != "json")
            return wrong();
        parts_.request.format = value == "json" ? Format::kJson : Format::kText;
        return true;
    case Place::kConfig: {
        const auto* const found = std::find(kConfigNames.begin(), kConfigNames.end(), value);
        if (found == kConfigNames.end())
            return wrong();
        parts_.request.config = static_cast<Request::Config>(found - kConfigNames.begin() + 1);
        return true;
    }
    case Place::kScript:
        parts_.script = std::move(value);
        return true;
    case Place::kWord:
        return word(value, parts_.request.commands);
    case Place::kOption:
        return word(value, *parts_.options);
    default:
        return wrong();
    }
}

bool Decoder::word(std::string_view value, CommandList& to)
{
    if (value.size() > kMaxWordSize)
        fail(RpcCode::kInvalidParams, fmt::format("{}: longer than {} bytes", path(), kMaxWordSize));
    else if (value.find('\0') != value.npos)
        fail(RpcCode::kInvalidParams, fmt::format("{}: contains a NUL", path()));
    to.add_word(value);
    return true;
}

DecodedRequest Decoder::finish(bool is_parsed) &&
{
    Request& request = parts_.request;
    if (!is_parsed && !failure_)
        fail(RpcCode::kParseError, "not a JSON text");
    if (is_parsed) {
        const auto has = [&](Place place) {
            const auto* const found = std::find_if(kMembers.begin(), kMembers.end(),
                                                   [&](const Member& member) { return member.place == place; });
            return (seen_ & (std::uint32_t{1} << (found - kMembers.begin()))) != 0;
        };
        for (const Place place : {Place::kVersion, Place::kId, Place::kMethod}) {
            if (!has(place))
                fail(RpcCode::kInvalidRequest,
                     fmt::format("{}: is missing",
                                 std::find_if(kMembers.begin(), kMembers.end(), [&](const Member& member) {
                                     return member.place == place;
                                 })->name));
        }
        if (request.method != Method::kPing && !has(Place::kCommands) && !has(Place::kScript))
            fail(RpcCode::kInvalidParams, "params.commands: is missing");
        if (has(Place::kCommands) && has(Place::kScript))
            fail(RpcCode::kInvalidParams, "params.script: only where there are no params.commands");
        if (has(Place::kOptions) && !has(Place::kScript))
            fail(RpcCode::kInvalidParams, "params.options: only where there is a params.script");
        if (parts_.atomic.value_or(false) && parts_.force.value_or(false))
            fail(RpcCode::kInvalidParams, "params.force: only where params.atomic is false");
        if (has(Place::kConfig) && (parts_.force.value_or(false) || !parts_.atomic.value_or(true)))
            fail(RpcCode::kInvalidParams, "params.config: only where params.atomic is true");
    }
    if (failure_) {
        failure_->id = std::move(request.id);
        return std::move(*failure_);
    }
    return put_together(std::move(parts_), budget_);
}

} // namespace

DecodedRequest decode_request(std::string_view line)
{
    Budget unbounded;
    return decode_request(line, unbounded);
}

DecodedRequest decode_request(std::string_view line, Budget& budget)
{
    if (auto parts = decode_plain(line, budget))
        return put_together(*std::move(parts), budget);
    return decode_by_events(line, budget);
}

DecodedRequest decode_by_events(std::string_view line, Budget& budget)
{
    Decoder decoder{budget};
    // To nlohmann-json a NUL ends the text, whatever follows.
    const bool is_parsed = line.find('\0') == line.npos && Json::sax_parse(line, &decoder);
    return std::move(decoder).finish(is_parsed);
}

} // namespace vx
