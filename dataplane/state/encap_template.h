// SPDX-License-Identifier: BSD-3-Clause
// A far VTEP as a worker sees it: the outer headers from the EtherType on, prebuilt, so that a packet patches only
// lengths, checksums, ECN and its source port; and the Path, whose MACs come before. Built by the control thread,
// immutable from then on.
#pragma once

#include "dataplane/net/checksum.h"
#include "dataplane/net/drop_reason.h"
#include "dataplane/net/flow_hash.h"
#include "dataplane/net/headers.h"
#include "dataplane/net/ip.h"
#include "dataplane/state/dest.h"
#include "dataplane/state/ids.h"
#include "dataplane/state/path.h"

#include <immintrin.h>

#include <array>
#include <cstddef>
#include <cstring>

namespace vx
{

// What the control thread knows about a tunnel; see EncapTemplate::build.
struct Tunnel {
    IpAddress local; // same family as remote
    IpAddress remote;
    std::uint16_t destination_port = kVxlanPort;
    std::uint16_t mtu = 0; // of the VXLAN device: largest payload behind the inner Ethernet header, bytes
    Vni vni;
    std::uint8_t ttl = 64;
    std::uint8_t tos = 0; // DSCP; its ECN bits are replaced by the inner frame's
    enum class UdpChecksum : std::uint8_t { kZero, kComputed } udp_checksum = UdpChecksum::kZero; // IPv6: computed
};

// What an IPv4 tunnel needs lies in the first cache line.
class alignas(64) EncapTemplate
{
public:
    // A VTEP that no path leads to: packets to it are dropped for the reason that is in `nowhere`.
    static EncapTemplate unusable(LinkId vxlan, const IpAddress& remote, const Path& nowhere)
    {
        EncapTemplate made{vxlan, remote};
        made.path_ = &nowhere;
        return made;
    }
    // The path has to outlive whoever reads the template.
    static EncapTemplate build(LinkId vxlan, const Path& path, const Tunnel& tunnel);

    EncapTemplate() = default;

    // Where an encapsulated frame goes next: the underlay port, or why this VTEP cannot be reached at the moment. It
    // may be another one when it is asked again.
    Dest next() const noexcept { return path_->next(); }
    std::size_t size() const { return size_; } // 50 or 70 bytes
    LinkId vxlan() const { return vxlan_; }    // the VXLAN device it belongs to
    const IpAddress& remote() const { return remote_; }
    // Whether the outer checksum covers the payload, whose sum write() then needs.
    bool needs_payload_sum() const { return udp_checksum_; }
    // Whether it has a path, which may lead nowhere now, and the frame is not too long for the VXLAN device.
    bool takes(std::uint32_t inner_size) const noexcept { return inner_size <= longest_; }
    // The same, and write_plain() is enough: IPv4 without a UDP checksum.
    bool is_plain_for(std::uint32_t inner_size) const noexcept { return inner_size <= plain_longest_; }
    // The same of write(): IPv6 or IPv4, and few bytes to be summed for its UDP checksum.
    bool is_short_for(std::uint32_t inner_size) const noexcept { return inner_size <= summed_longest_; }

    // True if an outer packet's source address, as it lies in its IP header, is this VTEP's.
    bool is_from(const void* source, Family family) const noexcept
    {
        if (family == Family::kIpv4) [[likely]]
            return load<std::uint32_t>(source) == load<std::uint32_t>(header_.data() + kRemoteV4) &&
                   load<Be16>(header_.data() + kEtherType) == Be16{ether_type::kIpv4};
        return remote_.is_v6() && std::memcmp(source, remote_.bytes().data(), 16) == 0;
    }

    // Writes kOuterSizeV4 bytes at `out`, in front of an inner frame of `inner_size` bytes. ECN as RFC 6040 section
    // 4.1, normal mode: copied. Precondition: is_plain_for(inner_size).
    void write_plain(std::byte* out, std::uint32_t inner_size, std::uint32_t flow_hash, std::uint8_t ecn) const noexcept
    {
        path_->write(out);
        copy<0, kOuterSizeV4 - kMacs - 32>(out + kMacs);
        std::byte* const l3 = out + sizeof(EthernetHeader);
        std::byte* const l4 = l3 + sizeof(Ipv4Header);
        // The first word of the header is version, TOS and total length, of which the lower half is zero as yet. What
        // is added to it, folded, is what the header's sum grows by.
        const std::uint32_t added = inner_size + kIpOverhead + (std::uint32_t{ecn} << 16);
        store_big(l3, load_big<std::uint32_t>(header_.data() + kIp) + added);
        store_big(l3 + offsetof(Ipv4Header, checksum), static_cast<std::uint16_t>(~checksum_fold_small(
                                                           load<std::uint16_t>(header_.data() + kIpChecksum) + added)));
        store_big(l4, source_port(flow_hash));
        store_big(l4 + offsetof(UdpHeader, length), static_cast<std::uint16_t>(inner_size + kUdpOverhead));
    }

