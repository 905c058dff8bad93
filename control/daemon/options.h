// SPDX-License-Identifier: BSD-3-Clause
// vxd's command line.
#pragma once

#include "control/base/log.h"
#include "control/server/access.h"
#include "dataplane/base/result.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace vx
{

inline constexpr std::uint32_t kMinPacketBuffers = 4096; // less than one port's ring and the caches take
inline constexpr std::uint32_t kMaxPacketBuffers = 1U << 23;

struct Options {
    std::optional<std::string> config_path;
    std::string socket_path;             // --socket, else $VXD_SOCKET, else the default
    AccessPolicy access;                 // --socket-group, --admin-group
    std::vector<unsigned> worker_cpus;   // ascending, each allowed; empty: placement.h chooses
    std::optional<unsigned> control_cpu; // no worker's, if given
    std::vector<std::string> eal_arguments;
    std::optional<std::uint32_t> packet_buffers; // at least kMinPacketBuffers
    LogLevel log_level = LogLevel::kInfo;
};

// Text for stdout instead of a daemon: --help, --version.
struct Answer {
    std::string text;
};

// The CPUs that this process may run on, ascending.
std::vector<unsigned> allowed_cpus();

// "1,3-5", each of `allowed` and once.
Result<std::vector<unsigned>> parse_cpu_list(std::string_view text, std::span<const unsigned> allowed);

Result<std::variant<Options, Answer>> parse_options(int argc, const char* const* argv,
                                                    std::span<const unsigned> allowed, std::string_view version);

} // namespace vx
