// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/port/tap_port.h"

#include "dataplane/dpdk/mbuf.h"
#include "dataplane/port/kernel_interface.h"
#include "dataplane/port/netns.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace vx
{

namespace
{

// What the kernel may leave undone in a frame that it hands to us.
constexpr unsigned kOffloads = TUN_F_CSUM;

// virtio 1.2 section 5.1.6, legacy form, in host byte order; <linux/virtio_net.h> is not C++.
struct VnetHeader {
    static constexpr std::uint8_t kNeedsChecksum = 1;
    static constexpr std::uint8_t kDataValid = 2;

    std::uint8_t flags;
    std::uint8_t gso_type;
    std::uint16_t header_size;
    std::uint16_t gso_size;
    std::uint16_t checksum_start;
    std::uint16_t checksum_offset;
};
static_assert(sizeof(VnetHeader) == 10);

constexpr std::size_t kFrameOverhead = sizeof(EthernetHeader) + 4; // and a VLAN tag

} // namespace

// ---- set-up ----------------------------------------------------------------------------------------------------

namespace
{

// `name` may hold a %d, and becomes the interface's name.
Result<FileDescriptor> open_queue(const TapSetup& setup, std::string& name, bool is_first)
{
    FileDescriptor fd{open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC)};
    if (!fd)
        return error("tap \"{}\": /dev/net/tun: {}", setup.ifname, std::strerror(errno));
    ifreq request{};
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    unsigned flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    if (is_first)
        flags |= IFF_TUN_EXCL; // never somebody else's
    if (setup.queues > 1)
        flags |= IFF_MULTI_QUEUE;
    request.ifr_flags = static_cast<short>(flags);
    if (ioctl(fd.get(), TUNSETIFF, &request) != 0)
        return error("tap \"{}\": creating it: {}", setup.ifname, std::strerror(errno));
    name = request.ifr_name;
    int header_size = sizeof(VnetHeader);
    if (ioctl(fd.get(), TUNSETVNETHDRSZ, &header_size) != 0 || ioctl(fd.get(), TUNSETOFFLOAD, kOffloads) != 0)
        return error("tap \"{}\": setting its offloads: {}", setup.ifname, std::strerror(errno));
    return fd;
}

Result<> check_free(const Netns& netns, const TapSetup& setup)
{
    return netns.run([&]() -> Result<> {
        if (!KernelInterface::exists(setup.ifname))
            return Ok{};
        return error("interface \"{}\" exists already in {}", setup.ifname,
                     setup.netns.empty() ? "this network namespace"
                                         : fmt::format("the network namespace \"{}\"", setup.netns));
    });
}

} // namespace

// A TAP's descriptor keeps the namespace alive that it was opened in, for as long as it is open. So the interface is
// made in our own and moved to the container's, which then ends with the container and takes the interface with it.
Result<TapPort> TapPort::create(const TapSetup& setup, MbufPool& pool)
{
    if (auto checked = check_interface_name(setup.ifname); !checked)
        return std::move(checked).error();
    auto netns = Netns::open(setup.netns);
    if (!netns)
        return std::move(netns).error();
    if (auto free = check_free(*netns, setup); !free)
        return std::move(free).error();

    std::string name = setup.netns.empty() ? setup.ifname : "vxd%d";
    auto queues = std::make_unique<Queue[]>(setup.queues);
    for (std::uint16_t i = 0; i < setup.queues; ++i) {
        auto fd = open_queue(setup, name, i == 0);
        if (!fd)
            return std::move(fd).error();
        queues[i].fd = std::move(*fd);
    }
    auto interface = KernelInterface::find(name);
    if (!interface)
        return std::move(interface).error();
    if (setup.mac)
        if (auto set = interface->set_mac(*setup.mac); !set)
            return std::move(set).error();
    if (setup.mtu)
        if (auto set = interface->set_mtu(*setup.mtu); !set)
            return std::move(set).error();
    const auto mac = interface->mac();
    const auto mtu = interface->mtu();
    if (!mac || !mtu)
        return mac ? mtu.error() : mac.error();
    TapPort port{std::move(queues), setup.queues, pool};
    port.mac_ = *mac;
    port.mtu_ = *mtu;
    port.fit_segments(*mtu);
    if (auto up = interface->bring_up(*netns, setup.ifname); !up)
        return std::move(up).error();
    return port;
}

TapPort::TapPort(std::unique_ptr<Queue[]> queues, std::uint16_t queue_count, MbufPool& pool)
    : queues_(std::move(queues)), pool_(pool.raw()), queue_count_(queue_count)
{
}

