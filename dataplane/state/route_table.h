// SPDX-License-Identifier: BSD-3-Clause
// IPv4 longest-prefix match, a value: copies share what did not change. A tree of nodes, one for each byte of the
// address below which there are longer prefixes; every entry says what the longest prefix leads to. So a look-up is as
// many loads as the longest prefix around has bytes, and one route more or less copies four nodes at most.
//
// The control thread makes, changes, copies and destroys; workers only read.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace vx
{

class RouteTable
{
public:
    struct Route {
        std::uint32_t prefix = 0; // host order; bits beyond the length are ignored
        unsigned length = 0;      // 0-32
        std::uint32_t result = 0; // 0: none
    };

    RouteTable() = default; // nothing is found; costs a pointer
    explicit RouteTable(std::span<const Route> routes)
    {
        for (const Route& route : routes)
            set(route);
    }
    RouteTable(const RouteTable& other) noexcept;
    RouteTable(RouteTable&& other) noexcept : root_(std::exchange(other.root_, nullptr)) {}
    RouteTable& operator=(RouteTable other) noexcept
    {
        std::swap(root_, other.root_);
        return *this;
    }
    ~RouteTable();

    // Adds a route, or gives one with this prefix another result. Costs what its prefix covers in the tree: the
    // shorter, the more.
    void set(const Route& route);
    // Takes out the route with this prefix. `cover`: the longest that its addresses are in now; result 0: none.
    void erase(std::uint32_t prefix, unsigned length, const Route& cover);

    // The result itself; 0: none.
    std::uint32_t find(std::uint32_t address) const noexcept
    {
        return static_cast<std::uint32_t>(*Reader{*this}.place_of(address));
    }

private:
    // A word is a result, or with the upper bit set the node below it.
    using Word = std::uint64_t;
    static constexpr Word kIsNode = Word{1} << 63;
    static constexpr std::size_t kSize = 256;
    struct Node {
        std::array<Word, kSize> words{};
        std::array<std::uint8_t, kSize> lengths{}; // of the prefixes that results are of
        std::uint32_t references = 1;              // nodes and tables that have it
    };
    static const Node kEmpty;

    static bool is_node(Word word) noexcept { return (word & kIsNode) != 0; }
    static Node* node_of(Word word) noexcept { return reinterpret_cast<Node*>(word & ~kIsNode); }
    static Word word_of(const Node* node) noexcept { return reinterpret_cast<Word>(node) | kIsNode; }

    template <typename Change>
    void change(std::uint32_t prefix, unsigned length, const Change& change);
    template <typename Change>
    static Word changed(Word word, std::uint8_t& word_length, unsigned depth, std::uint32_t prefix, unsigned length,
                        const Change& change);
    static void release(Node* node) noexcept;

    Node* root_ = nullptr;

public:
    // The table as a reader keeps it over a burst: place_of() every address, then read the places, so that misses
    // overlap. For as long as the table lives and does not change.
    class Reader
    {
    public:
        explicit Reader(const RouteTable& table) : root_(table.root_ == nullptr ? &kEmpty : table.root_) {}

        // Where the result of the longest prefix that the address (host order) lies in stands; it is asked for.
        const std::uint64_t* place_of(std::uint32_t address) const noexcept
        {
            const Word* place = &root_->words[address >> 24];
            if (!is_node(*place))
                return place;
            place = &node_of(*place)->words[(address >> 16) & 0xff];
            if (!is_node(*place))
                return place;
            place = &node_of(*place)->words[(address >> 8) & 0xff];
            if (!is_node(*place))
                return place;
            place = &node_of(*place)->words[address & 0xff];
            __builtin_prefetch(place);
            return place;
        }

    private:
        const Node* root_;
    };
};

} // namespace vx
