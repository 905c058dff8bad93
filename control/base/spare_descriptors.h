// SPDX-License-Identifier: BSD-3-Clause
// File descriptors that are kept open for nothing, so that there is one when all others are taken: a client is let in
// to be told so, or to mend it.
#pragma once

#include "dataplane/base/file_descriptor.h"

#include <array>
#include <cstddef>

namespace vx
{

class SpareDescriptors
{
public:
    static constexpr std::size_t kCount = 4;

    SpareDescriptors() noexcept { refill(); }

    // Makes room for one more descriptor; false: there is none left to give.
    bool give() noexcept;
    // Takes as many as are missing and can be had.
    void refill() noexcept;
    bool is_full() const noexcept { return count_ == kCount; }
    bool is_empty() const noexcept { return count_ == 0; }

private:
    std::array<FileDescriptor, kCount> spare_; // the first `count_`
    std::size_t count_ = 0;
};

// Raises the number of descriptors that this process may have to the most that it may ask for.
void raise_descriptor_limit() noexcept;
// That number.
std::size_t descriptor_limit() noexcept;

} // namespace vx
