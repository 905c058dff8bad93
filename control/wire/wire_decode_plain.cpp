// SPDX-License-Identifier: BSD-3-Clause
// The shape that nearly all requests have, read in one pass: words of printable ASCII without escapes, every member
// once, nothing that is wrong. Anything else is left to the event parser of wire_decode.cpp, which knows what to say
// about it.
#include "control/wire/wire_decode.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace vx
{

namespace
{

constexpr auto kIsPlain = [] {
    std::array<bool, 256> is_plain{};
    for (std::size_t c = ' '; c < 0x7f; ++c)
        is_plain[c] = c != '"' && c != '\\';
    return is_plain;
}();

class PlainReader
{
public:
    PlainReader(std::string_view text, Budget& budget)
        : at_(text.data()), end_(text.data() + text.size()), budget_(budget)
    {
    }

    // False: it is not of that shape.
    bool read_request(RequestParts& parts);

private:
    enum Member : std::uint32_t {
        kVersion = 1,
        kId = 2,
        kMethod = 4,
        kParams = 8,
        kCommands = 16,
        kScript = 32,
        kOptions = 64,
        kAtomic = 128,
        kForce = 256,
        kFormat = 512,
        kConfig = 1024,
    };

    void skip_blanks()
    {
        while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r'))
            ++at_;
    }
    bool take(char c)
    {
        skip_blanks();
        if (at_ == end_ || *at_ != c)
            return false;
        ++at_;
        return true;
    }
    bool take(std::string_view literal)
    {
        skip_blanks();
        if (!std::string_view(at_, end_).starts_with(literal))
            return false;
        at_ += literal.size();
        return true;
    }
    bool read_string(std::string_view& to)
    {
        if (!take('"'))
            return false;
        const char* const first = at_;
        while (at_ != end_ && kIsPlain[static_cast<unsigned char>(*at_)])
            ++at_;
        to = {first, at_};
        return at_ != end_ && *at_++ == '"';
    }
    // Items until the bracket that closes them.
    template <typename Item>
    bool read_items(char close, Item read_item)
    {
        if (take(close))
            return true;
        do {
            budget_.step();
            if (!read_item())
                return false;
        } while (take(','));
        return take(close);
    }
    bool read_words(CommandList& to)
    {
        return take('[') && read_items(']', [&] {
                   std::string_view word;
                   if (!read_string(word) || word.size() > kMaxWordSize)
                       return false;
                   to.add_word(word);
                   return true;
               });
    }
    bool read_commands(CommandList& to);
    bool read_script(std::string& to);
    bool read_bool(std::optional<bool>& to)
    {
        if (take("true"))
            to = true;
        else if (take("false"))
            to = false;
        return to.has_value();
    }
    bool read_config(Request::Config& to)
    {
        std::string_view name;
        const auto* const found =
            read_string(name) ? std::find(kConfigNames.begin(), kConfigNames.end(), name) : kConfigNames.end();
        to = static_cast<Request::Config>(found - kConfigNames.begin() + 1);
        return found != kConfigNames.end();
    }
    bool read_id(nlohmann::ordered_json& to);
    bool read_member(RequestParts& parts);
    bool read_param(RequestParts& parts);
    // A member's name; false if it came before.
    bool note(Member member)
    {
        const bool is_new = (seen_ & member) == 0;
        seen_ |= member;
        return is_new;
    }

    const char* at_;
    const char* end_;
    Budget& budget_;
    std::uint32_t seen_ = 0;
};

bool PlainReader::read_commands(CommandList& to)
{
    // About what a batch of FDB entries takes; what is not used costs nothing.
    constexpr std::size_t kUsualWord = 8;
    constexpr std::size_t kUsualCommand = 48;
    const auto size = static_cast<std::size_t>(end_ - at_);
    to.reserve(size, size / kUsualWord, size / kUsualCommand);
    return take('[') && read_items(']', [&] {
               if (!read_words(to) || to.open_words() == 0)
                   return false;
               to.end_command();
               return true;
           });
}

bool PlainReader::read_script(std::string& to)
{
    if (!take('"'))
        return false;
    to.reserve(static_cast<std::size_t>(end_ - at_));
    for (;; budget_.step()) { // a line, in most cases
        const char* const first = at_;
        while (at_ != end_ && kIsPlain[static_cast<unsigned char>(*at_)])
            ++at_;
        to.append(first, at_);
        if (end_ - at_ < 2)
            return false;
        if (*at_ == '"') {
            ++at_;
            return true;
        }
        if (*at_ != '\\')
            return false;
        switch (at_[1]) {
        case 'n':
            to += '\n';
            break;
        case 't':
            to += '\t';
            break;
        case '"':
        case '\\':
            to += at_[1];
            break;
        default:
            return false;
        }
        at_ += 2;
    }
}

bool PlainReader::read_id(nlohmann::ordered_json& to)
{
    std::string_view text;
    if (at_ != end_ && *at_ == '"') {
        if (!read_string(text))
            return false;
        to = text;
        return true;
    }
    std::uint64_t number = 0;
    const auto [end, status] = std::from_chars(at_, end_, number);
    if (status != std::errc{} || (*at_ == '0' && end != at_ + 1) || end == end_)
        return false;
    at_ = end;
    to = number;
    return *at_ != '.' && *at_ != 'e' && *at_ != 'E';
}

bool PlainReader::read_param(RequestParts& parts)
{
    std::string_view name;
    if (!read_string(name) || !take(':'))
        return false;
    if (name == "commands")
        return note(kCommands) && read_commands(parts.request.commands);
    if (name == "script")
        return note(kScript) && read_script(parts.script.emplace());
    if (name == "options")
        return note(kOptions) && read_words(parts.options.emplace());
    if (name == "atomic")
        return note(kAtomic) && read_bool(parts.atomic);
    if (name == "force")
        return note(kForce) && read_bool(parts.force);
    if (name == "config")
        return note(kConfig) && read_config(parts.request.config);
    std::string_view format;
    if (name != "format" || !note(kFormat) || !read_string(format) || (format != "text" && format != "json"))
        return false;
    parts.request.format = format == "json" ? Format::kJson : Format::kText;
    return true;
}

bool PlainReader::read_member(RequestParts& parts)
{
    std::string_view name, value;
    if (!read_string(name) || !take(':'))
        return false;
    skip_blanks();
    if (name == "jsonrpc")
        return note(kVersion) && read_string(value) && value == "2.0";
    if (name == "id")
        return note(kId) && read_id(parts.request.id);
    if (name == "method")
        return note(kMethod) && read_string(value) && value == "run";
    return name == "params" && note(kParams) && take('{') && read_items('}', [&] { return read_param(parts); });
}

bool PlainReader::read_request(RequestParts& parts)
{
    constexpr std::uint32_t kNeeded = kVersion | kId | kMethod | kParams;
    if (!take('{') || !read_items('}', [&] { return read_member(parts); }))
        return false;
    skip_blanks();
    const bool is_script = (seen_ & kScript) != 0;
    return at_ == end_ && (seen_ & kNeeded) == kNeeded && is_script == ((seen_ & kCommands) == 0) &&
           (is_script || (seen_ & kOptions) == 0) &&
           ((seen_ & kConfig) == 0 || (parts.atomic.value_or(true) && !parts.force.value_or(false))) &&
           !(parts.atomic.value_or(false) && parts.force.value_or(false));
}

} // namespace

std::optional<RequestParts> decode_plain(std::string_view line, Budget& budget)
{
    RequestParts parts;
    if (!PlainReader(line, budget).read_request(parts))
        return std::nullopt;
    return parts;
}

} // namespace vx
