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

    // A lookup in two steps, for those who want many at a time: the first asks for the line that the second reads.
    class Reader
    {
    public:
        explicit Reader(const RouteTable& table) : words_(table.words_.data()) {}

        // What the first three bytes of the address (host order) say.
        std::uint32_t begin(std::uint32_t address) const noexcept
        {
            std::uint32_t entry = words_[address >> 16];
            if ((entry & kChunk) != 0)
                entry = words_[chunk_at(entry) + ((address >> 8) & 0xff)];
            if ((entry & kChunk) != 0)
                __builtin_prefetch(&words_[chunk_at(entry) + (address & 0xff)]);
            return entry;
        }
        // The result of the longest prefix that the address lies in; 0: none. `begun` is what begin() said of it.
        std::uint32_t end(std::uint32_t begun, std::uint32_t address) const noexcept
        {
            return (begun & kChunk) == 0 ? begun : words_[chunk_at(begun) + (address & 0xff)];
        }

    private:
        const std::uint32_t* words_;
    };

    std::uint32_t find(std::uint32_t address) const noexcept
    {
        const Reader reader{*this};
        return reader.end(reader.begin(address), address);
    }

private:
    static constexpr std::size_t kRoots = 1 << 16;
    static constexpr std::size_t kChunkSize = 256;
    static constexpr std::uint32_t kChunk = 0x80000000; // the entry is the number of a chunk, not a result

    RouteTable() : words_(kRoots) {}
    static std::size_t chunk_at(std::uint32_t entry) noexcept { return kRoots + (entry & ~kChunk) * kChunkSize; }
    std::size_t descend(std::size_t at);
    void add(const Route& route);

    std::vector<std::uint32_t> words_; // the roots, then the chunks
};

} // namespace vx
