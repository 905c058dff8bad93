// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/ports.h"

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <stdexcept>

// net_af_xdp never frees the 80 bytes that libxdp allocates for it.
extern "C" const char* __lsan_default_suppressions()
{
    return "leak:xsk_umem__create\n";
}

namespace vx::test
{

namespace
{

struct Environment {
    Eal eal;
    MbufPool pool;
};

Environment start()
{
    auto eal = Eal::start({.memory_mib = 512, .file_prefix = "vxd-test", .extra_arguments = {}});
    if (!eal)
        throw std::runtime_error{eal.error().message};
    if (auto noted = register_mbuf_note(); !noted)
        throw std::runtime_error{noted.error().message};
    auto pool = MbufPool::create("test", 32768, MbufPool::kAnyNode);
    if (!pool)
        throw std::runtime_error{pool.error().message};
    return {std::move(*eal), std::move(*pool)};
}

Environment& environment()
{
    static Environment started = start();
    return started;
}

} // namespace

const Eal& eal()
{
    return environment().eal;
}

MbufPool& packet_pool()
{
    return environment().pool;
}

Result<OpenedPort> try_open(const PortRequest& request)
{
    PortSpec spec;
    const PortKind* kind = find_port_kind(request.kind);
    spec.name = request.name;
    spec.kind = kind->name;
    spec.options = request.options;
    spec.mac = request.mac;
    spec.mtu = request.mtu;
    return kind->open(spec, {packet_pool(), request.workers});
}

bool cannot_make_namespaces()
{
    if (can_make_namespaces())
        return false;
    WARN("skipped: no right to make network namespaces");
    return true;
}

std::string error_of(const PortRequest& request)
{
    auto opened = try_open(request);
    return opened ? "" : opened.error().message;
}

OpenedPort open(const PortRequest& request)
{
    auto opened = try_open(request);
    if (!opened)
        throw std::runtime_error{opened.error().message};
    return std::move(*opened);
}

rte_mbuf* mbuf_of(const Frame& frame, MbufPool& pool)
{
    rte_mbuf* const head = pool.alloc();
    std::size_t at = 0;
    for (rte_mbuf* segment = head; at < frame.size();) {
        const std::size_t piece = std::min<std::size_t>(rte_pktmbuf_tailroom(segment), frame.size() - at);
        std::memcpy(rte_pktmbuf_mtod(segment, void*), frame.data() + at, piece);
        segment->data_len = static_cast<std::uint16_t>(piece);
        at += piece;
        if (at < frame.size()) {
            segment->next = pool.alloc();
            segment = segment->next;
            ++head->nb_segs;
        }
    }
    head->pkt_len = static_cast<std::uint32_t>(frame.size());
    return head;
}

Frame frame_of(const rte_mbuf* mbuf)
{
    Frame frame;
    for (; mbuf != nullptr; mbuf = mbuf->next) {
        const auto* data = rte_pktmbuf_mtod(mbuf, const std::uint8_t*);
        frame.insert(frame.end(), data, data + rte_pktmbuf_data_len(mbuf));
    }
    return frame;
}

bool send(Port& port, const Frame& frame, std::uint16_t worker)
{
    rte_mbuf* mbufs[] = {mbuf_of(frame)};
    if (port.tx(worker, mbufs) == 1)
        return true;
    rte_pktmbuf_free(mbufs[0]);
    return false;
}

rte_mbuf* receive(Port& port, std::uint16_t queue)
{
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{1};
    while (std::chrono::steady_clock::now() < end) {
        rte_mbuf* mbufs[1];
        if (port.rx(queue, mbufs) == 0)
            continue;
        if (is_experimental(frame_of(mbufs[0])))
            return mbufs[0];
        rte_pktmbuf_free(mbufs[0]);
    }
    return nullptr;
}

Frame receive_frame(Port& port, std::uint16_t queue)
{
    rte_mbuf* const mbuf = receive(port, queue);
    Frame frame = frame_of(mbuf);
    rte_pktmbuf_free(mbuf);
    return frame;
}

bool becomes_readable(int fd)
{
    pollfd waiting{fd, POLLIN, 0};
    return poll(&waiting, 1, 1000) == 1 && (waiting.revents & POLLIN) != 0;
}

} // namespace vx::test
