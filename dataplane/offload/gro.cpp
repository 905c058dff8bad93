// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/offload/gro.h"

#include <array>
#include <cstring>

namespace vx
{

namespace
{

constexpr std::size_t kMaxPieces = 32;      // of memory, in one frame; what a port takes
constexpr std::uint8_t kNeverMerged = 0x26; // SYN, RST, URG

// What a TCP segment says of itself. Its headers stay where they are.
struct Segment {
    rte_mbuf* mbuf = nullptr;
    std::uint32_t flow = 0; // hash of addresses and ports
    std::uint8_t l4 = 0;    // offset
    std::uint8_t headers = 0;
    bool is_v4 = false;
    bool is_mergeable = false; // plain headers and some payload
    std::uint16_t payload = 0; // bytes

    template <typename Header>
    Header& at(std::size_t offset) const noexcept
    {
        return *rte_pktmbuf_mtod_offset(mbuf, Header*, offset);
    }
    Ipv4Header& v4() const noexcept { return at<Ipv4Header>(kL3); }
    Ipv6Header& v6() const noexcept { return at<Ipv6Header>(kL3); }
    TcpHeader& tcp() const noexcept { return at<TcpHeader>(l4); }
    std::uint32_t ports() const noexcept { return load<std::uint32_t>(&tcp()); }
    std::size_t tcp_size() const noexcept { return std::size_t{headers} - l4; }
};

// A connection of this burst, and the frame that its segments are merged into.
struct Flow {
    Segment first;
    rte_mbuf* last = nullptr; // piece of the frame
    std::uint32_t next_sequence = 0;
    std::uint16_t count = 0;
    bool is_open = false; // for more
    bool is_verified = false;
};

// Fills in l4 and flow. False if it is no TCP, or a fragment of whatever.
bool find_tcp(Segment& segment, Bytes head) noexcept
{
    if (head.size() < kL3 + sizeof(Ipv4Header) + sizeof(TcpHeader))
        return false;
    const std::uint16_t type = header_at<EthernetHeader>(head, 0).type.host();
    std::size_t l4 = 0;
    if (type == ether_type::kIpv4) {
        const auto& ip = header_at<Ipv4Header>(head, kL3);
        if (ip.protocol != ip_protocol::kTcp || !ip.has_sound_version_and_size() || ip.is_fragment())
            return false;
        segment.is_v4 = true;
        l4 = kL3 + ip.size();
    } else if (type == ether_type::kIpv6 && head.size() >= kL3 + sizeof(Ipv6Header) + sizeof(TcpHeader)) {
        const auto& ip = header_at<Ipv6Header>(head, kL3);
        const Ipv6Payload found = skip_ipv6_extensions(head, kL3 + sizeof(Ipv6Header), ip.next_header);
        if (ip.version() != 6 || found.protocol != ip_protocol::kTcp)
            return false;
        l4 = found.offset;
    }
    if (l4 == 0 || l4 + sizeof(TcpHeader) > head.size() || l4 > 0xff)
        return false;
    segment.l4 = static_cast<std::uint8_t>(l4);
    const auto ports = load<std::uint32_t>(head.data() + l4);
    segment.flow = segment.is_v4 ? flow_hash_v4(header_at<Ipv4Header>(head, kL3), ports)
                                 : flow_hash_v6(header_at<Ipv6Header>(head, kL3), ip_protocol::kTcp, ports);
    return true;
}

// Fills in the rest, as far as the frame is plain: no options of IP, whole, not padded away, and more than an ACK.
void measure(Segment& segment, Bytes head) noexcept
{
    std::size_t end = 0;
    if (segment.is_v4) {
        if (segment.l4 != kL3 + sizeof(Ipv4Header) || !ipv4_checksum_is_right(segment.v4()))
            return;
        end = kL3 + segment.v4().total_length.host();
    } else {
        if (segment.l4 != kL3 + sizeof(Ipv6Header))
            return;
        end = segment.l4 + std::size_t{segment.v6().payload_length.host()};
    }
    const std::size_t headers = segment.l4 + segment.tcp().size();
    if (has_partial_checksum(segment.mbuf) || segment.tcp().size() < sizeof(TcpHeader) || headers > head.size() ||
        headers >= end || end > rte_pktmbuf_pkt_len(segment.mbuf))
        return;
    segment.headers = static_cast<std::uint8_t>(headers);
    segment.payload = static_cast<std::uint16_t>(end - headers);
    segment.is_mergeable = (segment.tcp().flags & kNeverMerged) == 0;
}

bool is_same_connection(const Segment& a, const Segment& b) noexcept
{
    if (a.flow != b.flow || a.is_v4 != b.is_v4 || a.ports() != b.ports())
        return false;
    return a.is_v4 ? load<std::uint64_t>(&a.v4().source) == load<std::uint64_t>(&b.v4().source)
                   : std::memcmp(&a.v6().source, &b.v6().source, 32) == 0;
}

// After which a segment nothing more is taken: its receiver is not to wait.
bool ends_frame(const Segment& segment, std::size_t full_payload) noexcept
{
    return (segment.tcp().flags & (TcpHeader::kPsh | TcpHeader::kFin)) != 0 || segment.payload < full_payload;
}

// IDs count upwards, or are all the same where they mean nothing (RFC 6864).
bool ids_continue(const Flow& flow, const Segment& next) noexcept
{
    const Ipv4Header& first = flow.first.v4();
    const auto step = static_cast<std::uint16_t>(next.v4().id.host() - first.id.host());
    return step == flow.count || (step == 0 && !first.may_be_fragmented());
}

// Whether all of the next segment's headers follow from those of the frame.
bool continues(const Flow& flow, const Segment& next) noexcept
{
    const Segment& first = flow.first;
    if (!next.is_mergeable || next.headers != first.headers || next.payload > first.payload ||
        std::memcmp(&first.at<EthernetHeader>(0), &next.at<EthernetHeader>(0), sizeof(EthernetHeader)) != 0)
        return false;
    if (first.is_v4) {
        const Ipv4Header &a = first.v4(), &b = next.v4();
        if (a.tos != b.tos || a.ttl != b.ttl || a.may_be_fragmented() != b.may_be_fragmented() ||
            !ids_continue(flow, next))
            return false;
    } else if (load<std::uint32_t>(&first.v6()) != load<std::uint32_t>(&next.v6()) ||
               first.v6().hop_limit != next.v6().hop_limit) {
        return false;
    }
    const TcpHeader &a = first.tcp(), &b = next.tcp();
    constexpr unsigned kMayDiffer = TcpHeader::kPsh | TcpHeader::kFin | TcpHeader::kCwr;
    return b.sequence.host() == flow.next_sequence && a.acknowledgment == b.acknowledgment && a.offset == b.offset &&
           ((a.flags ^ b.flags) & ~kMayDiffer) == 0 && (b.flags & TcpHeader::kCwr) == 0 && a.window == b.window &&
           a.urgent == b.urgent && std::memcmp(&a + 1, &b + 1, first.tcp_size() - sizeof(TcpHeader)) == 0;
}

bool has_room(const Flow& flow, const Segment& next) noexcept
{
    return rte_pktmbuf_pkt_len(flow.first.mbuf) - kL3 + next.payload <= 0xffff &&
           flow.first.mbuf->nb_segs + next.mbuf->nb_segs <= kMaxPieces;
}

std::uint64_t pseudo_sum(const Segment& segment, std::size_t l4_size) noexcept
{
    const auto size = static_cast<std::uint32_t>(l4_size);
    return segment.is_v4 ? pseudo_sum_v4(segment.v4(), ip_protocol::kTcp, size)
                         : pseudo_sum_v6(segment.v6(), ip_protocol::kTcp, size);
}

bool is_checksum_right(const Segment& segment) noexcept
{
    const std::size_t size = segment.tcp_size() + segment.payload;
    return checksum_is_right(checksum_add(pseudo_sum(segment, size), segment.mbuf, segment.l4, size));
}

void trim_padding(const Segment& segment) noexcept
{
    const std::size_t padding = rte_pktmbuf_pkt_len(segment.mbuf) - segment.headers - segment.payload;
    if (padding != 0)
        trim_tail(segment.mbuf, padding);
}

void begin(Flow& flow, const Segment& segment) noexcept
{
    flow.first = segment;
    flow.count = 1;
    flow.is_verified = false;
    flow.is_open = segment.is_mergeable && !ends_frame(segment, segment.payload);
    flow.next_sequence = segment.is_mergeable ? segment.tcp().sequence.host() + segment.payload : 0;
}

void append(Flow& flow, const Segment& next) noexcept
{
    rte_mbuf* const frame = flow.first.mbuf;
    if (flow.count == 1) {
        trim_padding(flow.first);
        flow.last = rte_pktmbuf_lastseg(frame);
    }
    trim_padding(next);
    TcpHeader& tcp = flow.first.tcp();
    tcp.flags = static_cast<std::uint8_t>(tcp.flags | (next.tcp().flags & (TcpHeader::kPsh | TcpHeader::kFin)));
    flow.next_sequence += next.payload;
    flow.is_open = !ends_frame(next, flow.first.payload);
    ++flow.count;
    rte_pktmbuf_adj(next.mbuf, next.headers);
    frame->pkt_len += rte_pktmbuf_pkt_len(next.mbuf);
    frame->nb_segs = static_cast<std::uint16_t>(frame->nb_segs + next.mbuf->nb_segs);
    flow.last->next = next.mbuf;
    flow.last = rte_pktmbuf_lastseg(next.mbuf);
}

// A whole GSO frame: lengths, and a partial checksum.
void finish(const Flow& flow) noexcept
{
    const Segment& first = flow.first;
    const std::size_t l4_size = rte_pktmbuf_pkt_len(first.mbuf) - first.l4;
    if (first.is_v4) {
        Ipv4Header& ip = first.v4();
        ip.total_length = static_cast<std::uint16_t>(sizeof(Ipv4Header) + l4_size);
        ip.checksum = 0;
        store(&ip.checksum, checksum_finish(checksum_add(0, &ip, sizeof(ip))));
    } else {
        first.v6().payload_length = static_cast<std::uint16_t>(l4_size);
    }
    store(&first.tcp().checksum, checksum_fold(pseudo_sum(first, l4_size)));
    mark_partial_checksum(first.mbuf);
    note_of(first.mbuf) = MbufNote{.checksum_start = first.l4,
                                   .checksum_offset = offsetof(TcpHeader, checksum),
                                   .gso = first.is_v4 ? Gso::kTcp4 : Gso::kTcp6,
                                   .gso_size = first.payload};
}

class Burst
{
public:
    explicit Burst(Offloads taken) noexcept : taken_(taken) {}

