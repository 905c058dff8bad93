// SPDX-License-Identifier: BSD-3-Clause
// Which MAC has the neighbour with this IPv4 address on this interface: (LinkId, address) -> Mac. The control thread
// is the only writer; a worker asks table() for key() and reads the answer with mac_of().
#pragma once

#include "dataplane/net/mac.h"
#include "dataplane/state/ids.h"
#include "dataplane/state/word_table.h"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace vx
{

class NeighborTable
{
public:
    static constexpr std::size_t kDefaultMax = std::size_t{1} << 20; // entries
    using Change = WordTable::Change;

    explicit NeighborTable(std::size_t max_size = kDefaultMax,
                           WordTable::SeedSource seed_source = WordTable::random_seed);

    // Never 0, as link ids start at 1. The address is in host order.
    static constexpr std::uint64_t key(LinkId interface, std::uint32_t address)
    {
        return (std::uint64_t{interface.value} << 32) | address;
    }
    static constexpr LinkId link_of(std::uint64_t key) { return LinkId{static_cast<std::uint16_t>(key >> 32)}; }
    static constexpr std::uint32_t address_of(std::uint64_t key) { return static_cast<std::uint32_t>(key); }
    // Never 0, not even for an all-zero MAC.
    static std::uint64_t value(const Mac& mac) { return kValid | mac.to_u64(); }
    static constexpr Mac mac_of(std::uint64_t value) { return Mac::from_u64(value & (kValid - 1)); }

    const BucketTable& table() const { return words_.table(); } // for the next published config
    void release_retired() { words_.release_retired(); }        // after publishing and synchronizing

    std::optional<Mac> find(LinkId interface, std::uint32_t address) const;
    Change set(LinkId interface, std::uint32_t address, const Mac& mac, std::uint32_t now);
    bool erase(LinkId interface, std::uint32_t address);

    std::size_t size() const { return words_.size(); }
    std::size_t max_size() const { return words_.max_size(); }
    std::uint64_t refused() const { return words_.refused(); }

    // function(LinkId, address, Mac, last_seen); it may erase and update entries, but not insert.
    template <typename Function>
    void for_each(Function&& function) const
    {
        words_.for_each([&](std::uint64_t key, std::uint64_t value, std::uint32_t seen) {
            function(link_of(key), address_of(key), mac_of(value), seen);
        });
    }

private:
    static constexpr std::uint64_t kValid = std::uint64_t{1} << 48;
    WordTable words_;
};

} // namespace vx
