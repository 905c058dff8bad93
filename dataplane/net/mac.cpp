// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/net/mac.h"

#include <fmt/format.h>

#include <charconv>

namespace vx
{

std::optional<Mac> Mac::parse(std::string_view text)
{
    if (text.size() != 17)
        return std::nullopt;
    std::array<std::uint8_t, 6> bytes{};
    for (std::size_t i = 0; i < 6; ++i) {
        const char* first = text.data() + 3 * i;
        const auto [end, code] = std::from_chars(first, first + 2, bytes[i], 16);
        if (code != std::errc{} || end != first + 2 || (i < 5 && first[2] != ':'))
            return std::nullopt;
    }
    return Mac{bytes};
}

std::string Mac::to_string() const
{
    return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", bytes_[0], bytes_[1], bytes_[2], bytes_[3],
                       bytes_[4], bytes_[5]);
}

} // namespace vx
