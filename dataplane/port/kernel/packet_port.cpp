// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/port/kernel/packet_port.h"

#include "dataplane/dpdk/mbuf.h"
#include "dataplane/dpdk/mbuf_pool.h"
#include "dataplane/port/kernel/packet_batch.h"

#include <linux/if_packet.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

namespace vx
{

// ---- set-up ----------------------------------------------------------------------------------------------------

bool PacketPort::kernel_has_uso()
{
    utsname system{};
    unsigned major = 0;
    unsigned minor = 0;
    return uname(&system) == 0 && std::sscanf(system.release, "%u.%u", &major, &minor) == 2 &&
           (major > 6 || (major == 6 && minor >= 2));
}

Result<PacketPort> PacketPort::open(KernelInterface interface, MbufPool& pool)
{
    const auto mac = interface.mac();
    const auto mtu = interface.mtu();
    if (!mac || !mtu)
        return mac ? mtu.error() : mac.error();
    auto queue = PacketQueue::open(*mtu + sizeof(EthernetHeader), pool);
    if (!queue)
        return error("interface \"{}\": {}", interface.name(), queue.error().message);
    if (const auto bound = (*queue)->bind(interface.index()); !bound)
        return error("interface \"{}\": {}", interface.name(), bound.error().message);
    PacketPort port{std::move(*queue), std::move(interface), pool};
    port.offloads_ = {.checksum = true, .tso4 = true, .tso6 = true, .uso = kernel_has_uso()};
    port.mac_ = *mac;
    port.kernels_ = port.interface_.addresses().value_or(std::vector<IpAddress>{});
    port.apply_mtu(*mtu);
    return port;
}

PacketPort::PacketPort(std::unique_ptr<PacketQueue> queue, KernelInterface interface, MbufPool& pool)
    : interface_(std::move(interface)), pool_(pool)
{
    queues_.front() = std::move(queue);
}

// ---- settings --------------------------------------------------------------------------------------------------

void PacketPort::set_use(PortUse use)
{
    if (use == use_)
        return;
    use_ = use;
    shared_->is_underlay.store(use == PortUse::kUnderlay, std::memory_order_relaxed);
    packet_mreq request{};
    request.mr_ifindex = static_cast<int>(interface_.index());
    request.mr_type = PACKET_MR_PROMISC;
    // Refused where it is as wanted already, or where the interface is gone.
    setsockopt(queues_.front()->fd(), SOL_PACKET,
               use == PortUse::kOverlay ? PACKET_ADD_MEMBERSHIP : PACKET_DROP_MEMBERSHIP, &request, sizeof(request));
    if (use == PortUse::kOverlay) {
        is_serving_ = false;
        set_filters(incoming_filter());
    }
}

void PacketPort::serve(const ServedTraffic& served)
{
    if (is_serving_ && served == served_ && queues_.front()->has_filter())
        return;
    if (served.udp_ports != served_.udp_ports)
        has_program_ = false;
    is_serving_ = true;
    served_ = served;
    if (queue_count_ == 1)
        add_queues();
    set_filters(underlay_filter(served_, kernels_));
    spread();
}

void PacketPort::follow_addresses()
{
    if (!is_serving_)
        return;
    if (auto now = interface_.addresses())
        kernels_ = *std::move(now); // else as they were: without them the kernel's traffic would be ours
    set_filters(underlay_filter(served_, kernels_));
    spread();
}

void PacketPort::set_filters(const std::vector<sock_filter>& filter)
{
    queues_.front()->set_filter(filter);
    for (unsigned queue = 1; queue < fanout_.count(); ++queue) // others hear nothing
        queues_[queue]->set_filter(filter);
}

// All or none: then the port does with one, and says why.
void PacketPort::add_queues()
{
    std::vector<std::unique_ptr<PacketQueue>> added;
    while (added.size() + 1 < queues_.size()) {
        auto queue = PacketQueue::open(mtu_ + sizeof(EthernetHeader), pool_);
        if (!queue) {
            complain(queue.error());
            return;
        }
        added.push_back(std::move(*queue));
    }
    std::move(added.begin(), added.end(), queues_.begin() + 1);
    queue_count_ = static_cast<std::uint16_t>(queues_.size());
}

void PacketPort::complain(const Error& error)
{
    if (interface_.has_carrier() && std::exchange(last_trouble_, error.message) != error.message)
        trouble_ = error.message;
}

// While the interface is down, some kernels let no socket into a group; the next look tries again. A socket that is
// bound and not in the group yet would hear all that the others hear.
void PacketPort::spread()
{
    static const std::vector<sock_filter> kNothing{{BPF_RET | BPF_K, 0, 0, 0}};
    if (queue_count_ == 1 || has_program_)
        return;
    while (fanout_.count() < queue_count_) {
        PacketQueue& queue = *queues_[fanout_.count()];
        if (fanout_.count() != 0) {
            queue.set_filter(kNothing);
            if (!queue.has_filter())
                return complain({"net.core.optmem_max holds no filter"});
            if (const auto bound = queue.bind(interface_.index()); !bound)
                return complain(bound.error());
        }
        if (const auto joined = fanout_.join(queue.fd()); !joined)
            return complain(joined.error());
        if (fanout_.count() > 1)
            queue.set_filter(underlay_filter(served_, kernels_));
    }
    const auto set = fanout_.set_program(queues_.front()->fd(), PacketFanout::program(served_.udp_ports));
    has_program_ = set.has_value();
    if (!set)
        complain(set.error());
}

PortLosses PacketPort::losses()
{
    PortLosses losses;
    for (std::uint16_t queue = 0; queue < queue_count_; ++queue)
        losses += queues_[queue]->losses();
    return losses;
}

void PacketPort::apply_mtu(std::uint16_t mtu)
{
    mtu_ = mtu;
    shared_->max_frame.store(mtu + sizeof(EthernetHeader), std::memory_order_relaxed);
}

Result<> PacketPort::set_mtu(std::uint16_t mtu)
{
    auto set = interface_.set_mtu(mtu);
    if (set)
        apply_mtu(mtu);
    return set;
}

bool PacketPort::follow_mtu()
{
    const auto now = interface_.mtu();
    if (!now || *now == mtu_)
        return false;
    apply_mtu(*now);
    return true;
}

bool PacketPort::follow_mac()
{
    const auto now = interface_.mac();
    if (!now || *now == mac_)
        return false;
    mac_ = *now;
    return true;
}

Result<> PacketPort::set_mac(const Mac& mac)
{
    auto set = interface_.set_mac(mac);
    if (set)
        mac_ = mac;
    return set;
}

// ---- receiving and sending -------------------------------------------------------------------------------------

std::uint16_t PacketPort::rx(std::uint16_t queue, std::span<rte_mbuf*> out) noexcept
{
    const bool is_underlay = shared_->is_underlay.load(std::memory_order_relaxed);
    return queues_[queue]->rx(is_underlay ? PortUse::kUnderlay : PortUse::kOverlay, out);
}

std::uint16_t PacketPort::tx(std::uint16_t, std::span<rte_mbuf*> frames) noexcept
{
    const bool bundles = offloads_.uso && shared_->is_underlay.load(std::memory_order_relaxed);
    const std::size_t max_frame = bundles ? shared_->max_frame.load(std::memory_order_relaxed) : 0;
    std::size_t at = 0;
    std::size_t end = frames.size();
    bool was_down = false;
    while (at < end) {
        PacketBatch batch{max_frame};
        batch.fill(frames.subspan(at, end - at));
        const std::span<mmsghdr> messages = batch.messages();
        const int rc = messages.empty() ? -1
                                        : sendmmsg(queues_.front()->fd(), messages.data(),
                                                   static_cast<unsigned>(messages.size()), MSG_DONTWAIT);
        if (rc > 0) {
            const std::size_t sent = batch.frames_before(static_cast<std::size_t>(rc));
            rte_pktmbuf_free_bulk(frames.data() + at, static_cast<unsigned>(sent));
            at += sent;
            continue; // what stopped it shows next
        }
        if (!messages.empty() && errno == ENETDOWN && !std::exchange(was_down, true))
            continue; // perhaps it was so before: a socket tells once, and is asked again
        if (!messages.empty() &&
            (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM || errno == ENETDOWN || errno == ENXIO))
            break; // none will pass: the socket's buffer or the interface's queue is full, or it is down
        // What is refused moves to the end, so that those behind it, of other senders, still leave.
        const std::size_t refused = messages.empty() ? 1 : batch.frames_before(1);
        std::for_each(frames.data() + at, frames.data() + at + refused, mark_unfit);
        std::rotate(frames.data() + at, frames.data() + at + refused, frames.data() + end);
        end -= refused;
    }
    return static_cast<std::uint16_t>(at);
}

} // namespace vx
