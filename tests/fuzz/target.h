// SPDX-License-Identifier: BSD-3-Clause
// What every fuzz target has in common. A target is a function of one input that must return for every input; it ends
// the process where an invariant does not hold. libFuzzer calls one of them, replay.cpp all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fmt/format.h>
#include <memory>
#include <span>

namespace vx::fuzz
{

using Input = std::span<const std::uint8_t>;

void outer_parse(Input input);
void inner_parse(Input input);
void control_protocol(Input input);
void pipeline(Input input);
void vnet_header(Input input);

// Not assert(): a release build checks too.
inline void require(bool holds, const char* invariant)
{
    if (holds) [[likely]]
        return;
    fmt::print(stderr, "does not hold: {}\n", invariant);
    std::abort();
}

// A copy on the heap that ends where the bytes end, so that AddressSanitizer sees a read beyond.
class ExactCopy
{
public:
    explicit ExactCopy(Input bytes) : size_(bytes.size()), bytes_(new std::byte[bytes.size()])
    {
        if (!bytes.empty())
            std::memcpy(bytes_.get(), bytes.data(), bytes.size());
    }
    std::byte* data() { return bytes_.get(); }
    std::span<const std::byte> view() const { return {bytes_.get(), size_}; }

private:
    std::size_t size_;
    std::unique_ptr<std::byte[]> bytes_;
};

} // namespace vx::fuzz
