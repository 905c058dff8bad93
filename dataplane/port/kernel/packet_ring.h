// SPDX-License-Identifier: BSD-3-Clause
// What a packet socket receives, in memory that the kernel shares with us: a ring of slots (TPACKET_V2,
// Documentation/networking/packet_mmap.rst), with a virtio-net header in front of each frame. A frame that is too large
// for a slot can be read from the socket instead, when its turn has come.
#pragma once

#include "dataplane/base/result.h"
#include "dataplane/net/parse.h"
#include "dataplane/port/kernel/vnet_header.h"

#include <linux/if_packet.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace vx
{

class PacketRing
{
public:
    static constexpr std::size_t kVnetHeaderSize = 10; // of a packet socket: the first bytes of VnetHeader

    // Of a socket that has its virtio-net headers switched on and is not bound yet. Slots hold a frame of `frame_size`
    // bytes, up to 32 KiB.
    static Result<PacketRing> create(int socket, std::size_t frame_size);

    class Slot
    {
    public:
        explicit Slot(tpacket2_hdr* header) : header_(header) {}

        explicit operator bool() const { return header_ != nullptr; }
        // What lies in it; of a frame that is too large, the beginning.
        Bytes bytes() const
        {
            return {reinterpret_cast<const std::byte*>(header_) + header_->tp_mac, header_->tp_snaplen};
        }
        bool is_whole() const { return header_->tp_snaplen == header_->tp_len; }
        bool is_in_socket() const { return (header_->tp_status & TP_STATUS_COPY) != 0; }  // all of it, too
        bool has_tag() const { return (header_->tp_status & TP_STATUS_VLAN_VALID) != 0; } // which is not in the bytes
        std::uint16_t tag() const { return header_->tp_vlan_tci; }
        std::uint16_t tag_protocol() const
        {
            return (header_->tp_status & TP_STATUS_VLAN_TPID_VALID) != 0 ? header_->tp_vlan_tpid : ether_type::kVlan;
        }
        VnetHeader vnet_header() const
        {
            VnetHeader header{};
            std::memcpy(&header, bytes().data() - kVnetHeaderSize, kVnetHeaderSize);
            return header;
        }

    private:
        tpacket2_hdr* header_;
    };

    // The frame that came first, until pop(); none if none waits.
    Slot front() const noexcept
    {
        tpacket2_hdr* const slot = at(next_);
        const std::uint32_t status = std::atomic_ref{slot->tp_status}.load(std::memory_order_acquire);
        return Slot{(status & TP_STATUS_USER) != 0 ? slot : nullptr};
    }
    void pop() noexcept
    {
        std::atomic_ref{at(next_)->tp_status}.store(TP_STATUS_KERNEL, std::memory_order_release);
        next_ = next_ + 1 == slot_count_ ? 0 : next_ + 1;
    }

private:
    struct Unmap {
        std::size_t size = 0;
        void operator()(std::byte* memory) const;
    };

    PacketRing(std::byte* memory, std::size_t slot_size, std::size_t slot_count)
        : memory_(memory, Unmap{slot_size * slot_count}), slot_size_(slot_size), slot_count_(slot_count)
    {
    }
    tpacket2_hdr* at(std::size_t slot) const
    {
        return reinterpret_cast<tpacket2_hdr*>(memory_.get() + slot * slot_size_);
    }

    std::unique_ptr<std::byte, Unmap> memory_;
    std::size_t slot_size_;
    std::size_t slot_count_;
    std::size_t next_ = 0;
};

} // namespace vx
