// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/capture/packet_filter.h"

#include <charconv>
#include <optional>

namespace vx
{

namespace
{

constexpr std::size_t kMaxInstructions = 4096; // as many as Linux takes for a socket

// The number at the front, which is taken off, with one separator behind it.
template <typename T>
std::optional<T> take_number(std::string_view& text, char separator)
{
    T value{};
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc{})
        return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (text.empty())
        return value;
    if (text.front() != separator)
        return std::nullopt;
    text.remove_prefix(1);
    return value;
}

std::optional<bpf_insn> take_instruction(std::string_view& text)
{
    const auto code = take_number<std::uint16_t>(text, ' ');
    const auto jump_true = take_number<std::uint8_t>(text, ' ');
    const auto jump_false = take_number<std::uint8_t>(text, ' ');
    const auto operand = take_number<std::uint32_t>(text, ',');
    if (!code || !jump_true || !jump_false || !operand)
        return std::nullopt;
    return bpf_insn{*code, *jump_true, *jump_false, *operand};
}

// bpf_validate() lets such a jump pass, for `protochain`.
bool jumps_back(const std::vector<bpf_insn>& code)
{
    for (std::size_t at = 0; at < code.size(); ++at)
        if (code[at].code == (BPF_JMP | BPF_JA) && code[at].k >= code.size() - at)
            return true;
    return false;
}

} // namespace

Result<PacketFilter> PacketFilter::parse(std::string_view text)
{
    const auto count = take_number<std::size_t>(text, ',');
    if (!count || *count == 0 || *count > kMaxInstructions)
        return usage_error("the packet filter's code does not begin with a count from 1 to {}", kMaxInstructions);
    PacketFilter filter;
    while (!text.empty() && filter.code_.size() < *count) {
        const auto instruction = take_instruction(text);
        if (!instruction)
            return usage_error("instruction {} of the packet filter is not four numbers: code, jt, jf and k",
                               filter.code_.size() + 1);
        filter.code_.push_back(*instruction);
    }
    if (filter.code_.size() != *count || !text.empty())
        return usage_error("the packet filter has {} instructions, and says {}{}", filter.code_.size(), *count,
                           text.empty() ? "" : ", with something behind them");
    if (jumps_back(filter.code_))
        return usage_error(
            "the packet filter has a loop, which vxd does not run (of an expression with \"protochain\")");
    if (bpf_validate(filter.code_.data(), static_cast<int>(filter.code_.size())) == 0)
        return usage_error("the packet filter's code is not sound");
    return filter;
}

bool PacketFilter::matches(Bytes head, std::size_t size) const noexcept
{
    return code_.empty() || bpf_filter(code_.data(), reinterpret_cast<const u_char*>(head.data()),
                                       static_cast<u_int>(size), static_cast<u_int>(head.size())) != 0;
}

} // namespace vx
