// SPDX-License-Identifier: BSD-3-Clause
#include "tools/vxctl/terminal.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace vx
{

int print(int fd, std::string_view text)
{
    while (!text.empty()) {
        const ssize_t size = write(fd, text.data(), text.size());
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0) {
            if (errno != EPIPE && fd != STDERR_FILENO)
                print(STDERR_FILENO, fmt::format("vxctl: write: {}\n", std::strerror(errno)));
            return kRefused;
        }
        text.remove_prefix(static_cast<std::size_t>(size));
    }
    return kDone;
}

int fail(const Error& failure)
{
    print(STDERR_FILENO, fmt::format("vxctl: {}\n", failure.message));
    return failure.kind == Error::Kind::kUsage ? kUsage : kRefused;
}

} // namespace vx
