// SPDX-License-Identifier: BSD-3-Clause
#include "tests/pipeline/frame_diff.h"

#include <fmt/format.h>

#include <algorithm>

namespace vx::test
{

namespace
{

constexpr std::size_t kShownFrames = 3;
constexpr std::size_t kRow = 16;

std::string row_of(const Frame& frame, std::size_t begin)
{
    std::string text;
    for (std::size_t i = begin; i < std::min(begin + kRow, frame.size()); ++i)
        text += fmt::format(" {:02x}", std::to_integer<unsigned>(frame[i]));
    return text;
}

std::string dump(const Frame& frame)
{
    std::string text;
    for (std::size_t at = 0; at < frame.size(); at += kRow)
        text += fmt::format("\n    {:04x} {}", at, row_of(frame, at));
    return text;
}

// The rows that differ, those seen marked '-', those expected '+'.
std::string difference(const Frame& seen, const Frame& expected)
{
    const auto offset = static_cast<std::size_t>(
        std::mismatch(seen.begin(), seen.end(), expected.begin(), expected.end()).first - seen.begin());
    std::string text = fmt::format("differs from offset {}", offset);
    if (seen.size() != expected.size())
        text += fmt::format(", has {} bytes instead of {}", seen.size(), expected.size());
    constexpr std::size_t kShownRows = 6;
    std::size_t rows = 0;
    for (std::size_t at = offset / kRow * kRow; at < std::max(seen.size(), expected.size()) && rows < kShownRows;
         at += kRow) {
        const std::string is = row_of(seen, at), wanted = row_of(expected, at);
        if (is == wanted)
            continue;
        text += fmt::format("\n  - {:04x} {}\n  + {:04x} {}", at, is, at, wanted);
        ++rows;
    }
    return text;
}

} // namespace

std::vector<std::string> differences(const std::vector<Frame>& seen, const std::vector<Frame>& expected)
{
    std::vector<std::string> all;
    std::size_t count = 0;
    for (std::size_t i = 0; i < std::max(seen.size(), expected.size()); ++i) {
        std::string text;
        if (i >= seen.size())
            text = "never came" + dump(expected[i]);
        else if (i >= expected.size())
            text = "should not have come" + dump(seen[i]);
        else if (seen[i] != expected[i])
            text = difference(seen[i], expected[i]);
        else
            continue;
        if (++count <= kShownFrames)
            all.push_back(fmt::format("frame {}: {}", i + 1, text));
    }
    if (count != 0)
        all.push_back(fmt::format("{} frames seen, {} expected, {} differ", seen.size(), expected.size(), count));
    return all;
}

} // namespace vx::test
