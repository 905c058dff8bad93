// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/port/kernel/packet_ring.h"

#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

namespace vx
{

Result<PacketRing> PacketRing::create(int socket, std::size_t frame_size)
{
    constexpr std::size_t kBytes = 4U << 20;
    constexpr std::size_t kOverhead = 96; // TPACKET2_HDRLEN and both headers, aligned
    constexpr std::size_t kBlock = 65536; // holds a whole number of slots, so that these lie one behind the other
    constexpr std::size_t kMinSlot = 2048;
    constexpr std::size_t kMaxSlot = 32768;

    const std::size_t slot_size = std::clamp(std::bit_ceil(frame_size + kOverhead), kMinSlot, kMaxSlot);
    const std::size_t slot_count = std::max<std::size_t>(kBytes / slot_size, 256);
    tpacket_req request{};
    request.tp_block_size = kBlock;
    request.tp_block_nr = static_cast<unsigned>(slot_size * slot_count / kBlock);
    request.tp_frame_size = static_cast<unsigned>(slot_size);
    request.tp_frame_nr = static_cast<unsigned>(slot_count);
    const int version = TPACKET_V2;
    const int leaves_large_ones = 1;
    if (setsockopt(socket, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) != 0 ||
        setsockopt(socket, SOL_PACKET, PACKET_COPY_THRESH, &leaves_large_ones, sizeof(leaves_large_ones)) != 0 ||
        setsockopt(socket, SOL_PACKET, PACKET_RX_RING, &request, sizeof(request)) != 0)
        return error("a receive ring of {} slots: {}", slot_count, std::strerror(errno));
    void* const memory = mmap(nullptr, slot_size * slot_count, PROT_READ | PROT_WRITE, MAP_SHARED, socket, 0);
    if (memory == MAP_FAILED)
        return error("a receive ring of {} bytes: {}", slot_size * slot_count, std::strerror(errno));
    return PacketRing{static_cast<std::byte*>(memory), slot_size, slot_count};
}

void PacketRing::Unmap::operator()(std::byte* memory) const
{
    munmap(memory, size);
}

} // namespace vx
