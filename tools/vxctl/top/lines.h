// SPDX-License-Identifier: BSD-3-Clause
// Rates for files and scripts: tables of text, or an object of JSON.
#pragma once

#include "tools/vxctl/top/rates.h"

#include <string>
#include <string_view>

namespace vx::top
{

// Every table that has rows, with all of its columns, and an empty line behind each; `time` is above them.
std::string text_of(const Rates& rates, std::string_view time);

// Rates are numbers a second, to three decimals; what is not known is null.
Json json_of(const Rates& rates, std::string_view time);

} // namespace vx::top
