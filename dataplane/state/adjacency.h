// SPDX-License-Identifier: BSD-3-Clause
// What a route leads to. Of a next hop that it names, its MAC and where the FDB says that this is are here too, so that
// a routed packet reads one line for what would take a look-up of the neighbour and one of the FDB.
#pragma once

#include "dataplane/state/dest.h"
#include "dataplane/state/ids.h"
#include "dataplane/state/punt.h"

#include <immintrin.h>

#include <cstdint>

namespace vx
{

// What is known of a next hop now.
struct NextHop {
    std::uint64_t mac = 0;                                                       // Mac::to_u64()
    Dest dest = Dest::punt(static_cast<std::uint32_t>(PuntReason::kUnresolved)); // this: the MAC is unknown too
    bool is_known() const { return dest.kind() != Dest::Kind::kPunt; }
};

// The same in a cell that the control thread, its only writer, replaces while workers read: they see it as it was or as
// it is, never half of each. Where there is AVX, processors promise that of aligned loads and stores of sixteen bytes;
// in assembly because the memory model has no word for it.
class alignas(16) NextHopCell
{
public:
    NextHopCell() { store({}); }
    NextHopCell(const NextHopCell&) = default; // of one that nobody writes

    NextHop load() const noexcept
    {
        __m128i words;
        asm volatile("vmovdqa %1, %0" : "=x"(words) : "m"(*this));
        return {static_cast<std::uint64_t>(_mm_cvtsi128_si64(words)),
                Dest::from_word(static_cast<std::uint64_t>(_mm_extract_epi64(words, 1)))};
    }
    void store(const NextHop& next) noexcept
    {
        const __m128i words =
            _mm_set_epi64x(static_cast<std::int64_t>(next.dest.word()), static_cast<std::int64_t>(next.mac));
        asm volatile("vmovdqa %1, %0" : "=m"(*this) : "x"(words) : "memory"); // after whatever it names
    }

private:
    std::uint64_t mac_;
    std::uint64_t dest_;
};

// Index: the route table's result.
struct Adjacency {
    enum class Kind : std::uint8_t {
        kNone,
        kLocal,     // one of our own addresses
        kConnected, // the destination itself is a neighbour on `interface`
        kVia,       // the neighbour `via` on `interface`
        kUnderlay,  // out of an underlay port
        kBroadcast, // a subnet's broadcast address; not routed (RFC 2644)
        kMartian,   // an address that is nobody's
    };
    Kind kind = Kind::kNone;
    LinkId interface;      // a bridge or VXLAN device
    std::uint32_t via = 0; // host order
    NextHopCell next_hop;  // kVia
};
static_assert(sizeof(Adjacency) == 32);

} // namespace vx
