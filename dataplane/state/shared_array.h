// SPDX-License-Identifier: BSD-3-Clause
// Values whose copies share what did not change, for configs of which a new version differs in one entry of many.
//
// SharedArray: a growing array in chunks. Reading an entry is one load more than from a flat array, and no branch.
// Copying costs one reference per chunk; edit() copies the chunk unless nobody else has it. The control thread makes,
// edits, copies and destroys; workers only read.
// SharedList: an immutable list; copying it costs one reference. Each that is made has a number of its own, so that who
// has read a part of it knows whether what he finds later is the same list, and not another one's in its place.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace vx
{

template <typename T, unsigned kBits = 8>
class SharedArray
{
public:
    // What a reader follows, one load nearer; good for as long as the array is and does not change.
    class Rows
    {
    public:
        explicit Rows(const SharedArray& array) noexcept : rows_(array.rows_.data()) {}
        const T& operator[](std::size_t index) const noexcept { return rows_[index >> kBits][index & kMask]; }

    private:
        const T* const* rows_;
    };

    explicit SharedArray(std::size_t size = 0) { resize(size); }

    std::size_t size() const noexcept { return size_; }
    // Precondition: index < size().
    const T& operator[](std::size_t index) const noexcept { return Rows{*this}[index]; }

    // Only grows; new entries are T{}.
    void resize(std::size_t size)
    {
        if (size <= size_)
            return;
        while (rows_.size() << kBits < size) {
            chunks_.push_back(std::make_shared<Chunk>());
            rows_.push_back(chunks_.back()->data());
        }
        size_ = size;
    }
    // An entry to be changed in this copy alone; the array grows to have it.
    T& edit(std::size_t index)
    {
        resize(index + 1);
        std::shared_ptr<Chunk>& chunk = chunks_[index >> kBits];
        if (chunk.use_count() != 1) {
            chunk = std::make_shared<Chunk>(*chunk);
            rows_[index >> kBits] = chunk->data();
        }
        return (*chunk)[index & kMask];
    }

    // An entry to be changed in all copies that have it in common, of a type that is made for that. Precondition:
    // index < size().
    T& edit_shared(std::size_t index) { return (*chunks_[index >> kBits])[index & kMask]; }

private:
    static constexpr std::size_t kMask = (std::size_t{1} << kBits) - 1;
    using Chunk = std::array<T, kMask + 1>;

    std::vector<const T*> rows_; // what readers follow
    std::vector<std::shared_ptr<Chunk>> chunks_;
    std::size_t size_ = 0;
};

template <typename T>
class SharedList
{
public:
    SharedList() = default;
    explicit SharedList(std::vector<T> items)
    {
        if (items.empty())
            return;
        items_ = std::make_shared<const std::vector<T>>(std::move(items));
        number_ = ++made_;
    }

    bool empty() const noexcept { return items_ == nullptr; }
    std::size_t size() const noexcept { return empty() ? 0 : items_->size(); }
    const T* begin() const noexcept { return empty() ? nullptr : items_->data(); }
    const T* end() const noexcept { return begin() + size(); }
    operator std::span<const T>() const noexcept { return {begin(), size()}; }
    std::uint64_t number() const noexcept { return number_; } // 0: empty

private:
    static inline std::uint64_t made_ = 0; // by the control thread, which alone makes any

    std::shared_ptr<const std::vector<T>> items_; // null: empty
    std::uint64_t number_ = 0;
};

} // namespace vx
