// SPDX-License-Identifier: BSD-3-Clause
// What a worker notes of a frame that a capture wants: a header, and behind it the frame's first bytes. It travels
// through a ring in cells of 16 bytes, whole or not at all.
#pragma once

#include "dataplane/net/ip.h"
#include "dataplane/state/dest.h"
#include "dataplane/state/ids.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace vx
{

// Where a frame can be looked at.
enum class CapturePoint : std::uint8_t {
    kPort,   // as it came in by a port, or is about to leave by it
    kVxlan,  // at a VXLAN device: the inner frame, after decapsulation or before encapsulation
    kBridge, // in a bridge, once, with what was decided of it
    kHost,   // on its way to the control thread or from there
    kDrop,   // where it ends
};
enum class Direction : std::uint8_t { kIn, kOut }; // as seen from vxd; of the host, to it is in

struct CaptureRecord {
    std::uint32_t captured = 0; // bytes of the frame that follow
    std::uint32_t size = 0;     // that it had
    std::uint64_t time_ns = 0;  // since 1970
    std::uint64_t packet_id = 0;
    Dest dest{}; // kBridge: the decision; kDrop: the reason; kHost, in: why; kVxlan, out: the VTEP
    LinkId link{};
    CapturePoint point = CapturePoint::kPort;
    Direction direction = Direction::kIn;
    std::uint8_t remote_family = 0; // 4 or 6 where `remote` is known
    std::array<std::uint8_t, 3> reserved{};
    std::array<std::uint8_t, 16> remote{}; // the far VTEP, that it goes to or came from
    std::uint64_t reserved2 = 0;

    void set_remote(const IpAddress& address)
    {
        remote = address.bytes();
        remote_family = static_cast<std::uint8_t>(address.family());
    }
};
static_assert(sizeof(CaptureRecord) == 64);

struct alignas(16) CaptureCell {
    std::array<std::byte, 16> bytes;
};
inline constexpr std::size_t kRecordCells = sizeof(CaptureRecord) / sizeof(CaptureCell);
constexpr std::size_t cells_for(std::size_t bytes)
{
    return (bytes + sizeof(CaptureCell) - 1) / sizeof(CaptureCell);
}

// The longest frame, its outer headers included; what a capture without a snaplen takes.
inline constexpr std::uint32_t kMaxSnaplen = 72 << 10;

} // namespace vx
