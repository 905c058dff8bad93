// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/failing_new.h"

#include "tests/support/allocate.h"

#include <cstdlib>
#include <new>

namespace vx::test
{

namespace
{

thread_local bool is_armed = false;
thread_local std::uint64_t until = 0; // attempts that still succeed
thread_local std::uint64_t left = 0;  // that fail then
thread_local bool failed = false;

bool fails() noexcept
{
    if (!is_armed)
        return false;
    if (until > 0) {
        --until;
        return false;
    }
    if (left == 0)
        return false;
    --left;
    failed = true;
    return true;
}

void* try_to_allocate(std::size_t size, std::size_t alignment)
{
    return vx::test::allocate(size, alignment, fails, std::aligned_alloc);
}

} // namespace

FailingNew::FailingNew(std::uint64_t nth, std::uint64_t burst) noexcept
{
    until = nth - 1;
    left = burst;
    failed = false;
    is_armed = true;
}

FailingNew::~FailingNew()
{
    is_armed = false;
}

bool FailingNew::has_failed() const noexcept
{
    return failed;
}

} // namespace vx::test

void* operator new(std::size_t size)
{
    return vx::test::try_to_allocate(size, 0);
}

void* operator new(std::size_t size, std::align_val_t alignment)
{
    return vx::test::try_to_allocate(size, static_cast<std::size_t>(alignment));
}

void* operator new(std::size_t size, const std::nothrow_t&) noexcept
{
    try {
        return vx::test::try_to_allocate(size, 0);
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}

void operator delete(void* memory) noexcept
{
    std::free(memory);
}

void operator delete(void* memory, std::size_t) noexcept
{
    std::free(memory);
}

void operator delete(void* memory, std::align_val_t) noexcept
{
    std::free(memory);
}

void operator delete(void* memory, std::size_t, std::align_val_t) noexcept
{
    std::free(memory);
}
