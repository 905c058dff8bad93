// SPDX-License-Identifier: BSD-3-Clause
// A far VTEP as a worker sees it: the whole outer header, prebuilt, so that a packet patches only lengths,
// checksums, ECN and its source port. Built by the control thread, immutable from then on.
#pragma once

#include "dataplane/net/checksum.h"
#include "dataplane/net/drop_reason.h"
#include "dataplane/net/flow_hash.h"
#include "dataplane/net/headers.h"
#include "dataplane/net/ip.h"
#include "dataplane/state/dest.h"
#include "dataplane/state/ids.h"

#include <array>
#include <cstddef>
#include <cstring>

namespace vx
{

// What the control thread knows about a tunnel; see EncapTemplate::build.
struct Tunnel {
    Mac source_mac;
    Mac next_hop_mac;
    IpAddress local; // same family as remote
    IpAddress remote;
    std::uint16_t destination_port = kVxlanPort;
    Vni vni;
    std::uint8_t ttl = 64;
    std::uint8_t tos = 0; // DSCP; its ECN bits are replaced by the inner frame's
    enum class UdpChecksum : std::uint8_t { kZero, kComputed } udp_checksum = UdpChecksum::kZero; // IPv6: computed
};

class EncapTemplate
{
public:
    // A VTEP that cannot be reached at the moment: packets to it are dropped under `reason`.
    static EncapTemplate unusable(LinkId vxlan, const IpAddress& remote, DropReason reason)
    {
        EncapTemplate made;
        made.vxlan_ = vxlan;
        made.remote_ = remote;
        made.next_ = Dest::drop(reason);
        return made;
    }
    static EncapTemplate build(LinkId vxlan, LinkId out, const Tunnel& tunnel);

    // Where an encapsulated frame goes next: the underlay port, or why this VTEP cannot be reached at the moment.
    Dest next() const { return next_; }
    std::size_t size() const { return size_; } // 50 or 70 bytes
    LinkId vxlan() const { return vxlan_; }    // the VXLAN device it belongs to
    const IpAddress& remote() const { return remote_; }
    // Whether the outer checksum covers the payload, whose sum write() then needs.
    bool needs_payload_sum() const { return udp_checksum_; }

    // True if an outer packet's source address, as it lies in its IP header, is this VTEP's.
    bool is_from(const void* source, Family family) const noexcept
    {
        const std::uint8_t* remote = remote_.bytes().data();
        if (family != remote_.family() || load<std::uint32_t>(source) != load<std::uint32_t>(remote))
            return false;
        return family == Family::kIpv4 || std::memcmp(source, remote, 16) == 0;
    }

    // Writes size() bytes at `out`, in front of an inner frame of `inner_size` bytes. `payload_sum` is the running
    // sum of the inner frame if needs_payload_sum(). ECN as RFC 6040 section 4.1, normal mode: copied.
    void write(std::byte* out, std::size_t inner_size, std::uint32_t flow_hash, std::uint8_t ecn,
               std::uint64_t payload_sum) const noexcept
    {
        const auto udp_size = static_cast<std::uint16_t>(sizeof(UdpHeader) + sizeof(VxlanHeader) + inner_size);
        std::byte* l4 = nullptr;
        if (remote_.is_v4()) [[likely]] {
            std::memcpy(out, header_.data(), 32); // two vectors that overlap
            std::memcpy(out + kOuterSizeV4 - 32, header_.data() + kOuterSizeV4 - 32, 32);
            auto& ip = *reinterpret_cast<Ipv4Header*>(out + sizeof(EthernetHeader));
            const std::uint16_t total_length =
                __builtin_bswap16(static_cast<std::uint16_t>(sizeof(Ipv4Header) + udp_size));
            store(&ip.total_length, total_length);
            ip.tos = static_cast<std::uint8_t>(tos_ | ecn);
            // The TOS is the high byte of a word as x86 loads it.
            const std::uint32_t sum = ip_sum_ + total_length + (std::uint32_t{ecn} << 8);
            store(&ip.checksum, static_cast<std::uint16_t>(~checksum_fold_small(sum)));
            l4 = out + sizeof(EthernetHeader) + sizeof(Ipv4Header);
        } else {
            std::memcpy(out, header_.data(), kOuterSizeV6);
            auto& ip = *reinterpret_cast<Ipv6Header*>(out + sizeof(EthernetHeader));
            ip.payload_length = udp_size;
            ip.version_class_label = ip.version_class_label.host() | (std::uint32_t{ecn} << 20);
            l4 = out + sizeof(EthernetHeader) + sizeof(Ipv6Header);
        }
        auto& udp = *reinterpret_cast<UdpHeader*>(l4);
        udp.source_port = source_port(flow_hash);
        udp.length = udp_size;
        if (udp_checksum_) {
            // Pseudo header and VXLAN header are in udp_sum_; the length counts twice, in UDP and pseudo header.
            std::uint64_t sum = udp_sum_ + payload_sum;
            sum += load<std::uint16_t>(&udp.source_port);
            sum += 2ULL * load<std::uint16_t>(&udp.length);
            store(&udp.checksum, checksum_finish_udp(sum));
        }
    }

private:
    alignas(64) std::array<std::byte, 72> header_{};
    std::uint32_t ip_sum_ = 0;  // of the IPv4 header but for total length and checksum, folded
    std::uint64_t udp_sum_ = 0; // of pseudo header, destination port and VXLAN header
    IpAddress remote_;
    Dest next_;
    LinkId vxlan_;
    std::uint8_t size_ = 0;
    std::uint8_t tos_ = 0; // its ECN bits are zero
    bool udp_checksum_ = false;
};

} // namespace vx
