// SPDX-License-Identifier: BSD-3-Clause
// What follows "top" on the command line.
#include "tools/vxctl/top/top.h"

#include <charconv>
#include <system_error>

namespace vx::top
{

namespace
{

constexpr double kShortest = 0.1; // seconds; rates of less are noise
constexpr double kLongest = 3600;

template <typename Number>
Result<Number> number(std::string_view option, const std::string& text, Number least, Number most)
{
    Number value{};
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool is_within = value >= least && value <= most; // NaN is not
    if (failure != std::errc{} || end != text.data() + text.size() || !is_within)
        return usage_error("top: option \"{}\": \"{}\" is not a number from {} to {}", option, text, least, most);
    return value;
}

} // namespace

Result<Invocation> parse(const CommandWords& words, Output output)
{
    Invocation invocation;
    invocation.output = output == Output::kText ? Output::kScreen : output;
    for (std::size_t at = 1; at < words.size(); ++at) {
        const std::string& word = words[at];
        if (word == "-b") {
            if (invocation.output == Output::kScreen)
                invocation.output = Output::kText;
            continue;
        }
        if (word == "-v") {
            invocation.wanted = Wanted::kWithVteps;
            continue;
        }
        if (word != "-d" && word != "-n")
            return usage_error(
                "top: \"{}\" is not expected (word {}; usage: top [ -d SECONDS ] [ -n COUNT ] [ -v ] [ -b ])", word,
                at + 1);
        if (++at >= words.size())
            return usage_error("top: option \"{}\" needs a value", word);
        if (word == "-d") {
            const auto seconds = number(word, words[at], kShortest, kLongest);
            if (!seconds)
                return seconds.error();
            invocation.interval = std::chrono::milliseconds(static_cast<std::int64_t>(*seconds * 1000));
        } else {
            const auto count = number(word, words[at], std::uint64_t{1}, std::uint64_t{1'000'000'000});
            if (!count)
                return count.error();
            invocation.count = *count;
        }
    }
    if (invocation.wanted == Wanted::kWithVteps && invocation.interval > kLongestWithVteps)
        return usage_error("top: with -v, vxd has to be asked every {} s at least: -d is too long",
                           kLongestWithVteps.count() / 1000);
    return invocation;
}

} // namespace vx::top
