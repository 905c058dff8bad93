// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/mbuf_shape.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>

namespace vx::test
{

namespace
{

constexpr std::size_t kLaterSegment = 101; // odd, so that checksums meet pieces that begin between two words

void free_own_buffer(void* memory, void* shared)
{
    std::free(memory);
    delete static_cast<rte_mbuf_ext_shared_info*>(shared);
}

rte_mbuf* make_segment(rte_mempool* pool, const std::byte* bytes, std::size_t size, const MbufShape& shape)
{
    rte_mbuf* mbuf = rte_pktmbuf_alloc(pool);
    if (mbuf == nullptr)
        return nullptr;
    if (shape.buffers == MbufShape::Buffers::kExact) {
        const std::size_t whole = shape.headroom + size;
        void* memory = std::malloc(whole);
        auto* shared = new rte_mbuf_ext_shared_info{};
        shared->free_cb = free_own_buffer;
        shared->fcb_opaque = shared;
        rte_mbuf_ext_refcnt_set(shared, 1);
        rte_pktmbuf_attach_extbuf(mbuf, memory, 0, static_cast<std::uint16_t>(whole), shared);
    }
    mbuf->data_off = static_cast<std::uint16_t>(shape.headroom);
    mbuf->data_len = static_cast<std::uint16_t>(size);
    mbuf->pkt_len = static_cast<std::uint32_t>(size);
    if (size != 0)
        std::memcpy(rte_pktmbuf_mtod(mbuf, std::byte*), bytes, size);
    return mbuf;
}

// Written apart from the data plane's, byte by byte, so that one does not vouch for the other.
std::uint32_t sum_of(const Frame& frame, std::size_t begin, std::size_t end)
{
    std::uint32_t sum = 0;
    for (std::size_t i = begin; i < end; ++i)
        sum += std::to_integer<std::uint32_t>(frame[i]) << ((i - begin) % 2 == 0 ? 8 : 0);
    return sum;
}

MbufNote make_partial(Frame& frame, std::uint16_t gso_size)
{
    constexpr std::size_t kIp = 14;
    const bool is_v4 = std::to_integer<unsigned>(frame[kIp]) >> 4 == 4;
    std::size_t l4 = kIp + (is_v4 ? (std::to_integer<std::size_t>(frame[kIp]) & 0xf) * 4 : 40);
    const std::size_t end = is_v4 ? kIp + sum_of(frame, kIp + 2, kIp + 4) : l4 + sum_of(frame, kIp + 4, kIp + 6);
    auto protocol = std::to_integer<std::uint32_t>(frame[kIp + (is_v4 ? 9 : 6)]);
    if (protocol == 60) { // destination options
        protocol = std::to_integer<std::uint32_t>(frame[l4]);
        l4 += (std::to_integer<std::size_t>(frame[l4 + 1]) + 1) * 8;
    }
    const std::size_t offset = protocol == 6 ? 16 : 6;
    std::uint32_t sum = is_v4 ? sum_of(frame, kIp + 12, kIp + 20) : sum_of(frame, kIp + 8, kIp + 40);
    sum += protocol + static_cast<std::uint32_t>(end - l4);
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    frame[l4 + offset] = static_cast<std::byte>(sum >> 8);
    frame[l4 + offset + 1] = static_cast<std::byte>(sum);
    MbufNote note{.checksum_start = static_cast<std::uint16_t>(l4),
                  .checksum_offset = static_cast<std::uint16_t>(offset),
                  .gso_size = gso_size};
    if (gso_size != 0)
        note.gso = protocol == 17 ? Gso::kUdp : is_v4 ? Gso::kTcp4 : Gso::kTcp6;
    return note;
}

} // namespace

Result<> MbufShape::add(std::string_view word)
{
    const auto number = [&](std::string_view prefix) -> std::optional<std::size_t> {
        std::size_t value = 0;
        const char* end = word.data() + word.size();
        if (!word.starts_with(prefix) || std::from_chars(word.data() + prefix.size(), end, value).ptr != end)
            return std::nullopt;
        return value;
    };
    if (word == "partial")
        is_partial = true;
    else if (word == "verified")
        flags |= RTE_MBUF_F_RX_OUTER_L4_CKSUM_GOOD;
    else if (word == "innergood")
        flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    else if (word == "innerbad")
        flags |= RTE_MBUF_F_RX_L4_CKSUM_BAD;
    else if (word == "innernone")
        flags |= RTE_MBUF_F_RX_L4_CKSUM_NONE;
    else if (const auto payload = number("gso"))
        gso_size = static_cast<std::uint16_t>(*payload);
    else if (const auto size = number("split"))
        first_segment = *size;
    else if (const auto room = number("room"))
        headroom = *room;
    else
        return error("\"{}\" is no shape of frames; expected partial, gsoN, splitN, roomN, verified, innergood, "
                     "innerbad or innernone",
                     word);
    return Ok{};
}

rte_mbuf* make_mbuf(rte_mempool* pool, Frame frame, const MbufShape& shape)
{
    auto note = shape.note;
    if (shape.is_partial && !note)
        note = make_partial(frame, shape.gso_size);
    // What is not asked to lie in pieces does where a buffer ends.
    const std::size_t room =
        shape.buffers == MbufShape::Buffers::kPool ? rte_pktmbuf_data_room_size(pool) - shape.headroom : frame.size();
    const std::size_t first = std::min({shape.first_segment.value_or(frame.size()), frame.size(), room});
    const std::size_t later = shape.first_segment ? kLaterSegment : room;
    rte_mbuf* mbuf = make_segment(pool, frame.data(), first, shape);
    if (mbuf == nullptr)
        return nullptr;
    for (std::size_t at = first; at < frame.size();) {
        const std::size_t size = std::min(later, frame.size() - at);
        rte_mbuf* segment = make_segment(pool, frame.data() + at, size, shape);
        if (segment == nullptr || rte_pktmbuf_chain(mbuf, segment) != 0) {
            rte_pktmbuf_free(segment);
            rte_pktmbuf_free(mbuf);
            return nullptr;
        }
        at += size;
    }
    mbuf->ol_flags |= shape.flags;
    if (note) {
        mark_partial_checksum(mbuf);
        note_of(mbuf) = *note;
    }
    return mbuf;
}

Frame bytes_of(const rte_mbuf* mbuf)
{
    Frame frame;
    for (; mbuf != nullptr; mbuf = mbuf->next) {
        const auto* data = rte_pktmbuf_mtod(mbuf, const std::byte*);
        frame.insert(frame.end(), data, data + rte_pktmbuf_data_len(mbuf));
    }
    return frame;
}

} // namespace vx::test
