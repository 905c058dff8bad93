// SPDX-License-Identifier: BSD-3-Clause
// Where a packet goes: one word, so that a table holds it, a reader sees it whole, and a packet has exactly one.
//
//   bits 7..0  kind      15..8  flags (FDB entries only)      31..16  link      63..32  index
#pragma once

#include "dataplane/net/drop_reason.h"
#include "dataplane/state/ids.h"

#include <cstdint>

namespace vx
{

class Dest
{
public:
    enum class Kind : std::uint8_t {
        kNone,      // not found: unknown destination
        kDrop,      // reason()
        kPort,      // link()
        kVtep,      // vtep(), by VXLAN device link()
        kReplicate, // replication(): each VTEP of the list, by VXLAN device link()
        kFlood,     // the bridge's flood list
        kLocal,     // the bridging domain's own interface: a gateway, routed from there
        kPunt,      // to the control thread; index() is a PuntReason
    };

    // What an FDB entry says about itself. Forwarding ignores it.
    enum Flag : std::uint8_t {
        kStatic = 1 << 0,    // never ages, never moves ("static" in bridge(8))
        kPermanent = 1 << 1, // static, and set by configuration for an address ("permanent")
        kLearned = 1 << 2,   // learned from traffic; ages
        kExternal = 1 << 3,  // told by a control plane ("extern_learn"): never ages; unless static, it moves when it is
                             // learned elsewhere
    };

    constexpr Dest() = default;
    static constexpr Dest drop(DropReason reason)
    {
        return Dest{Kind::kDrop, kNoLink, static_cast<std::uint32_t>(reason)};
    }
    static constexpr Dest port(LinkId link) { return Dest{Kind::kPort, link, 0}; }
    static constexpr Dest vtep(LinkId vxlan, VtepId vtep) { return Dest{Kind::kVtep, vxlan, vtep.value}; }
    static constexpr Dest replicate(LinkId vxlan, ReplicationId list)
    {
        return Dest{Kind::kReplicate, vxlan, list.value};
    }
    static constexpr Dest flood() { return Dest{Kind::kFlood, kNoLink, 0}; }
    static constexpr Dest local(LinkId link) { return Dest{Kind::kLocal, link, 0}; }
    static constexpr Dest punt(std::uint32_t reason) { return Dest{Kind::kPunt, kNoLink, reason}; }
    static constexpr Dest from_word(std::uint64_t word)
    {
        Dest dest;
        dest.word_ = word;
        return dest;
    }

    constexpr Kind kind() const { return static_cast<Kind>(word_ & 0xff); }
    constexpr LinkId link() const { return LinkId{static_cast<std::uint16_t>(word_ >> 16)}; }
    constexpr std::uint32_t index() const { return static_cast<std::uint32_t>(word_ >> 32); }
    constexpr VtepId vtep() const { return VtepId{index()}; }
    constexpr ReplicationId replication() const { return ReplicationId{index()}; }
    constexpr DropReason reason() const { return static_cast<DropReason>(index()); }

    constexpr std::uint8_t flags() const { return static_cast<std::uint8_t>(word_ >> 8); }
    constexpr bool has(Flag flag) const { return (flags() & flag) != 0; }
    constexpr bool is_fixed() const { return (flags() & (kStatic | kPermanent)) != 0; }
    // Whether it stays without traffic.
    constexpr bool is_configured() const { return (flags() & (kStatic | kPermanent | kExternal)) != 0; }
    constexpr Dest with(std::uint8_t flags) const
    {
        return from_word((word_ & ~std::uint64_t{0xff00}) | (std::uint64_t{flags} << 8));
    }

    constexpr Dest without_flags() const { return from_word(word_ & kPlace); }
    constexpr bool is_same_place(Dest other) const { return ((word_ ^ other.word_) & kPlace) == 0; }

    constexpr std::uint64_t word() const { return word_; }
    friend constexpr bool operator==(const Dest&, const Dest&) = default;

private:
    static constexpr std::uint64_t kPlace = ~std::uint64_t{0xff00}; // all but the flags
    constexpr Dest(Kind kind, LinkId link, std::uint32_t index)
        : word_((std::uint64_t{index} << 32) | (std::uint64_t{link.value} << 16) | static_cast<std::uint8_t>(kind))
    {
    }
    std::uint64_t word_ = 0;
};

static_assert(sizeof(Dest) == 8);

} // namespace vx
