// SPDX-License-Identifier: BSD-3-Clause
#include "control/grammar/words.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace vx
{

namespace
{

// "an ADDR", "a PREFIX"
std::string_view article(std::string_view noun)
{
    return !noun.empty() && std::string_view("AEIOUaeiou").find(noun.front()) != std::string_view::npos ? "an" : "a";
}

// As C has them: 10, 012, 0xa.
std::optional<std::uint8_t> read_byte(std::string_view digits)
{
    const bool is_hex = digits.starts_with("0x") || digits.starts_with("0X");
    const int base = is_hex ? 16 : digits.size() > 1 && digits.front() == '0' ? 8 : 10;
    digits.remove_prefix(is_hex ? 2 : 0);
    std::uint8_t byte = 0;
    const auto [end, status] = std::from_chars(digits.data(), digits.data() + digits.size(), byte, base);
    return status == std::errc{} && end == digits.data() + digits.size() ? std::optional{byte} : std::nullopt;
}

// An IPv4 address as iproute2 reads it, with what is behind its '/': "127.9/16" is 127.9.0.0/16. Other words stay what
// they are.
std::string written_out(std::string_view word)
{
    const std::string_view address = word.substr(0, word.find('/'));
    std::array<std::uint8_t, 4> bytes{};
    std::size_t start = 0;
    for (std::uint8_t& byte : bytes) {
        const std::size_t end = std::min(address.find('.', start), address.size());
        const auto read = read_byte(address.substr(start, end - start));
        if (!read)
            break;
        byte = *read;
        start = end + 1;
        if (start > address.size())
            return fmt::format("{}{}", fmt::join(bytes, "."), word.substr(address.size()));
    }
    return std::string(word);
}

} // namespace

bool is_device_name(std::string_view name)
{
    constexpr std::size_t kLongest = 15; // IFNAMSIZ with its terminating NUL
    if (name.empty() || name.size() > kLongest || name == "." || name == "..")
        return false;
    return std::none_of(name.begin(), name.end(), [](char c) {
        return c == '/' || c == ':' || c == ' ' || (c >= '\t' && c <= '\r') || c == '\0';
    });
}

std::string in_quotes(std::string_view word)
{
    constexpr std::size_t kLongest = 64;
    std::string out = "\"";
    for (const char c : word.substr(0, kLongest))
        out += static_cast<unsigned char>(c) < ' ' || c == 0x7f ? '?' : c;
    return out + (word.size() > kLongest ? "...\"" : "\"");
}

std::string Words::name() const
{
    return verb_.empty() ? std::string(noun_) : fmt::format("{} {}", noun_, verb_);
}

std::string Words::usage() const
{
    return fmt::format("{}{}{}", name(), usage_.empty() ? "" : " ", usage_);
}

bool Words::take_again(std::string_view keyword)
{
    if (done() || peek() != keyword)
        return false;
    ++next_;
    keyword_ = keyword;
    return true;
}

bool Words::has_taken(std::string_view keyword) const
{
    const auto first = taken_.begin();
    const auto last = first + static_cast<std::ptrdiff_t>(taken_count_);
    return std::find(first, last, keyword) != last ||
           std::find(taken_more_.begin(), taken_more_.end(), keyword) != taken_more_.end();
}

void Words::remember(std::string_view keyword)
{
    if (has_taken(keyword)) {
        if (!duplicate_)
            duplicate_ = usage_error("{}: \"{}\" comes twice (word {})", name(), keyword, next_);
    } else if (taken_count_ < taken_.size()) {
        taken_[taken_count_++] = keyword;
    } else {
        taken_more_.push_back(keyword);
    }
}

bool Words::take(std::string_view keyword)
{
    if (!take_again(keyword))
        return false;
    remember(keyword);
    return true;
}

bool Words::take_positional(std::string_view introducer, std::span<const std::string_view> unsupported)
{
    if (done() || has_positional_ || std::find(unsupported.begin(), unsupported.end(), peek()) != unsupported.end())
        return false;
    has_positional_ = true;
    take(introducer);
    return true;
}

std::string_view Words::meaning(std::span<const std::string_view> order) const
{
    const std::string_view word = peek();
    if (word.empty())
        return {};
    auto found = std::find(order.begin(), order.end(), word);
    if (found == order.end())
        found =
            std::find_if(order.begin(), order.end(), [&](std::string_view known) { return known.starts_with(word); });
    return found == order.end() ? std::string_view{} : *found;
}

bool Words::take(std::string_view keyword, std::span<const std::string_view> order)
{
    if (meaning(order) != keyword)
        return false;
    ++next_;
    keyword_ = keyword;
    remember(keyword);
    return true;
}

std::optional<bool> Words::take_switch(std::string_view keyword, std::span<const std::string_view> order)
{
    const std::string_view word = order.empty() ? peek() : meaning(order);
    const bool is_negated = word.starts_with("no") && word.substr(2) == keyword;
    if (word.empty() || (word != keyword && !is_negated))
        return std::nullopt;
    ++next_;
    remember(keyword);
    return !is_negated;
}

Result<std::string_view> Words::value(std::string_view what, std::string_view expected)
{
    if (duplicate_)
        return *duplicate_;
    if (!done()) {
        keyword_ = {};
        return words_[next_++];
    }
    const std::string hint = expected.empty() ? "" : fmt::format(" ({})", expected);
    if (!keyword_.empty())
        return usage_error("{}: \"{}\" needs {} {} after it{}", name(), keyword_, article(what), what, hint);
    return usage_error("{}: {} is missing at the end{}; usage: {}", name(), what, hint, usage());
}

// About the word just read.
Error Words::wrong(std::string_view is_not, std::string_view expected) const
{
    return usage_error("{}: {} is not {} (word {}; expected {})", name(), in_quotes(words_[next_ - 1]), is_not, next_,
                       expected);
}

Result<std::string_view> Words::text(std::string_view what)
{
    const auto word = value(what, "");
    if (word && word->empty())
        return wrong(fmt::format("{} {}", article(what), what), "a word that is not empty");
    return word;
}

Result<Mac> Words::mac(std::string_view what)
{
    const auto word = value(what, "");
    if (!word)
        return word.error();
    if (const auto mac = Mac::parse(*word))
        return *mac;
    return wrong("a MAC address", fmt::format("{} such as 02:42:ac:12:14:02", what));
}

Result<> Words::check_family(Family family) const
{
    if (options_.family && *options_.family != family)
        return invalid(*options_.family == Family::kIpv4 ? "is IPv6, and the option -4 says IPv4"
                                                         : "is IPv4, and the option -6 says IPv6");
    return Ok{};
}

Result<IpAddress> Words::address(std::string_view what)
{
    const auto word = value(what, "");
    if (!word)
        return word.error();
    // What both understand they understand alike, so the one that costs less goes first.
    auto address = IpAddress::parse(*word);
    if (!address)
        address = IpAddress::parse(written_out(*word));
    if (address) {
        if (auto fits = check_family(address->family()); !fits)
            return std::move(fits).error();
        return *address;
    }
    return wrong("an IP address", fmt::format("{} such as 192.0.2.1 or 2001:db8::1", what));
}

Result<IpPrefix> Words::prefix(std::string_view what)
{
    const auto word = value(what, "");
    if (!word)
        return word.error();
    if (const auto prefix = IpPrefix::parse(written_out(*word))) {
        if (auto fits = check_family(prefix->address().family()); !fits)
            return std::move(fits).error();
        return *prefix;
    }
    return wrong("an IP prefix", fmt::format("{} such as 192.0.2.0/24 or 2001:db8::/64", what));
}

Result<std::uint32_t> Words::number(std::string_view what, std::uint32_t min, std::uint32_t max)
{
    const auto word = value(what, done() ? fmt::format("a number from {} to {}", min, max) : "");
    if (!word)
        return word.error();
    std::string_view digits = *word;
    const bool is_hex = digits.starts_with("0x") || digits.starts_with("0X");
    if (is_hex)
        digits.remove_prefix(2);
    std::uint64_t number = 0;
    const auto [end, status] = std::from_chars(digits.data(), digits.data() + digits.size(), number, is_hex ? 16 : 10);
    if (end == digits.data() + digits.size() && status == std::errc{} && number >= min && number <= max)
        return static_cast<std::uint32_t>(number);
    const std::string expected = fmt::format("{}, a number from {} to {}", what, min, max);
    if (end != digits.data() + digits.size() || status == std::errc::invalid_argument)
        return wrong("a number", expected);
    return usage_error("{}: {} is out of range (word {}; expected {})", name(), in_quotes(*word), next_, expected);
}

Result<Vni> Words::vni(std::string_view what)
{
    const auto value = number(what, 0, Vni::kMax);
    if (!value)
        return value.error();
    return *Vni::from(*value);
}

Result<std::string_view> Words::device_name(std::string_view what)
{
    const auto word = value(what, "");
    if (word && !is_device_name(*word))
        return wrong("a device name", fmt::format("{}, 1 to 15 characters without '/', ':' and blanks", what));
    return word;
}

Result<std::size_t> Words::choice(std::string_view what, std::span<const std::string_view> choices)
{
    const std::string expected = fmt::format("{}", fmt::join(choices, ", "));
    const auto word = value(what, expected);
    if (!word)
        return word.error();
    const auto found = std::find(choices.begin(), choices.end(), *word);
    if (found == choices.end())
        return wrong(fmt::format("{} {}", article(what), what), fmt::format("one of {}", expected));
    return static_cast<std::size_t>(found - choices.begin());
}

Error Words::unexpected() const
{
    if (done())
        return usage_error("{}: more is expected; usage: {}", name(), usage());
    if (usage_.empty())
        return usage_error("{}: {} is not expected here (word {}); there are no options", name(), in_quotes(peek()),
                           next_ + 1);
    return usage_error("{}: {} is not expected here (word {}); usage: {}", name(), in_quotes(peek()), next_ + 1,
                       usage());
}

Error Words::invalid(std::string_view message) const
{
    if (next_ == 0 || next_ > words_.size())
        return usage_error("{}: {}", name(), message);
    return usage_error("{}: {} {} (word {})", name(), in_quotes(words_[next_ - 1]), message, next_);
}

Error Words::missing(std::string_view keyword) const
{
    return usage_error("{}: \"{}\" is missing; usage: {}", name(), keyword, usage());
}

Result<> Words::finish() const
{
    if (duplicate_)
        return *duplicate_;
    if (!done())
        return unexpected();
    return Ok{};
}

} // namespace vx
