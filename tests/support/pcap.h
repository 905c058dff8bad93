// SPDX-License-Identifier: BSD-3-Clause
// Reading of classic pcap files: little-endian, Ethernet, whole frames.
#pragma once

#include "dataplane/base/result.h"

#include <cstddef>
#include <filesystem>
#include <vector>

namespace vx::test
{

using Frame = std::vector<std::byte>;

Result<std::vector<Frame>> read_pcap(const std::filesystem::path& path);

} // namespace vx::test
