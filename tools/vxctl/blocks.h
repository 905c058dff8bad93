// SPDX-License-Identifier: BSD-3-Clause
// Reading of the pcapng that vxd sends: whole blocks out of bytes as they come, and what is in them.
#pragma once

#include "dataplane/base/result.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vx
{

struct Block {
    std::uint32_t type = 0;
    std::string_view bytes; // all of it
};

// Hands out blocks of a stream. What a block points to is good until the next call.
class BlockReader
{
public:
    void add(std::string_view bytes);
    std::optional<Block> next(); // nothing: more has to come
    bool is_broken() const { return is_broken_; }

private:
    std::string buffer_;
    std::size_t at_ = 0;
    bool is_broken_ = false; // a block whose size cannot be
};

struct PacketBlock {
    std::uint32_t interface = 0;
    std::uint64_t time_ns = 0;
    std::uint32_t size = 0; // of the frame on the wire
    std::span<const std::byte> frame;
    std::uint32_t flags = 0;
    std::uint64_t id = 0;
    std::string_view comment;
};
std::optional<PacketBlock> read_packet(const Block& block);
std::string_view interface_name(const Block& block);
std::uint64_t dropped_of(const Block& statistics);

} // namespace vx
