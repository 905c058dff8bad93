// SPDX-License-Identifier: BSD-3-Clause
// The FDB's key: bridging domain (16 bits) and MAC (48 bits) in one word. Domains start at 1, so no key is zero.
#pragma once

#include "dataplane/net/headers.h"
#include "dataplane/net/mac.h"
#include "dataplane/state/ids.h"

#include <cstdint>

namespace vx
{

class FdbKey
{
public:
    constexpr FdbKey() = default;
    FdbKey(BridgeId bridge, const Mac& mac) : word_((std::uint64_t{bridge.value} << 48) | mac.to_u64()) {}
    static constexpr FdbKey from_word(std::uint64_t word)
    {
        FdbKey key;
        key.word_ = word;
        return key;
    }

    // What all keys of a domain have in common: the key of its all-zero MAC, which no frame has.
    static constexpr FdbKey domain(BridgeId bridge) { return from_word(std::uint64_t{bridge.value} << 48); }
    // Of the addresses in a frame's header, in one load each: both have at least two bytes beside them.
    static FdbKey destination_of(FdbKey domain, const EthernetHeader& header) noexcept
    {
        return from_word(domain.word_ | (load_big<std::uint64_t>(&header) >> 16));
    }
    static FdbKey source_of(FdbKey domain, const EthernetHeader& header) noexcept
    {
        const auto* bytes = reinterpret_cast<const std::byte*>(&header);
        return from_word(domain.word_ | (load_big<std::uint64_t>(bytes + 4) & kMacMask));
    }

    constexpr const std::uint64_t& word() const { return word_; } // where it lies, for the FDB to compare with
    constexpr BridgeId bridge() const { return BridgeId{static_cast<std::uint16_t>(word_ >> 48)}; }
    constexpr Mac mac() const { return Mac::from_u64(word_ & kMacMask); }
    constexpr bool is_group() const { return (word_ & (std::uint64_t{1} << 40)) != 0; }
    constexpr bool is_unicast() const { return !is_group() && (word_ & kMacMask) != 0; } // as Mac::is_unicast()
    friend constexpr auto operator<=>(const FdbKey&, const FdbKey&) = default;

private:
    static constexpr std::uint64_t kMacMask = 0xffffffffffffULL;
    std::uint64_t word_ = 0;
};

} // namespace vx
