// SPDX-License-Identifier: BSD-3-Clause
#include "control/base/memory_reserve.h"

#include <malloc.h>
#include <sys/mman.h>

#include <algorithm>

namespace vx
{

namespace
{

constexpr std::size_t kPiece = std::size_t{1} << 20; // all sizes are multiples of it

char* begin = nullptr; // of the reserve
std::size_t reserved = 0;
thread_local unsigned depth = 0;   // of Use
thread_local bool is_ours = false; // this thread's: it has had a Use

// The end of it goes back to the kernel, and with it what the limits leave to others.
void shrink_to(std::size_t bytes) noexcept
{
    if (bytes >= reserved)
        return;
    munmap(begin + bytes, reserved - bytes);
    reserved = bytes;
}

// `operator new` tries again after this returns, and asks for more if that was not enough.
void release()
{
    const bool is_for_all = depth == 0 && std::uncaught_exceptions() == 0;
    if (!is_ours || reserved <= (is_for_all ? MemoryReserve::kBase - MemoryReserve::kForAll : 0))
        throw std::bad_alloc();
    shrink_to(reserved - kPiece);
}

bool fill_to(std::size_t bytes) noexcept
{
    if (reserved >= bytes)
        return true;
    static const std::new_handler before = std::set_new_handler(release);
    static_cast<void>(before);
    const auto map = [bytes] {
        return reserved != 0 ? mremap(begin, reserved, bytes, MREMAP_MAYMOVE)
                             : mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    };
    void* more = map();
    if (more == MAP_FAILED && malloc_trim(0) != 0) // what was freed may still be the allocator's
        more = map();
    if (more == MAP_FAILED)
        return false;
    begin = static_cast<char*>(more);
    reserved = bytes;
    return true;
}

} // namespace

MemoryReserve::Use::Use(std::size_t bytes)
{
    const std::size_t wanted = (std::max(bytes, kBase) + kPiece - 1) / kPiece * kPiece;
    if ((depth == 0 || bytes > kBase) && !fill_to(wanted))
        throw std::bad_alloc();
    is_ours = true;
    ++depth;
}

MemoryReserve::Use::Use(std::nothrow_t) noexcept
{
    is_ours = true;
    ++depth;
}

MemoryReserve::Use::~Use()
{
    if (--depth == 0)
        shrink_to(kBase);
}

void MemoryReserve::check()
{
    if (reserved < kBase && !fill_to(kBase))
        throw std::bad_alloc();
}

std::size_t MemoryReserve::size() noexcept
{
    return reserved;
}

const char* words_of(const std::exception& exception) noexcept
{
    if (dynamic_cast<const std::bad_alloc*>(&exception) != nullptr)
        return "there is no memory left for it";
    return exception.what();
}

} // namespace vx