    // The same of kOuterSizeV6 bytes, the outer checksum included. `payload_sum` is the running sum of the inner frame.
    // Precondition: it is an IPv6 tunnel that takes the frame.
    void write_v6(std::byte* out, std::uint32_t inner_size, std::uint32_t flow_hash, std::uint8_t ecn,
                  std::uint64_t payload_sum) const noexcept
    {
        path_->write(out);
        copy<0, kOuterSizeV6 - kMacs - 32>(out + kMacs);
        std::byte* const l3 = out + sizeof(EthernetHeader);
        store_big(l3, load_big<std::uint32_t>(header_.data() + kIp) | (std::uint32_t{ecn} << 20));
        store_big(l3 + offsetof(Ipv6Header, payload_length), static_cast<std::uint16_t>(inner_size + kUdpOverhead));
        write_udp(l3 + sizeof(Ipv6Header), inner_size, flow_hash, payload_sum);
    }

    // Writes size() bytes, for any template. `payload_sum` is the running sum of the inner frame if
    // needs_payload_sum().
    void write(std::byte* out, std::size_t inner_size, std::uint32_t flow_hash, std::uint8_t ecn,
               std::uint64_t payload_sum) const noexcept
    {
        const auto size = static_cast<std::uint32_t>(inner_size);
        if (size_ == kOuterSizeV6)
            return write_v6(out, size, flow_hash, ecn, payload_sum);
        write_plain(out, size, flow_hash, ecn);
        if (udp_checksum_)
            write_udp(out + sizeof(EthernetHeader) + sizeof(Ipv4Header), size, flow_hash, payload_sum);
    }

private:
    static constexpr std::uint32_t kUdpOverhead = sizeof(UdpHeader) + sizeof(VxlanHeader);
    static constexpr std::uint32_t kIpOverhead = sizeof(Ipv4Header) + kUdpOverhead;

    static constexpr std::size_t kMacs = offsetof(EthernetHeader, type); // what the Path writes
    // In header_:
    static constexpr std::size_t kEtherType = 0;
    static constexpr std::size_t kIp = sizeof(Be16);
    static constexpr std::size_t kIpChecksum = kIp + offsetof(Ipv4Header, checksum);
    static constexpr std::size_t kRemoteV4 = kIp + offsetof(Ipv4Header, destination);

    EncapTemplate(LinkId vxlan, const IpAddress& remote); // with as much of the header as is_from() reads

    // What differs from frame to frame in the UDP header, the checksum included.
    void write_udp(std::byte* l4, std::uint32_t inner_size, std::uint32_t flow_hash,
                   std::uint64_t payload_sum) const noexcept
    {
        const std::uint16_t port = __builtin_bswap16(source_port(flow_hash));
        const std::uint16_t size = __builtin_bswap16(static_cast<std::uint16_t>(inner_size + kUdpOverhead));
        // Pseudo header and VXLAN header are in udp_sum_; the length counts twice, in UDP and pseudo header.
        const std::uint64_t sum = std::uint64_t{udp_sum_} + port + 2ULL * size;
        store(l4 + offsetof(UdpHeader, source_port), port);
        store(l4 + offsetof(UdpHeader, length), size);
        store(l4 + offsetof(UdpHeader, checksum), checksum_finish_udp(checksum_carry(sum, payload_sum)));
    }

    // In vectors of 32 bytes, that overlap.
    template <std::size_t... Offsets>
    void copy(std::byte* out) const noexcept
    {
        const auto copy_vector = [&](std::size_t offset) {
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + offset),
                                _mm256_loadu_si256(reinterpret_cast<const __m256i*>(header_.data() + offset)));
        };
        (copy_vector(Offsets), ...);
    }

    const Path* path_ = &kNoRoute;
    std::uint32_t plain_longest_ = 0; // inner frame for which write_plain() is enough, bytes; 0: none
    LinkId vxlan_;
    // From the EtherType on; IPv4's 38 bytes end before the line does. In IPv4's checksum field, in host order: the sum
    // of the header without total length.
    std::array<std::byte, kOuterSizeV6 - kMacs> header_{};
    std::uint8_t size_ = 0;
    bool udp_checksum_ = false;
    std::uint32_t longest_ = 0; // inner frame, bytes
    std::uint32_t udp_sum_ = 0; // of pseudo header, destination port and VXLAN header, folded
    IpAddress remote_;
    std::uint32_t summed_longest_ = 0; // inner frame for which is_short_for(), bytes; 0: none
};
static_assert(sizeof(EncapTemplate) == 128);

} // namespace vx
