// SPDX-License-Identifier: BSD-3-Clause
// The words of many commands: one text, and where in it words and commands end. A batch has millions of words, and none
// of them costs an allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vx
{

using CommandWords = std::vector<std::string>;
using CommandView = std::span<const std::string_view>; // the words of one command, which lie elsewhere

class CommandList
{
public:
    CommandList() = default;
    CommandList(std::initializer_list<CommandWords> commands)
    {
        for (const CommandWords& words : commands)
            add(words);
    }

    bool empty() const { return command_ends_.empty(); }
    std::size_t size() const { return command_ends_.size(); }

    // Goes through the commands in their order. The words are the list's, and the view of them the iterator's.
    class Iterator
    {
    public:
        Iterator(const CommandList& list, std::size_t index) : list_(list), index_(index) {}
        CommandView operator*() & // and of no temporary
        {
            const std::size_t end = list_.command_ends_[index_];
            words_.clear();
            for (std::size_t word = index_ == 0 ? 0 : list_.command_ends_[index_ - 1]; word < end; ++word)
                words_.push_back(list_.word(word));
            return words_;
        }
        Iterator& operator++()
        {
            ++index_;
            return *this;
        }
        bool operator==(const Iterator& other) const { return index_ == other.index_; }

    private:
        const CommandList& list_;
        std::size_t index_;
        std::vector<std::string_view> words_;
    };
    Iterator begin() const { return {*this, 0}; }
    Iterator end() const { return {*this, size()}; }

    // ---- building ----
    // A word of the command that is not ended yet.
    void add_word(std::string_view word)
    {
        text_ += word;
        word_ends_.push_back(static_cast<std::uint32_t>(text_.size()));
    }
    void end_command() { command_ends_.push_back(static_cast<std::uint32_t>(word_ends_.size())); }
    // How many words the command has that is not ended yet; and takes them back.
    std::size_t open_words() const { return word_ends_.size() - (empty() ? 0 : command_ends_.back()); }
    void drop_open_words()
    {
        word_ends_.resize(word_ends_.size() - open_words());
        text_.resize(word_ends_.empty() ? 0 : word_ends_.back());
    }
    template <typename Words>
    void add(const Words& words)
    {
        for (const std::string_view word : words)
            add_word(word);
        end_command();
    }
    void reserve(std::size_t bytes, std::size_t words, std::size_t commands)
    {
        text_.reserve(bytes);
        word_ends_.reserve(words);
        command_ends_.reserve(commands);
    }

    friend bool operator==(const CommandList&, const CommandList&) = default;

private:
    std::string_view word(std::size_t index) const
    {
        const std::size_t first = index == 0 ? 0 : word_ends_[index - 1];
        return std::string_view(text_).substr(first, word_ends_[index] - first);
    }

    // Offsets of 32 bits: a request is smaller (kMaxRequestSize).
    std::string text_;
    std::vector<std::uint32_t> word_ends_;    // in text_
    std::vector<std::uint32_t> command_ends_; // in word_ends_
};

} // namespace vx
