// SPDX-License-Identifier: BSD-3-Clause
// Memory that is set aside for what cannot be given up half way: a commit, its rollback, and what workers and time
// bring, which nobody can be refused. Such work begins only when the reserve is whole, and whatever it allocates by
// `operator new` while there is no memory left comes out of the reserve. So an allocation fails where it has no effect
// yet, or not at all.
//
// A part of it is for all else of that thread, for some destructors allocate, and end the process if they cannot
// (nlohmann::json's): who has drawn on it finds that out at the next check(). While an exception is on its way, all of
// it is for them.
//
// The reserve is address space that was never touched: it costs no memory, but counts for the limits under which an
// allocation fails (RLIMIT_AS, RLIMIT_DATA, vm.overcommit_memory=2).
#pragma once

#include <cstddef>
#include <exception>
#include <new>

namespace vx
{

class MemoryReserve
{
public:
    static constexpr std::size_t kBase = std::size_t{64} << 20;
    static constexpr std::size_t kForAll = std::size_t{16} << 20; // of it: without a Use

    // While one lives, its thread draws on the reserve. They nest. One thread at a time.
    class Use
    {
    public:
        // Throws std::bad_alloc unless the reserve has, or gets, so many bytes. Within another one the base is there.
        explicit Use(std::size_t bytes = kBase);
        // With whatever is left: for a way back, which must not fail.
        explicit Use(std::nothrow_t) noexcept;
        ~Use();
        Use(const Use&) = delete;
        Use& operator=(const Use&) = delete;
    };

    // Throws std::bad_alloc if something was taken and there is no memory to replace it.
    static void check();

    static std::size_t size() noexcept; // bytes that are set aside now
};

// What went wrong, for the person who asked: std::bad_alloc in words, others as they say themselves. No allocation.
const char* words_of(const std::exception& exception) noexcept;

} // namespace vx
