// SPDX-License-Identifier: BSD-3-Clause
// An underlay neighbour as a worker sees it: whose MACs stand in front of what goes there, and by which port; or why
// nothing can. Any number of EncapTemplates name one, so that a next hop's new MAC is one write, and no template's.
#pragma once

#include "dataplane/net/drop_reason.h"
#include "dataplane/net/mac.h"
#include "dataplane/state/dest.h"
#include "dataplane/state/ids.h"

#include <immintrin.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace vx
{

// The control thread, its only writer, rewrites it while workers read: the two MACs at once, as a NextHopCell, and then
// whether there is a way. The port of a Path that leads somewhere stays the same for as long as anybody names it.
class alignas(32) Path
{
public:
    explicit Path(DropReason reason = DropReason::vtep_unresolved) noexcept : next_(Dest::drop(reason).word()) {}

    // The underlay port, or why there is no way. Read it before write().
    Dest next() const noexcept { return Dest::from_word(next_.load(std::memory_order_acquire)); }
    // Writes 16 bytes at `out`: destination and source MAC, and four that are for whatever comes behind them.
    void write(std::byte* out) const noexcept
    {
        __m128i macs;
        asm volatile("vmovdqa %1, %0" : "=x"(macs) : "m"(macs_));
        _mm_storeu_si128(reinterpret_cast<__m128i*>(out), macs);
    }

    void lead_to(const Mac& destination, const Mac& source, LinkId port) noexcept
    {
        std::array<std::uint8_t, 16> bytes{};
        std::memcpy(bytes.data(), destination.bytes().data(), 6);
        std::memcpy(bytes.data() + 6, source.bytes().data(), 6);
        const __m128i macs = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes.data()));
        asm volatile("vmovdqa %1, %0" : "=m"(macs_) : "x"(macs) : "memory");
        next_.store(Dest::port(port).word(), std::memory_order_release);
    }
    void lead_nowhere(DropReason reason) noexcept { next_.store(Dest::drop(reason).word(), std::memory_order_release); }

private:
    alignas(16) std::array<std::uint8_t, 16> macs_{}; // ThreadSanitizer does not see these accesses, which are assembly
    std::atomic<std::uint64_t> next_;
};
static_assert(sizeof(Path) == 32);

// What a template names that nobody can be reached by.
inline const Path kLinkDown{DropReason::link_down};
inline const Path kNoRoute{DropReason::vtep_no_route};

} // namespace vx
