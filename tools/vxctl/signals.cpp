// SPDX-License-Identifier: BSD-3-Clause
#include "tools/vxctl/signals.h"

#include <sys/signalfd.h>

#include <csignal>

namespace vx
{

FileDescriptor watch_ending_signals()
{
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP})
        sigaddset(&signals, signal);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    return FileDescriptor(signalfd(-1, &signals, SFD_CLOEXEC));
}

} // namespace vx
