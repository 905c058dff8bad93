// SPDX-License-Identifier: BSD-3-Clause
#include "control/commands/port_options.h"

#include <cctype>
#include <limits>
#include <vector>

namespace vx
{

namespace
{

std::string_view name_of_value(const PortOption& option)
{
    return option.expected.empty() ? std::string_view{"VALUE"} : option.expected;
}

// "0000:81:00.0" or "81:00.0", all hexadecimal.
bool is_pci_address(std::string_view text)
{
    constexpr std::string_view kShape = "xxxx:xx:xx.x";
    const std::string_view shape = text.size() == kShape.size() ? kShape : kShape.substr(5);
    if (text.size() != shape.size())
        return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool fits =
            shape[i] == 'x' ? std::isxdigit(static_cast<unsigned char>(text[i])) != 0 : text[i] == shape[i];
        if (!fits)
            return false;
    }
    return true;
}

std::vector<std::string_view> choices_of(std::string_view expected)
{
    std::vector<std::string_view> choices;
    for (std::size_t start = 0; start <= expected.size();) {
        const std::size_t bar = std::min(expected.find('|', start), expected.size());
        choices.push_back(expected.substr(start, bar - start));
        start = bar + 1;
    }
    return choices;
}

Result<std::string> as_string(const Result<std::string_view>& word)
{
    if (!word)
        return word.error();
    return std::string(*word);
}

Result<std::string> read_value(Words& words, const PortOption& option)
{
    switch (option.type) {
    case PortOption::Type::kFlag:
        return std::string{};
    case PortOption::Type::kInterface:
        return as_string(words.device_name(name_of_value(option)));
    case PortOption::Type::kCount: {
        const std::uint32_t max = option.max == 0 ? std::numeric_limits<std::uint32_t>::max() : option.max;
        const auto count = words.number(name_of_value(option), option.min, max);
        if (!count)
            return count.error();
        return fmt::format("{}", *count);
    }
    case PortOption::Type::kChoice: {
        const std::vector<std::string_view> choices = choices_of(option.expected);
        const auto chosen = words.choice(option.name, choices);
        if (!chosen)
            return chosen.error();
        return std::string{choices[*chosen]};
    }
    case PortOption::Type::kPciAddress: {
        const auto address = words.text(name_of_value(option));
        if (address && !is_pci_address(*address))
            return words.invalid("is not a PCI address; expected one such as 0000:81:00.0");
        return as_string(address);
    }
    case PortOption::Type::kText:
    case PortOption::Type::kFile:
    case PortOption::Type::kNetns:
        break;
    }
    return as_string(words.text(name_of_value(option)));
}

Result<> read_option(Words& words, const PortOption& option, PortSpec& spec)
{
    auto value = read_value(words, option);
    if (!value)
        return std::move(value).error();
    spec.options.insert_or_assign(std::string{option.name}, *std::move(value));
    return Ok{};
}

} // namespace

Result<> read_positional_options(Words& words, const PortKind& kind, PortSpec& spec)
{
    for (const PortOption& option : kind.options)
        if (option.name.empty() && (option.is_required || !words.done()))
            if (auto read = read_option(words, option, spec); !read)
                return read;
    return Ok{};
}

Result<bool> take_port_option(Words& words, const PortKind& kind, PortSpec& spec)
{
    for (const PortOption& option : kind.options) {
        if (option.name.empty() || !words.take(option.name))
            continue;
        if (auto read = read_option(words, option, spec); !read)
            return std::move(read).error();
        return true;
    }
    return false;
}

Result<> check_required_options(const Words& words, const PortKind& kind, const PortSpec& spec)
{
    for (const PortOption& option : kind.options)
        if (option.is_required && !spec.has(option.name))
            return usage_error("{}: \"{}\" is missing; usage: type {} {}", words.name(), option.name, kind.name,
                               usage_of(kind));
    return Ok{};
}

std::string port_options_text(const PortSpec& spec)
{
    std::string text;
    const PortKind* kind = find_port_kind(spec.kind);
    for (const PortOption& option : kind == nullptr ? std::span<const PortOption>{} : kind->options) {
        if (!spec.has(option.name))
            continue;
        if (!option.name.empty())
            text += fmt::format(" {}", option.name);
        if (option.type != PortOption::Type::kFlag)
            text += fmt::format(" {}", spec.option(option.name));
    }
    return text;
}

nlohmann::ordered_json port_options_json(const PortSpec& spec)
{
    nlohmann::ordered_json json = nlohmann::ordered_json::object();
    const PortKind* kind = find_port_kind(spec.kind);
    for (const PortOption& option : kind == nullptr ? std::span<const PortOption>{} : kind->options) {
        if (!spec.has(option.name))
            continue;
        const std::string name = option.name.empty() ? "address" : std::string{option.name};
        if (option.type == PortOption::Type::kFlag)
            json[name] = true;
        else if (option.type == PortOption::Type::kCount)
            json[name] = std::stoul(std::string{spec.option(option.name)});
        else
            json[name] = spec.option(option.name);
    }
    return json;
}

} // namespace vx
