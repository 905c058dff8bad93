// SPDX-License-Identifier: BSD-3-Clause
// What a command may ask for that has no end by itself: its answer goes on as a stream, for which it gets the
// connection of the client that asked.
#pragma once

#include "control/watch/monitor.h"
#include "dataplane/capture/capture.h"

#include <variant>

namespace vx
{

using StreamSpec = std::variant<CaptureSpec, MonitorSpec>;

} // namespace vx
