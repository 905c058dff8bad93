// SPDX-License-Identifier: BSD-3-Clause
// What `operator new` does, for those of tests that replace it by one that fails now and then.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>

namespace vx::test
{

// fails(): whether this attempt does. aligned(alignment, size) is std::aligned_alloc. `alignment` 0: any will do.
template <typename Fails, typename Aligned>
void* allocate(std::size_t size, std::size_t alignment, Fails fails, Aligned aligned)
{
    // What the handler makes room for may be too little: then that fails as well.
    for (;;) {
        void* const memory = fails()         ? nullptr
                             : alignment > 0 ? aligned(alignment, (size + alignment - 1) / alignment * alignment)
                                             : std::malloc(size > 0 ? size : 1);
        if (memory != nullptr)
            return memory;
        const std::new_handler handler = std::get_new_handler();
        if (handler == nullptr)
            throw std::bad_alloc();
        handler();
    }
}

} // namespace vx::test
