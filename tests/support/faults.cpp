// SPDX-License-Identifier: BSD-3-Clause
// A library to be preloaded into vxd: calls of a kind fail when a test, which shares a file with it ($VXD_FAULTS), has
// asked for it.
//
// They fail on the control thread (the process's first) and on streams' threads alone. Workers allocate nothing and
// open nothing; what DPDK does when it starts cannot be survived by anybody. Of allocations those of C++ fail, and
// those of tables and of the reserve; malloc() called by C libraries does not, for DPDK does not check all of its own.
#include "tests/support/allocate.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

namespace
{

enum Kind : std::uint32_t { kAllocation = 1, kThread = 2, kDescriptor = 4, kDisk = 8 };

// As tests/e2e/lib/faults.py writes it.
struct Plan {
    std::atomic<std::uint32_t> kinds; // that fail; 0: nothing does
    std::uint32_t burst;              // so many in a row
    std::atomic<std::int64_t> until;  // calls of these kinds that still succeed
    std::atomic<std::uint64_t> failed;
};

Plan* plan = nullptr;

__attribute__((constructor)) void share()
{
    const char* const path = std::getenv("VXD_FAULTS");
    if (path == nullptr)
        return;
    const int fd = static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC));
    void* const memory =
        reinterpret_cast<void*>(syscall(SYS_mmap, nullptr, sizeof(Plan), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    syscall(SYS_close, fd);
    plan = memory == MAP_FAILED ? nullptr : static_cast<Plan*>(memory);
}

bool is_ours()
{
    static thread_local int answer = -1; // of a stream's thread it is known only when it has its name
    if (answer != 1) {
        char name[16] = "";
        pthread_getname_np(pthread_self(), name, sizeof(name));
        answer = gettid() == getpid() || std::strncmp(name, "vxd-", 4) == 0 ? 1 : 0;
    }
    return answer == 1;
}

bool fails(Kind kind)
{
    if (plan == nullptr || (plan->kinds.load(std::memory_order_acquire) & kind) == 0 || !is_ours())
        return false;
    const std::int64_t left = plan->until.fetch_sub(1, std::memory_order_relaxed);
    if (left > 0 || left <= -static_cast<std::int64_t>(plan->burst))
        return false;
    plan->failed.fetch_add(1, std::memory_order_relaxed);
    return true;
}

bool fails(Kind kind, int error)
{
    if (!fails(kind))
        return false;
    errno = error;
    return true;
}

template <typename Function>
Function* real(Function*, const char* name)
{
    return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}
#define REAL(name)                                                                                                     \
    static auto* const next = real(&name, #name);                                                                      \
    return next

void* aligned(std::size_t alignment, std::size_t size)
{
    REAL(aligned_alloc)(alignment, size);
}

void* allocate(std::size_t size, std::size_t alignment)
{
    return vx::test::allocate(
        size, alignment, [] { return fails(kAllocation); }, aligned);
}

} // namespace

void* operator new(std::size_t size)
{
    return allocate(size, 0);
}

void* operator new(std::size_t size, std::align_val_t alignment)
{
    return allocate(size, static_cast<std::size_t>(alignment));
}

extern "C" {

void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept
{
    return fails(kAllocation, ENOMEM) ? nullptr : aligned(alignment, size);
}

void* mmap(void* address, std::size_t size, int protection, int flags, int fd, off_t offset) noexcept
{
    if (fails(kAllocation, ENOMEM))
        return MAP_FAILED;
    REAL(mmap)(address, size, protection, flags, fd, offset);
}

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*), void* argument) noexcept
{
    if (fails(kThread))
        return EAGAIN;
    REAL(pthread_create)(thread, attributes, run, argument);
}

int socket(int domain, int type, int protocol) noexcept
{
    if (fails(kDescriptor, EMFILE))
        return -1;
    REAL(socket)(domain, type, protocol);
}

int accept4(int fd, sockaddr* address, socklen_t* size, int flags)
{
    if (fails(kDescriptor, EMFILE))
        return -1;
    REAL(accept4)(fd, address, size, flags);
}

int eventfd(unsigned count, int flags) noexcept
{
    if (fails(kDescriptor, EMFILE))
        return -1;
    REAL(eventfd)(count, flags);
}

int timerfd_create(clockid_t clock, int flags) noexcept
{
    if (fails(kDescriptor, EMFILE))
        return -1;
    REAL(timerfd_create)(clock, flags);
}

int epoll_create1(int flags) noexcept
{
    if (fails(kDescriptor, EMFILE))
        return -1;
    REAL(epoll_create1)(flags);
}

int epoll_ctl(int epoll, int operation, int fd, epoll_event* event) noexcept
{
    if (operation == EPOLL_CTL_ADD && fails(kDescriptor, ENOSPC)) // of /proc/sys/fs/epoll/max_user_watches
        return -1;
    REAL(epoll_ctl)(epoll, operation, fd, event);
}

int open(const char* path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    const unsigned mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, unsigned) : 0;
    va_end(arguments);
    if (fails(kDescriptor, EMFILE))
        return -1;
    REAL(open)(path, flags, mode);
}

ssize_t write(int fd, const void* bytes, std::size_t size)
{
    struct stat file;
    if ((fd == STDERR_FILENO || (fstat(fd, &file) == 0 && S_ISREG(file.st_mode))) && fails(kDisk, ENOSPC))
        return -1;
    REAL(write)(fd, bytes, size);
}
}
