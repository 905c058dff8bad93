// SPDX-License-Identifier: BSD-3-Clause
#include "tools/vxctl/blocks.h"

#include "control/wire/pcapng.h"

#include <cstring>

namespace vx
{

namespace
{

constexpr std::size_t kLongestBlock = 1 << 20; // vxd's are much shorter
constexpr std::size_t kHeader = 8, kTrailer = 4;

template <typename T>
T read(std::string_view bytes, std::size_t at)
{
    T value{};
    if (at + sizeof(T) <= bytes.size())
        std::memcpy(&value, bytes.data() + at, sizeof(T));
    return value;
}

// function(code, value) for each of the options that begin at `at`.
template <typename Function>
void for_each_option(std::string_view block, std::size_t at, Function function)
{
    const std::size_t end = block.size() - kTrailer;
    while (at + 4 <= end) {
        const auto code = read<std::uint16_t>(block, at);
        const auto size = read<std::uint16_t>(block, at + 2);
        if (code == pcapng::option::kEnd || at + 4 + size > end)
            return;
        function(code, block.substr(at + 4, size));
        at += 4 + (std::size_t{size} + 3) / 4 * 4;
    }
}

} // namespace

void BlockReader::add(std::string_view bytes)
{
    buffer_.erase(0, at_);
    at_ = 0;
    buffer_ += bytes;
}

std::optional<Block> BlockReader::next()
{
    const std::string_view rest = std::string_view(buffer_).substr(at_);
    if (is_broken_ || rest.size() < kHeader)
        return std::nullopt;
    const auto size = read<std::uint32_t>(rest, 4);
    if (size < kHeader + kTrailer || size % 4 != 0 || size > kLongestBlock) {
        is_broken_ = true;
        return std::nullopt;
    }
    if (rest.size() < size)
        return std::nullopt;
    at_ += size;
    return Block{read<std::uint32_t>(rest, 0), rest.substr(0, size)};
}

std::optional<PacketBlock> read_packet(const Block& block)
{
    constexpr std::size_t kFrame = 28;
    const auto captured = read<std::uint32_t>(block.bytes, 20);
    if (block.type != pcapng::kPacket || kFrame + captured + kTrailer > block.bytes.size())
        return std::nullopt;
    PacketBlock packet;
    packet.interface = read<std::uint32_t>(block.bytes, 8);
    packet.time_ns = (std::uint64_t{read<std::uint32_t>(block.bytes, 12)} << 32) | read<std::uint32_t>(block.bytes, 16);
    packet.size = read<std::uint32_t>(block.bytes, 24);
    packet.frame = std::as_bytes(std::span(block.bytes.substr(kFrame, captured)));
    for_each_option(block.bytes, kFrame + (std::size_t{captured} + 3) / 4 * 4,
                    [&](std::uint16_t code, std::string_view value) {
                        if (code == pcapng::option::kComment)
                            packet.comment = value;
                        else if (code == pcapng::option::kFlags)
                            packet.flags = read<std::uint32_t>(value, 0);
                        else if (code == pcapng::option::kPacketId)
                            packet.id = read<std::uint64_t>(value, 0);
                    });
    return packet;
}

std::string_view interface_name(const Block& block)
{
    std::string_view name;
    for_each_option(block.bytes, 16, [&](std::uint16_t code, std::string_view value) {
        if (code == pcapng::option::kInterfaceName)
            name = value;
    });
    return name;
}

std::uint64_t dropped_of(const Block& statistics)
{
    std::uint64_t dropped = 0;
    for_each_option(statistics.bytes, 20, [&](std::uint16_t code, std::string_view value) {
        if (code == pcapng::option::kDropped)
            dropped = read<std::uint64_t>(value, 0);
    });
    return dropped;
}

} // namespace vx
