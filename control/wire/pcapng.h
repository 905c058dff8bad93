// SPDX-License-Identifier: BSD-3-Clause
// Blocks of a pcapng file (draft-ietf-opsawg-pcapng), appended to a text: one section of Ethernet interfaces with
// times in nanoseconds. DPDK has rte_pcapng; in 22.11 it knows no interfaces but ethdevs, and neither comments nor
// packet ids. libpcap reads the format and does not write it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace vx::pcapng
{

inline constexpr std::uint32_t kSection = 0x0a0d0d0a;
inline constexpr std::uint32_t kInterface = 1;
inline constexpr std::uint32_t kStatistics = 5;
inline constexpr std::uint32_t kPacket = 6;

namespace option
{
inline constexpr std::uint16_t kEnd = 0, kComment = 1;
inline constexpr std::uint16_t kInterfaceName = 2, kTimeResolution = 9; // of an interface
inline constexpr std::uint16_t kProgram = 4;                            // of a section
inline constexpr std::uint16_t kFlags = 2, kPacketId = 5;               // of a packet
inline constexpr std::uint16_t kReceived = 4, kDropped = 5;             // of statistics
} // namespace option

inline constexpr std::uint32_t kInbound = 1, kOutbound = 2; // of kFlags

struct Packet {
    std::uint32_t interface = 0; // which of the section, from 0
    std::uint64_t time_ns = 0;   // since 1970
    std::span<const std::byte> bytes;
    std::uint32_t size = 0; // that it had
    std::uint32_t flags = 0;
    std::uint64_t id = 0;
    std::string_view comment; // empty: none
};

void append_section(std::string& out, std::string_view program);
// The section's next one, from 0. libpcap wants the same snaplen for all of them.
void append_interface(std::string& out, std::string_view name, std::uint32_t snaplen);
void append_packet(std::string& out, const Packet& packet);
void append_statistics(std::string& out, std::uint32_t interface, std::uint64_t time_ns, std::uint64_t received,
                       std::uint64_t dropped);

} // namespace vx::pcapng
