// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/state/route_table.h"

#include <algorithm>
#include <cassert>

namespace vx
{

constinit const RouteTable::Node RouteTable::kEmpty{};

RouteTable::RouteTable(const RouteTable& other) noexcept : root_(other.root_)
{
    if (root_ != nullptr)
        ++root_->references;
}

RouteTable::~RouteTable()
{
    if (root_ != nullptr)
        release(root_);
}

void RouteTable::release(Node* node) noexcept
{
    if (--node->references != 0)
        return;
    for (const Word word : node->words)
        if (is_node(word))
            release(node_of(word));
    delete node;
}

// What becomes of a word, and of the length beside it, when all results below it that are in the prefix are changed.
// `depth`: bits of the address that lead to it.
template <typename Change>
RouteTable::Word RouteTable::changed(Word word, std::uint8_t& word_length, unsigned depth, std::uint32_t prefix,
                                     unsigned length, const Change& change)
{
    if (!is_node(word) && length <= depth) {
        change(word, word_length);
        return word;
    }
    // A node of our own, which nobody else sees: a copy, or one that says everywhere what the word said.
    Node* node = is_node(word) ? node_of(word) : new Node;
    if (!is_node(word)) {
        node->words.fill(word);
        node->lengths.fill(word_length);
    } else if (node->references != 1) {
        --node->references;
        node = new Node{*node};
        node->references = 1;
        for (const Word below : node->words)
            if (is_node(below))
                ++node_of(below)->references;
    }
    std::size_t first = 0;
    std::size_t count = kSize;
    if (length > depth) {
        const unsigned bits = std::min(length - depth, 8U); // of the prefix, in this byte
        count = kSize >> bits;
        first = (prefix >> (24 - depth)) & (kSize - count);
    }
    for (std::size_t i = first; i < first + count; ++i)
        node->words[i] = changed(node->words[i], node->lengths[i], depth + 8, prefix, length, change);
    // One that says the same everywhere, of a prefix no longer than what leads here, says no more than a word.
    const bool is_needless =
        depth != 0 && node->lengths[0] <= depth &&
        std::all_of(node->words.begin(), node->words.end(), [&](Word other) { return other == node->words[0]; }) &&
        !is_node(node->words[0]) && std::all_of(node->lengths.begin(), node->lengths.end(), [&](std::uint8_t other) {
            return other == node->lengths[0];
        });
    if (!is_needless)
        return word_of(node);
    word = node->words[0];
    word_length = node->lengths[0];
    delete node;
    return word;
}

template <typename Change>
void RouteTable::change(std::uint32_t prefix, unsigned length, const Change& change)
{
    std::uint8_t none = 0;
    // The root is a node always: depth 0 is where no word leads.
    root_ = node_of(changed(root_ == nullptr ? word_of(new Node) : word_of(root_), none, 0, prefix, length, change));
}

void RouteTable::set(const Route& route)
{
    assert(route.length <= 32 && route.result != 0);
    change(route.prefix, route.length, [&](Word& word, std::uint8_t& length) {
        if (length > route.length)
            return;
        word = route.result;
        length = static_cast<std::uint8_t>(route.length);
    });
}

void RouteTable::erase(std::uint32_t prefix, unsigned length, const Route& cover)
{
    change(prefix, length, [&](Word& word, std::uint8_t& word_length) {
        if (word_length != length || word == 0)
            return;
        word = cover.result;
        word_length = static_cast<std::uint8_t>(cover.result == 0 ? 0 : cover.length);
    });
}

} // namespace vx
