// SPDX-License-Identifier: BSD-3-Clause
// Signals that end a program which has something to do before it ends.
#pragma once

#include "dataplane/base/file_descriptor.h"

namespace vx
{

// From now on SIGINT, SIGTERM and SIGHUP end nothing: they are read from here. SIGPIPE is a failed write.
FileDescriptor watch_ending_signals();

} // namespace vx
