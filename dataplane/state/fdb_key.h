// SPDX-License-Identifier: BSD-3-Clause
// The FDB's key: bridging domain (16 bits) and MAC (48 bits) in one word. Domains start at 1, so no key is zero.
#pragma once

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

    constexpr std::uint64_t word() const { return word_; }
    constexpr BridgeId bridge() const { return BridgeId{static_cast<std::uint16_t>(word_ >> 48)}; }
    constexpr Mac mac() const { return Mac::from_u64(word_ & 0xffffffffffffULL); }
    constexpr bool is_group() const { return (word_ & (std::uint64_t{1} << 40)) != 0; }
    friend constexpr auto operator<=>(const FdbKey&, const FdbKey&) = default;

private:
    std::uint64_t word_ = 0;
};

} // namespace vx
