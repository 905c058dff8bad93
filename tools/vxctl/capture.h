// SPDX-License-Identifier: BSD-3-Clause
// `vxctl capture`: what tcpdump is to an interface, to any place in vxd. The expression is compiled here, so that its
// errors are said here, and only here are names looked up.
#pragma once

#include "control/wire/command_list.h"
#include "dataplane/base/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vx
{

struct CaptureInvocation {
    CommandWords words;                 // for vxd
    std::optional<std::uint64_t> count; // packets; of a trace, with all that becomes of each
    bool is_trace = false;              // lines, wherever they go
    std::string file;                   // empty: stdout
    std::uint64_t file_bytes = 0;       // of one of a ring of files; 0: one file, of any size
    std::uint64_t file_count = 0;       // of the ring; 0: no end
};

// `words` begin with "capture", or "trace", or what abbreviates them. Errors: an option without its value, an
// expression that is none.
Result<CaptureInvocation> parse_capture(std::vector<std::string> words);

// "2,40 0 0 12,6 0 0 65535"
Result<std::string> compile_filter(const std::string& expression);

// Until the capture ends or is ended; the exit status.
int run_capture(const CaptureInvocation& invocation, const std::string& socket_path);

} // namespace vx
