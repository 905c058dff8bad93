// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/net/mac.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace vx
{

std::optional<Mac> Mac::parse(std::string_view text)
{
    std::array<std::uint8_t, 6> bytes{};
    const char* at = text.data();
    const char* const end = at + text.size();
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (i > 0 && (at == end || *at++ != ':'))
            return std::nullopt;
        const auto [next, code] = std::from_chars(at, std::min(at + 2, end), bytes[i], 16);
        if (code != std::errc{})
            return std::nullopt;
        at = next;
    }
    if (at != end)
        return std::nullopt;
    return Mac{bytes};
}

std::string Mac::to_string() const
{
    return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", bytes_[0], bytes_[1], bytes_[2], bytes_[3],
                       bytes_[4], bytes_[5]);
}

} // namespace vx
