// SPDX-License-Identifier: BSD-3-Clause
// LineScanner: where a line of JSON ends, and whether it can become a request at all.
#include "control/wire/wire.h"

#include <algorithm>
#include <array>

namespace vx
{

namespace
{

// What ends a run of bytes inside a string.
constexpr auto kStops = [] {
    std::array<bool, 256> stops{};
    stops['"'] = stops['\\'] = stops['\n'] = true;
    return stops;
}();

} // namespace

LineScanner::State LineScanner::refuse(const char* why)
{
    refusal_ = why;
    return State::kRefused;
}

// Bytes of a string up to one that means something.
std::size_t LineScanner::skip_text(std::string_view bytes)
{
    const auto end =
        std::find_if(bytes.begin(), bytes.end(), [](char c) { return kStops[static_cast<unsigned char>(c)]; });
    const auto count = static_cast<std::size_t>(end - bytes.begin());
    run_ += count;
    size_ += count;
    return count;
}

LineScanner::State LineScanner::scan(std::string_view bytes, std::size_t& used)
{
    for (used = 0; used < bytes.size();) {
        if (in_string_ && !escaped_) {
            used += skip_text(bytes.substr(used));
            if (is_too_long())
                return refuse(is_over_size() ? "the request is too long" : "a word is too long");
            if (used == bytes.size())
                return State::kMore;
        }
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
        ++size_;
        if (is_over_size())
            return refuse("the request is too long");
        if (in_string_) {
            if (!escaped_ && c == '"') {
                in_string_ = false;
                run_ = 0;
                continue;
            }
            escaped_ = !escaped_ && c == '\\';
            ++run_;
            if (is_too_long())
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

} // namespace vx