    // True if the frame has become part of another.
    bool take(rte_mbuf* mbuf) noexcept
    {
        Segment segment;
        segment.mbuf = mbuf;
        const Bytes head = head_of(mbuf);
        if (!find_tcp(segment, head))
            return false;
        if (segment.is_v4 ? taken_.tso4 : taken_.tso6)
            measure(segment, head);
        Flow* flow = find(segment);
        if (flow != nullptr && continues(*flow, segment) && has_room(*flow, segment)) {
            flow->is_verified = flow->is_verified || is_checksum_right(flow->first);
            if (flow->is_verified && is_checksum_right(segment)) {
                append(*flow, segment);
                return true;
            }
        }
        if (flow != nullptr)
            flow->is_open = false;
        begin(flows_[count_++], segment);
        return false;
    }

    void finish_all() const noexcept
    {
        for (std::size_t i = 0; i < count_; ++i)
            if (flows_[i].count > 1)
                finish(flows_[i]);
    }

private:
    Flow* find(const Segment& segment) noexcept
    {
        for (std::size_t i = count_; i-- > 0;) // mostly the last one
            if (flows_[i].is_open && is_same_connection(flows_[i].first, segment))
                return &flows_[i];
        return nullptr;
    }

    Offloads taken_;
    std::array<Flow, kMaxCoalesced> flows_;
    std::size_t count_ = 0;
};

} // namespace

std::size_t coalesce(std::span<rte_mbuf*> frames, Offloads taken) noexcept
{
    if (frames.size() < 2)
        return frames.size();
    Burst burst{taken};
    std::size_t kept = 0;
    for (rte_mbuf* frame : frames)
        if (!burst.take(frame))
            frames[kept++] = frame;
    burst.finish_all();
    return kept;
}

} // namespace vx