TapPort::Queue::~Queue()
{
    if (spare_count > 0)
        rte_pktmbuf_free_bulk(spares.data(), static_cast<unsigned>(spare_count));
}

// One byte more than a frame can have, so that a frame which fills everything was cut off.
void TapPort::fit_segments(std::uint16_t mtu)
{
    const std::size_t rest_room = rte_pktmbuf_data_room_size(pool_);
    const std::size_t first_room = rest_room - RTE_PKTMBUF_HEADROOM;
    const std::size_t size = mtu + kFrameOverhead + 1;
    const std::size_t count = size <= first_room ? 1 : 1 + (size - first_room + rest_room - 1) / rest_room;
    shared_->segment_count.store(std::min(count, kMaxSegments), std::memory_order_relaxed);
}

int TapPort::wake_fd(std::uint16_t queue) const
{
    return queues_[queue].fd.get();
}

namespace
{

// What the interface says through a descriptor of its own, wherever it lives and whatever it is called by now.
short state_of(int fd)
{
    pollfd question{fd, POLLOUT, 0};
    return poll(&question, 1, 0) < 0 ? short{POLLERR} : question.revents;
}

Result<Netns> netns_of(int fd, ifreq& name)
{
    FileDescriptor netns{ioctl(fd, TUNGETDEVNETNS)};
    if (!netns || ioctl(fd, TUNGETIFF, &name) != 0)
        return error("the interface is gone: {}", std::strerror(errno));
    return Netns::of(std::move(netns), name.ifr_name);
}

} // namespace

bool TapPort::is_up() const
{
    return (state_of(queues_[0].fd.get()) & (POLLOUT | POLLERR)) == POLLOUT; // writable when it is up
}

bool TapPort::is_gone() const
{
    return (state_of(queues_[0].fd.get()) & POLLERR) != 0;
}

PortLosses TapPort::losses()
{
    PortLosses losses;
    for (std::uint16_t i = 0; i < queue_count_; ++i)
        losses.rx_errors += queues_[i].cut_off.load(std::memory_order_relaxed);
    ifreq name{};
    if (const auto netns = netns_of(queues_[0].fd.get(), name)) {
        const auto missed = netns->run([&]() -> Result<std::uint64_t> { return dropped_by(name.ifr_name); });
        missed_ = missed ? *missed : missed_;
    }
    losses.rx_missed = missed_; // what the kernel could not give us
    return losses;
}

Result<> TapPort::set_mtu(std::uint16_t mtu)
{
    ifreq name{};
    const auto netns = netns_of(queues_[0].fd.get(), name);
    if (!netns)
        return netns.error();
    if (mtu > mtu_)
        fit_segments(mtu); // before such frames come
    auto set = netns->run([&]() -> Result<> {
        auto interface = KernelInterface::find(name.ifr_name);
        return interface ? interface->set_mtu(mtu) : Result<>{interface.error()};
    });
    if (set)
        mtu_ = mtu;
    fit_segments(mtu_);
    return set;
}

Result<> TapPort::set_mac(const Mac& mac)
{
    ifreq request{};
    request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
    std::memcpy(request.ifr_hwaddr.sa_data, mac.bytes().data(), mac.bytes().size());
    if (ioctl(queues_[0].fd.get(), SIOCSIFHWADDR, &request) != 0)
        return error("setting the MAC address to {}: {}", mac.to_string(), std::strerror(errno));
    mac_ = mac;
    return Ok{};
}

// ---- packet path -----------------------------------------------------------------------------------------------

std::uint16_t TapPort::rx(std::uint16_t queue, std::span<rte_mbuf*> out) noexcept
{
    std::uint16_t count = 0;
    while (count < out.size()) {
        rte_mbuf* frame = receive(queues_[queue]);
        if (frame == nullptr)
            break;
        out[count++] = frame;
    }
    return count;
}

namespace
{

// What the sender left undone, as the pipeline knows it. A note that does not fit the frame is kept: whoever completes
// the checksum refuses it.
void note_checksum(rte_mbuf* frame, const VnetHeader& header) noexcept
{
    if ((header.flags & VnetHeader::kNeedsChecksum) != 0) {
        mark_partial_checksum(frame);
        MbufNote& note = note_of(frame);
        note = {};
        note.checksum_start = header.checksum_start;
        note.checksum_offset = header.checksum_offset;
        if (std::size_t{header.checksum_start} + header.checksum_offset + 2 > rte_pktmbuf_pkt_len(frame))
            note.checksum_start = 0xffff; // beyond the first segment of any frame
    } else if ((header.flags & VnetHeader::kDataValid) != 0) {
        frame->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    }
}

} // namespace

