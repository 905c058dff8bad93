// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/port/kernel/tap_port.h"

#include "dataplane/base/netns.h"
#include "dataplane/dpdk/mbuf.h"
#include "dataplane/port/kernel/kernel_interface.h"
#include "dataplane/port/kernel/spare_buffers.h"
#include "dataplane/port/kernel/vnet_header.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace vx
{

namespace
{

// What the kernel may leave undone in a frame that it hands to us. TUN_F_USO4 and 6 are of Linux 6.2.
constexpr unsigned kOffloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
constexpr unsigned kUso = 0x20 | 0x40;
constexpr unsigned kTunnels = 0x80 | 0x100;        // TUN_F_UDP_TUNNEL_GSO, _CSUM: Linux 6.17
constexpr std::size_t kTapBurstBytes = 256 * 1024; // after which a burst ends: what a cache holds

} // namespace

// ---- set-up ----------------------------------------------------------------------------------------------------

namespace
{

// `name` may hold a %d, and becomes the interface's name.
Result<FileDescriptor> open_queue(const TapSetup& setup, std::string& name, bool is_first, Offloads& offloads)
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
    offloads = {.checksum = true, .tso4 = true, .tso6 = true};
    if (ioctl(fd.get(), TUNSETVNETHDRSZ, &header_size) != 0)
        return error("tap \"{}\": setting its header: {}", setup.ifname, std::strerror(errno));
    offloads.uso = ioctl(fd.get(), TUNSETOFFLOAD, kOffloads | kUso) == 0;
    if (!offloads.uso && ioctl(fd.get(), TUNSETOFFLOAD, kOffloads) != 0)
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
    Offloads offloads;
    for (std::uint16_t i = 0; i < setup.queues; ++i) {
        auto fd = open_queue(setup, name, i == 0, offloads);
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
    port.offloads_ = offloads;
    if (auto up = interface->bring_up(*netns, setup.ifname); !up)
        return std::move(up).error();
    return port;
}

TapPort::TapPort(std::unique_ptr<Queue[]> queues, std::uint16_t queue_count, MbufPool& pool)
    : queues_(std::move(queues)), pool_(pool.raw()), queue_count_(queue_count)
{
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
    auto set = netns->run([&]() -> Result<> {
        auto interface = KernelInterface::find(name.ifr_name);
        return interface ? interface->set_mtu(mtu) : Result<>{interface.error()};
    });
    if (set)
        mtu_ = mtu;
    return set;
}

void TapPort::set_use(PortUse use)
{
    if (use == use_)
        return;
    use_ = use;
    const unsigned plain = kOffloads | (offloads_.uso ? kUso : 0);
    const bool takes_tunnels =
        use == PortUse::kUnderlay && ioctl(queues_[0].fd.get(), TUNSETOFFLOAD, plain | kTunnels) == 0;
    if (!takes_tunnels)
        ioctl(queues_[0].fd.get(), TUNSETOFFLOAD, plain); // what it had; that was possible
    shared_->takes_tunnels.store(takes_tunnels, std::memory_order_relaxed);
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
    SpareBuffers spares{pool_};
    std::uint16_t count = 0;
    for (std::size_t bytes = 0; count < out.size() && bytes < kTapBurstBytes && !spares.is_empty();) {
        rte_mbuf* frame = receive(queues_[queue].fd.get(), spares);
        if (frame == nullptr)
            break;
        bytes += rte_pktmbuf_pkt_len(frame);
        out[count++] = frame;
    }
    return count;
}

rte_mbuf* TapPort::receive(int fd, SpareBuffers& spares) noexcept
{
    const auto pieces = spares.pieces();
    const ssize_t size = readv(fd, pieces.data(), static_cast<int>(pieces.size()));
    if (size < 0) {
        if (errno != EAGAIN && errno != EINTR)
            shared_->is_broken.store(true, std::memory_order_relaxed);
        return nullptr;
    }
    const VnetHeader header = spares.header;
    const auto whole = static_cast<std::size_t>(size);
    rte_mbuf* const frame = spares.take(whole - std::min(whole, sizeof(header)));
    note_offloads(frame, header);
    return frame;
}

std::uint16_t TapPort::tx(std::uint16_t worker, std::span<rte_mbuf*> frames) noexcept
{
    const int fd = queues_[worker % queue_count_].fd.get();
    // A frame that is refused moves to the end, so that those behind it, of other senders, still leave.
    std::size_t end = frames.size();
    std::size_t at = 0;
    while (at < end && !shared_->is_broken.load(std::memory_order_relaxed)) {
        if (send(fd, frames[at])) {
            ++at;
        } else if (errno == EIO || errno == EAGAIN) { // its other end is down, or its queue is full: none will pass
            break;
        } else {
            mark_unfit(frames[at]);
            std::rotate(frames.data() + at, frames.data() + at + 1, frames.data() + end--);
        }
    }
    return static_cast<std::uint16_t>(at);
}

bool TapPort::send(int fd, rte_mbuf* frame) noexcept
{
    VnetHeader header = vnet_header_of(frame);
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
