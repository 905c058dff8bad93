// SPDX-License-Identifier: BSD-3-Clause
// Packets and bytes by far VTEP, or by destination MAC: what a capture counts that keeps no packets. One thread
// writes, any may read meanwhile. What finds no place is counted together.
#pragma once

#include "dataplane/capture/record.h"
#include "dataplane/state/counters.h"

#include <atomic>
#include <cstdint>
#include <cstring>
#include <vector>

namespace vx
{

class Tally
{
public:
    enum class By : std::uint8_t { kVtep, kDestination };

    struct Key {
        std::array<std::uint8_t, 16> name{}; // the VTEP's address, or the MAC in its first bytes
        LinkId link;                         // the VXLAN device, or the bridge
        Direction direction = Direction::kIn;
        std::uint8_t family = 0; // of a VTEP's address, 4 or 6

        friend auto operator<=>(const Key&, const Key&) = default;
    };
    struct Counts {
        std::uint64_t packets = 0, bytes = 0;
    };

    // The writer's thread.
    void add(const Key& key, std::uint32_t bytes) noexcept
    {
        Row& row = row_of(key);
        row.packets.add(1);
        row.bytes.add(bytes);
    }

    // function(const Key&, Counts)
    template <typename Function>
    void for_each(Function&& function) const
    {
        for (const Row& row : rows_)
            if (row.is_used.load(std::memory_order_acquire))
                function(row.key, Counts{row.packets.read(), row.bytes.read()});
    }
    Counts others() const { return {others_.packets.read(), others_.bytes.read()}; }

private:
    static constexpr std::size_t kRows = 16384; // a power of two
    static constexpr std::size_t kTried = 16;   // rows, before a key is one of the others

    struct Row {
        Key key;
        std::atomic<bool> is_used{false}; // released after the key was written, which then stays
        Counter packets;
        Counter bytes;
    };

    Row& row_of(const Key& key) noexcept
    {
        std::uint64_t words[2];
        std::memcpy(words, key.name.data(), sizeof(words));
        const std::uint64_t rest = (std::uint64_t{key.link.value} << 1) | static_cast<std::uint64_t>(key.direction);
        const std::uint64_t mixed = (words[0] ^ words[1] * 3 ^ rest << 17) * 0x9e3779b97f4a7c15ULL;
        for (std::size_t i = 0; i < kTried; ++i) {
            Row& row = rows_[((mixed >> 40) + i) % kRows];
            if (!row.is_used.load(std::memory_order_relaxed)) {
                row.key = key;
                row.is_used.store(true, std::memory_order_release);
            } else if (row.key != key) {
                continue;
            }
            return row;
        }
        return others_;
    }

    std::vector<Row> rows_{kRows};
    Row others_;
};

} // namespace vx
