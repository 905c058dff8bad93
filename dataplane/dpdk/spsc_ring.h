// SPDX-License-Identifier: BSD-3-Clause
// A bounded queue between two threads: one pushes, one pops, neither ever waits.
#pragma once

#include "dataplane/base/result.h"

#include <rte_ring.h>
#include <rte_ring_elem.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace vx
{

template <typename T>
class SpscRing
{
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % 4 == 0);

public:
    // Holds exactly `count` elements. Plain memory: nothing is registered with DPDK, and EAL need not run.
    static Result<SpscRing> create(std::string_view name, std::uint32_t count)
    {
        constexpr unsigned kFlags = RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ;
        const ssize_t size = rte_ring_get_memsize_elem(sizeof(T), rte_align32pow2(count + 1));
        void* memory = size < 0 ? nullptr : std::aligned_alloc(RTE_CACHE_LINE_SIZE, static_cast<std::size_t>(size));
        SpscRing ring{static_cast<rte_ring*>(memory)};
        const std::string short_name{name.substr(0, RTE_RING_NAMESIZE - 1)};
        if (memory == nullptr || rte_ring_init(ring.ring_.get(), short_name.c_str(), count, kFlags) != 0)
            return error("ring \"{}\" of {} elements: no memory", name, count);
        return ring;
    }

    bool push(const T& element) noexcept // false: full
    {
        return rte_ring_sp_enqueue_elem(ring_.get(), const_cast<T*>(&element), sizeof(T)) == 0;
    }

    // All of them or, when there is not so much room, none.
    bool push_all(std::span<const T> elements) noexcept
    {
        return rte_ring_sp_enqueue_bulk_elem(ring_.get(), elements.data(), sizeof(T),
                                             static_cast<unsigned>(elements.size()), nullptr) != 0;
    }

    std::size_t pop(std::span<T> out) noexcept // fills from the front; how many
    {
        return rte_ring_sc_dequeue_burst_elem(ring_.get(), out.data(), sizeof(T), static_cast<unsigned>(out.size()),
                                              nullptr);
    }

    // As many as there is room for in `out` or, when there are not so many, none.
    bool pop_all(std::span<T> out) noexcept
    {
        return rte_ring_sc_dequeue_bulk_elem(ring_.get(), out.data(), sizeof(T), static_cast<unsigned>(out.size()),
                                             nullptr) != 0;
    }

    // Hints: the other thread goes on.
    bool is_empty() const noexcept { return rte_ring_empty(ring_.get()) != 0; }
    std::size_t count() const noexcept { return rte_ring_count(ring_.get()); }
    std::size_t capacity() const noexcept { return rte_ring_get_capacity(ring_.get()); }

private:
    struct Free {
        void operator()(rte_ring* ring) const { std::free(ring); }
    };

    explicit SpscRing(rte_ring* ring) : ring_(ring) {}

    std::unique_ptr<rte_ring, Free> ring_;
};

} // namespace vx
