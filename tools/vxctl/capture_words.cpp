// SPDX-License-Identifier: BSD-3-Clause
#include "tools/vxctl/capture.h"

#include <pcap/pcap.h>

#include <charconv>
#include <memory>

namespace vx
{

namespace
{

constexpr int kSnaplen = 262144;

Result<std::uint64_t> number(std::string_view option, std::string_view text, std::uint64_t max)
{
    std::uint64_t value = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc{} || end != text.data() + text.size() || value == 0 || value > max)
        return usage_error("capture: option \"{}\": \"{}\" is not a number from 1 to {}", option, text, max);
    return value;
}

Result<> set_option(CaptureInvocation& invocation, std::string_view option, const std::string& value)
{
    if (option == "-w") {
        invocation.file = value == "-" ? "" : value;
        return Ok{};
    }
    const std::uint64_t max = option == "-s" ? kSnaplen : option == "-C" ? 1'000'000 : UINT32_MAX;
    const auto count = number(option, value, max);
    if (!count)
        return count.error();
    if (option == "-c")
        invocation.count = *count;
    else if (option == "-C")
        invocation.file_bytes = *count * 1'000'000; // as tcpdump's
    else if (option == "-W")
        invocation.file_count = *count;
    else
        invocation.words.insert(invocation.words.end(), {"snaplen", value});
    return Ok{};
}

bool takes_value(std::string_view word)
{
    return word == "-c" || word == "-s" || word == "-w" || word == "-C" || word == "-W";
}

} // namespace

Result<CaptureInvocation> parse_capture(std::vector<std::string> words)
{
    CaptureInvocation invocation;
    invocation.is_trace = words.front().starts_with('t');
    invocation.words = {invocation.is_trace ? "trace" : "capture"};
    if (invocation.is_trace && words.size() > 1 && words[1] == "add")
        words.erase(words.begin() + 1);
    if (invocation.is_trace && words.size() > 2 && words[words.size() - 2] == "count") {
        const auto count = number("count", words.back(), UINT32_MAX);
        if (!count)
            return count.error();
        invocation.count = *count;
        words.resize(words.size() - 2);
    }
    bool has_point = false;
    std::size_t at = 1;
    for (; at < words.size(); ++at) {
        const std::string& word = words[at];
        if (takes_value(word)) {
            if (++at >= words.size())
                return usage_error("capture: option \"{}\" needs a value", word);
            if (auto set = set_option(invocation, word, words[at]); !set)
                return std::move(set).error();
        } else if (word.size() > 1 && word.front() == '-') {
            return usage_error("capture: option \"{}\" is unknown; it has -c, -s, -w, -C and -W", word);
        } else if (!has_point) {
            invocation.words.push_back(word);
            if (word == "dev" && at + 1 < words.size())
                invocation.words.push_back(words[++at]);
            has_point = true;
        } else if (word == "in" || word == "out") {
            invocation.words.push_back(word);
        } else if (word == "reason") {
            invocation.words.push_back(word);
            if (at + 1 < words.size())
                invocation.words.push_back(words[++at]);
        } else {
            break; // the expression begins
        }
    }
    std::string expression;
    for (; at < words.size(); ++at)
        expression += (expression.empty() ? "" : " ") + words[at];
    if (invocation.file.empty() && (invocation.file_bytes != 0 || invocation.file_count != 0))
        return usage_error("capture: -C and -W are of the files that -w names");
    if (invocation.file_count != 0 && invocation.file_bytes == 0)
        return usage_error("capture: -W is how many files of -C megabytes there are; -C is missing");
    if (expression.empty())
        return invocation;
    auto code = compile_filter(expression);
    if (!code)
        return std::move(code).error();
    invocation.words.insert(invocation.words.end(), {"filter", *std::move(code)});
    return invocation;
}

Result<std::string> compile_filter(const std::string& expression)
{
    const std::unique_ptr<pcap_t, decltype(&pcap_close)> ethernet(pcap_open_dead(DLT_EN10MB, kSnaplen), pcap_close);
    bpf_program program{};
    if (ethernet == nullptr)
        return error("capture: libpcap: no memory");
    if (pcap_compile(ethernet.get(), &program, expression.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0)
        return usage_error("the filter \"{}\": {} (it comes last, behind all options)", expression,
                           pcap_geterr(ethernet.get()));
    std::string code = std::to_string(program.bf_len);
    for (u_int at = 0; at < program.bf_len; ++at) {
        const bpf_insn& instruction = program.bf_insns[at];
        code += fmt::format(",{} {} {} {}", instruction.code, instruction.jt, instruction.jf, instruction.k);
    }
    pcap_freecode(&program);
    return code;
}

} // namespace vx