rte_mbuf* TapPort::receive(Queue& queue) noexcept
{
    const std::size_t segment_count = shared_->segment_count.load(std::memory_order_relaxed);
    if (queue.spare_count < segment_count) {
        rte_mbuf** free = queue.spares.data() + queue.spare_count;
        const std::size_t missing = segment_count - queue.spare_count;
        if (rte_pktmbuf_alloc_bulk(pool_, free, static_cast<unsigned>(missing)) != 0)
            return nullptr; // the frame waits in the kernel
        queue.spare_count += missing;
    }

    VnetHeader header;
    std::array<iovec, 1 + kMaxSegments> pieces;
    pieces[0] = {&header, sizeof(header)};
    rte_mbuf** const spares = queue.spares.data() + queue.spare_count; // the last ones are taken first
    for (std::size_t i = 0; i < segment_count; ++i) {
        rte_mbuf* segment = *(spares - 1 - i);
        segment->data_off = i == 0 ? RTE_PKTMBUF_HEADROOM : 0;
        pieces[1 + i] = {rte_pktmbuf_mtod(segment, void*), rte_pktmbuf_tailroom(segment)};
    }
    const ssize_t size = readv(queue.fd.get(), pieces.data(), static_cast<int>(1 + segment_count));
    if (size < 0) {
        if (errno != EAGAIN && errno != EINTR)
            shared_->is_broken.store(true, std::memory_order_relaxed);
        return nullptr;
    }

    std::size_t left = static_cast<std::size_t>(size) - std::min(static_cast<std::size_t>(size), sizeof(header));
    rte_mbuf* const frame = *(spares - 1);
    frame->pkt_len = static_cast<std::uint32_t>(left);
    rte_mbuf* last = nullptr;
    std::uint16_t used = 0;
    do {
        rte_mbuf* segment = *(spares - 1 - used);
        segment->data_len = static_cast<std::uint16_t>(std::min(left, pieces[1U + used].iov_len));
        left -= segment->data_len;
        if (last != nullptr)
            last->next = segment;
        last = segment;
        ++used;
    } while (left > 0);
    frame->nb_segs = used;
    queue.spare_count -= used;
    if (used == segment_count && rte_pktmbuf_tailroom(last) == 0) [[unlikely]] {
        // Cut off: somebody in the container has raised the MTU. The next one will fit.
        shared_->segment_count.store(kMaxSegments, std::memory_order_relaxed);
        queue.cut_off.store(queue.cut_off.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        rte_pktmbuf_free(frame);
        return receive(queue);
    }
    note_checksum(frame, header);
    return frame;
}

std::uint16_t TapPort::tx(std::uint16_t worker, std::span<rte_mbuf*> frames) noexcept
{
    const int fd = queues_[worker % queue_count_].fd.get();
    // A frame that is refused moves to the end, so that those behind it, of other senders, still leave.
    std::size_t end = frames.size();
    std::size_t at = 0;
    while (at < end && !shared_->is_broken.load(std::memory_order_relaxed)) {
        if (send(fd, frames[at]))
            ++at;
        else if (errno == EIO) // the container has its interface down: none will pass
            break;
        else
            std::swap(frames[at], frames[--end]);
    }
    return static_cast<std::uint16_t>(at);
}

bool TapPort::send(int fd, rte_mbuf* frame) noexcept
{
    VnetHeader header{};
    if (has_partial_checksum(frame)) {
        const MbufNote& note = note_of(frame);
        header.flags = VnetHeader::kNeedsChecksum;
        header.checksum_start = note.checksum_start;
        header.checksum_offset = note.checksum_offset;
    }
    std::array<iovec, 1 + kMaxSegments> pieces;
    pieces[0] = {&header, sizeof(header)};
    std::size_t count = 1;
    for (rte_mbuf* segment = frame; segment != nullptr; segment = segment->next) {
        if (count == pieces.size()) {
            errno = EMSGSIZE;
            return false;
        }
        pieces[count++] = {rte_pktmbuf_mtod(segment, void*), rte_pktmbuf_data_len(segment)};
    }
    // Refused when the container has its interface down (EIO), has removed it (EBADFD), or lacks memory.
    if (writev(fd, pieces.data(), static_cast<int>(count)) < 0) [[unlikely]] {
        if (errno == EBADFD)
            shared_->is_broken.store(true, std::memory_order_relaxed);
        return false;
    }
    rte_pktmbuf_free(frame);
    return true;
}

} // namespace vx
