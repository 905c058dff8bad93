// SPDX-License-Identifier: BSD-3-Clause
// A DPDK ethdev that vxd has taken: plugged in for the occasion, or found among those that EAL has.
#pragma once

#include "dataplane/base/result.h"
#include "dataplane/port/eth/xdp_socket.h"

#include <cstdint>
#include <string>
#include <vector>

namespace vx
{

class EthDevice
{
public:
    // `devargs` as for --vdev or -a: "net_af_packet_up,iface=eth1", "0000:81:00.0". A device of that name that is
    // there already is used, and left in place at the end, stopped.
    static Result<EthDevice> take(const std::string& devargs);

    EthDevice(EthDevice&& other) noexcept;
    EthDevice& operator=(EthDevice&&) = delete;
    ~EthDevice() { remove(); }

    // Stops it; closes and unplugs it if take() plugged it in. Once is enough.
    void remove();

    std::uint16_t id() const { return id_; }
    // AF_XDP sockets that its driver has opened since the last call.
    std::vector<XdpSocket> new_sockets();

private:
    enum class Origin : std::uint8_t { kPlugged, kFound };
    static constexpr std::uint16_t kNone = 0xffff;

    EthDevice(std::uint16_t id, Origin origin) : id_(id), origin_(origin) {}
    Result<> own();

    std::uint16_t id_;
    Origin origin_;
    std::vector<XdpSocket> others_;  // of other ports, before this one
    std::vector<XdpSocket> sockets_; // of this one
};

} // namespace vx
