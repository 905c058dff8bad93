// SPDX-License-Identifier: BSD-3-Clause
// Generic receive offload, the opposite of segmentation: TCP segments that follow each other, on their way to a port
// that takes GSO frames, become one.
#pragma once

#include "dataplane/dpdk/mbuf.h"

#include <cstddef>
#include <span>

namespace vx
{

inline constexpr std::size_t kMaxCoalesced = 32; // frames

// Merges what cutting would give back: segments of one connection, in order, alike but for sequence number, IP ID, PSH
// and FIN, of one size but for the last, each with a right checksum; over IPv4 and IPv6, as the port takes what is
// merged (tso4, tso6). Nothing is moved past a frame of its own connection. Returns how many frames there are now; they
// lie in front. Precondition: at most kMaxCoalesced frames.
std::size_t coalesce(std::span<rte_mbuf*> frames, Offloads taken) noexcept;

} // namespace vx
