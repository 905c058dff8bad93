// SPDX-License-Identifier: BSD-3-Clause
// What vxctl ends with, and how it says so.
#pragma once

#include "dataplane/base/result.h"

#include <string_view>

namespace vx
{

// Exit statuses, as ip(8) has them.
inline constexpr int kDone = 0;
inline constexpr int kUsage = 1;
inline constexpr int kRefused = 2;

// All of it; kDone, or kRefused if it cannot be written, which is said unless a reader has had enough, as `| head` has.
int print(int fd, std::string_view text);
// Prints an error, and says what to exit with.
int fail(const Error& failure);

} // namespace vx
