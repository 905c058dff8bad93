// SPDX-License-Identifier: BSD-3-Clause
// A frame out of words, for `explain`: "eth src 02:00:00:00:00:01 dst 02:00:00:00:00:02 ip src 10.0.0.1 dst 10.0.0.2
// tcp dport 80", or out of hexadecimal digits.
#pragma once

#include "control/grammar/words.h"

#include <cstddef>
#include <vector>

namespace vx
{

// Up to the end of the words, or to "dev". Errors name the word.
Result<std::vector<std::byte>> read_frame(Words& words);

} // namespace vx
