// SPDX-License-Identifier: BSD-3-Clause
// VNI -> VXLAN device, immutable: 4096 chunks of 4096 entries, so that find() is two loads and all 2^24 VNIs are
// possible. A changed copy shares every chunk that did not change; chunks without a device are one and the same.
#pragma once

#include "dataplane/net/vni.h"
#include "dataplane/state/ids.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace vx
{

class VniMap
{
public:
    struct Entry {
        Vni vni;
        LinkId link; // kNoLink: the VNI has no device
    };

    VniMap() { chunks_.fill(&kEmpty); }
    explicit VniMap(std::span<const Entry> entries) : VniMap() { assign(entries); }

    LinkId find(Vni vni) const noexcept { return (*chunks_[vni.value() >> kBits])[vni.value() & kMask]; }

    // This map with some entries replaced; of two for one VNI the later counts.
    VniMap with(std::span<const Entry> entries) const;

    bool is_empty() const { return owned_ == nullptr; }

private:
    static constexpr unsigned kBits = 12;
    static constexpr std::uint32_t kCount = 1U << kBits;
    static constexpr std::uint32_t kMask = kCount - 1;
    using Chunk = std::array<LinkId, kCount>;
    static const Chunk kEmpty;

    void assign(std::span<const Entry> entries);

    using Owned = std::array<std::shared_ptr<const Chunk>, kCount>;

    std::array<const Chunk*, kCount> chunks_; // what readers follow; each is kEmpty or in owned_
    std::shared_ptr<const Owned> owned_;      // null: no VNI has a device
};

} // namespace vx
