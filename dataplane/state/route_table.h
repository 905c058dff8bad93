// SPDX-License-Identifier: BSD-3-Clause
// IPv4 longest-prefix match, immutable: 2^16 roots by the upper half of the address, below them chunks of 256 for the
// third and the fourth byte. A lookup is one to three loads; most prefixes are /24 or shorter and cost two at most.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace vx
{

class RouteTable
{
public:
    static constexpr std::uint32_t kMaxResult = 0x7fffffff;

    struct Route {
        std::uint32_t prefix = 0; // host order; bits beyond the length are ignored
        unsigned length = 0;      // 0-32
        std::uint32_t result = 0; // 1-kMaxResult
    };

    // Of two routes with one prefix the later counts.
    static std::shared_ptr<const RouteTable> build(std::span<const Route> routes);

    // The table as a reader keeps it over a burst: place_of() every address, then read the places, so that misses
    // overlap. For as long as the table lives.
    class Reader
    {
    public:
        explicit Reader(const RouteTable& table) : words_(table.words_.data()) {}

        // Where the result of the longest prefix that the address (host order) lies in stands; it is asked for.
        const std::uint32_t* place_of(std::uint32_t address) const noexcept
        {
            const std::uint32_t* place = words_ + (address >> 16);
            if ((*place & kChunk) == 0)
                return place;
            place = words_ + (*place & ~kChunk) + ((address >> 8) & 0xff);
            if ((*place & kChunk) == 0)
                return place;
            place = words_ + (*place & ~kChunk) + (address & 0xff);
            __builtin_prefetch(place);
            return place;
        }

    private:
        const std::uint32_t* words_;
    };

    // The result itself; 0: none.
    std::uint32_t find(std::uint32_t address) const noexcept { return *Reader{*this}.place_of(address); }

private:
    static constexpr std::size_t kRoots = 1 << 16;
    static constexpr std::size_t kChunkSize = 256;
    static constexpr std::uint32_t kChunk = 0x80000000; // the entry says where a chunk begins, not a result

    RouteTable() : words_(kRoots) {}
    std::size_t descend(std::size_t at);
    void add(const Route& route);

    std::vector<std::uint32_t> words_; // the roots, then the chunks
};

} // namespace vx
