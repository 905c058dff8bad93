// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/port/kernel_interface.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace vx
{

Result<> check_interface_name(std::string_view name)
{
    const bool is_bad = name.empty() || name == "." || name == ".." || name.size() >= IFNAMSIZ ||
                        std::any_of(name.begin(), name.end(),
                                    [](char c) { return c <= ' ' || c == 0x7f || c == '/' || c == ':' || c == '%'; });
    if (is_bad)
        return error("\"{}\" is no name for an interface: 1 to {} bytes without '/', ':', '%' and spaces", name,
                     IFNAMSIZ - 1);
    return Ok{};
}

bool KernelInterface::exists(std::string_view name)
{
    return if_nametoindex(std::string{name}.c_str()) != 0;
}

Result<KernelInterface> KernelInterface::find(std::string_view name)
{
    const std::string text{name};
    const unsigned index = if_nametoindex(text.c_str());
    if (index == 0)
        return error("interface \"{}\" does not exist in this network namespace", name);
    FileDescriptor socket{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    if (!socket)
        return error("interface \"{}\": socket: {}", name, std::strerror(errno));
    return KernelInterface{std::move(socket), text, index};
}

bool KernelInterface::request(unsigned long code, ifreq& argument) const
{
    name_.copy(argument.ifr_name, IFNAMSIZ - 1);
    return ioctl(socket_.get(), code, &argument) == 0;
}

Result<std::uint16_t> KernelInterface::mtu() const
{
    ifreq argument{};
    if (!request(SIOCGIFMTU, argument))
        return error("interface \"{}\": reading the MTU: {}", name_, std::strerror(errno));
    return static_cast<std::uint16_t>(std::min(argument.ifr_mtu, 0xffff)); // lo has 65536
}

Result<Mac> KernelInterface::mac() const
{
    ifreq argument{};
    if (!request(SIOCGIFHWADDR, argument))
        return error("interface \"{}\": reading the MAC address: {}", name_, std::strerror(errno));
    std::array<std::uint8_t, 6> bytes;
    std::memcpy(bytes.data(), argument.ifr_hwaddr.sa_data, bytes.size());
    return Mac{bytes};
}

short KernelInterface::flags() const
{
    ifreq argument{};
    return request(SIOCGIFFLAGS, argument) ? argument.ifr_flags : short{0};
}

bool KernelInterface::is_up() const
{
    return (flags() & IFF_UP) != 0;
}

bool KernelInterface::has_carrier() const
{
    return (flags() & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING);
}

std::string KernelInterface::driver() const
{
    ethtool_drvinfo info{};
    info.cmd = ETHTOOL_GDRVINFO;
    ifreq argument{};
    argument.ifr_data = reinterpret_cast<char*>(&info);
    return request(SIOCETHTOOL, argument) ? info.driver : "";
}

Result<> KernelInterface::set_mtu(std::uint16_t mtu)
{
    ifreq argument{};
    argument.ifr_mtu = mtu;
    if (!request(SIOCSIFMTU, argument))
        return error("interface \"{}\": setting the MTU to {}: {}", name_, mtu, std::strerror(errno));
    return Ok{};
}

Result<> KernelInterface::set_mac(const Mac& mac)
{
    ifreq argument{};
    argument.ifr_hwaddr.sa_family = ARPHRD_ETHER;
    std::memcpy(argument.ifr_hwaddr.sa_data, mac.bytes().data(), mac.bytes().size());
    if (!request(SIOCSIFHWADDR, argument))
        return error("interface \"{}\": setting the MAC address to {}: {}", name_, mac.to_string(),
                     std::strerror(errno));
    return Ok{};
}

Result<> KernelInterface::bring_up()
{
    ifreq argument{};
    argument.ifr_flags = static_cast<short>(flags() | IFF_UP);
    if (!request(SIOCSIFFLAGS, argument))
        return error("interface \"{}\": bringing it up: {}", name_, std::strerror(errno));
    return Ok{};
}

} // namespace vx
