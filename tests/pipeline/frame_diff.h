// SPDX-License-Identifier: BSD-3-Clause
// How two lists of frames differ, for a person to read.
#pragma once

#include "tests/support/pcap.h"

#include <string>
#include <vector>

namespace vx::test
{

// One text a frame that differs, is missing or is too much; at most a few, the last then says how many more.
std::vector<std::string> differences(const std::vector<Frame>& seen, const std::vector<Frame>& expected);

} // namespace vx::test
