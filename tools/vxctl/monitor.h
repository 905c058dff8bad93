// SPDX-License-Identifier: BSD-3-Clause
// `vxctl monitor`: what vxd tells of its changes, line by line to stdout.
#pragma once

#include "control/wire/wire.h"

#include <string>

namespace vx
{

// Until vxd ends, or stdout does; the exit status.
int run_monitor(Request request, const std::string& socket_path);

} // namespace vx
