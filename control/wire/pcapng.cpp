// SPDX-License-Identifier: BSD-3-Clause
#include "control/wire/pcapng.h"

#include <cstring>

namespace vx::pcapng
{

namespace
{

constexpr std::uint32_t kByteOrder = 0x1a2b3c4d;
constexpr std::uint16_t kEthernet = 1;
constexpr std::uint8_t kNanoseconds = 9;

template <typename T>
void append(std::string& out, T value) // in this machine's order, which the section's header tells
{
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    out.append(bytes, sizeof(T));
}

void pad(std::string& out)
{
    out.append((4 - out.size() % 4) % 4, '\0');
}

// Ends itself: the size stands at both ends.
class Block
{
public:
    Block(std::string& out, std::uint32_t type) : out_(out)
    {
        pad(out_); // nothing, as every block is a multiple of four
        begin_ = out_.size();
        append(out_, type);
        append(out_, std::uint32_t{0});
    }
    Block(const Block&) = delete;
    ~Block()
    {
        const auto size = static_cast<std::uint32_t>(out_.size() - begin_ + sizeof(std::uint32_t));
        append(out_, size);
        std::memcpy(out_.data() + begin_ + sizeof(std::uint32_t), &size, sizeof(size));
    }

    void option(std::uint16_t code, std::string_view value)
    {
        append(out_, code);
        append(out_, static_cast<std::uint16_t>(value.size()));
        out_ += value;
        pad(out_);
    }
    template <typename T>
    void number(std::uint16_t code, T value)
    {
        char bytes[sizeof(T)];
        std::memcpy(bytes, &value, sizeof(T));
        option(code, {bytes, sizeof(T)});
    }
    void end_options() { append(out_, std::uint32_t{option::kEnd}); }

private:
    std::string& out_;
    std::size_t begin_ = 0;
};

void append_time(std::string& out, std::uint64_t time_ns)
{
    append(out, static_cast<std::uint32_t>(time_ns >> 32));
    append(out, static_cast<std::uint32_t>(time_ns));
}

} // namespace

void append_section(std::string& out, std::string_view program)
{
    Block block(out, kSection);
    append(out, kByteOrder);
    append(out, std::uint16_t{1}); // version 1.0
    append(out, std::uint16_t{0});
    append(out, ~std::uint64_t{0}); // of a length that is not known yet
    block.option(option::kProgram, program);
    block.end_options();
}

void append_interface(std::string& out, std::string_view name, std::uint32_t snaplen)
{
    Block block(out, kInterface);
    append(out, kEthernet);
    append(out, std::uint16_t{0});
    append(out, snaplen);
    block.option(option::kInterfaceName, name);
    block.number(option::kTimeResolution, kNanoseconds);
    block.end_options();
}

void append_packet(std::string& out, const Packet& packet)
{
    Block block(out, kPacket);
    append(out, packet.interface);
    append_time(out, packet.time_ns);
    append(out, static_cast<std::uint32_t>(packet.bytes.size()));
    append(out, packet.size);
    out.append(reinterpret_cast<const char*>(packet.bytes.data()), packet.bytes.size());
    pad(out);
    if (!packet.comment.empty())
        block.option(option::kComment, packet.comment);
    block.number(option::kFlags, packet.flags);
    block.number(option::kPacketId, packet.id);
    block.end_options();
}

void append_statistics(std::string& out, std::uint32_t interface, std::uint64_t time_ns, std::uint64_t received,
                       std::uint64_t dropped)
{
    Block block(out, kStatistics);
    append(out, interface);
    append_time(out, time_ns);
    block.number(option::kReceived, received);
    block.number(option::kDropped, dropped);
    block.end_options();
}

} // namespace vx::pcapng
