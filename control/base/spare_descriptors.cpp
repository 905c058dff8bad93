// SPDX-License-Identifier: BSD-3-Clause
#include "control/base/spare_descriptors.h"

#include <fcntl.h>
#include <sys/resource.h>

namespace vx
{

bool SpareDescriptors::give() noexcept
{
    if (count_ == 0)
        return false;
    const FileDescriptor closed = std::move(spare_[--count_]);
    return true;
}

// A file each, for the kernel's own table of files may be full too.
void SpareDescriptors::refill() noexcept
{
    while (count_ < kCount) {
        FileDescriptor file(open("/dev/null", O_RDONLY | O_CLOEXEC));
        if (!file)
            return;
        spare_[count_++] = std::move(file);
    }
}

void raise_descriptor_limit() noexcept
{
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

std::size_t descriptor_limit() noexcept
{
    rlimit limit{};
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

} // namespace vx
