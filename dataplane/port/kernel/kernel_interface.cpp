// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/port/kernel/kernel_interface.h"

#include "dataplane/base/netns.h"

#include <linux/ethtool.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

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

namespace
{

// A setting that was changed, and is given back unless somebody else has changed it since.
template <typename Value>
class Borrowed
{
public:
    void note_change(const Value& before, const Value& after)
    {
        if (!set_ || *set_ != before) // else it is our own value that is replaced
            before_ = before;
        set_ = after;
    }
    // Nothing if there is nothing to give back.
    std::optional<Value> to_return(const Value& now) const
    {
        return set_ && *set_ == now && before_ != now ? std::optional{before_} : std::nullopt;
    }

private:
    Value before_{};
    std::optional<Value> set_;
};

} // namespace

struct KernelInterface::Loan {
    KernelInterface interface;
    FileDescriptor membership;
    Borrowed<std::uint16_t> mtu;
    Borrowed<Mac> mac;

    // Fails where the interface is gone, and then there is nothing to give back.
    ~Loan()
    {
        if (const auto now = interface.mtu())
            if (const auto before = mtu.to_return(*now))
                (void)interface.set_mtu(*before);
        if (const auto now = interface.mac())
            if (const auto before = mac.to_return(*now))
                (void)interface.set_mac(*before);
    }
};

Result<> KernelInterface::borrow()
{
    auto again = find(name_);
    if (!again)
        return std::move(again).error();
    FileDescriptor membership{::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)}; // protocol 0: receives nothing
    packet_mreq all{};
    all.mr_ifindex = static_cast<int>(index_);
    all.mr_type = PACKET_MR_ALLMULTI;
    if (!membership || setsockopt(membership.get(), SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)) != 0)
        return error("interface \"{}\": joining all multicast groups: {}", name_, std::strerror(errno));
    loan_ = std::shared_ptr<Loan>(new Loan{std::move(*again), std::move(membership), {}, {}});
    return Ok{};
}

bool KernelInterface::exists(std::string_view name)
{
    return if_nametoindex(std::string{name}.c_str()) != 0;
}

Result<KernelInterface> KernelInterface::find(std::string_view name)
{
    ifreq wanted{};
    name.copy(wanted.ifr_name, IFNAMSIZ - 1);
    // Bound to the interface, but to no protocol: it receives nothing, and learns when the interface goes.
    FileDescriptor socket{::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)};
    if (!socket)
        return error("interface \"{}\": socket: {}", name, std::strerror(errno));
    if (name.size() >= IFNAMSIZ || ioctl(socket.get(), SIOCGIFINDEX, &wanted) != 0)
        return error("interface \"{}\" does not exist in this network namespace", name);
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_ifindex = wanted.ifr_ifindex;
    if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
        return error("interface \"{}\": bind: {}", name, std::strerror(errno));
    return KernelInterface{std::move(socket), std::string{name}, static_cast<unsigned>(wanted.ifr_ifindex)};
}

bool KernelInterface::is_there() const
{
    sockaddr_ll address{};
    socklen_t size = sizeof(address);
    return getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0 &&
           address.sll_ifindex == static_cast<int>(index_);
}

bool KernelInterface::request(unsigned long code, ifreq& argument) const
{
    if (!is_there()) {
        errno = ENODEV;
        return false;
    }
    ifreq present{};
    present.ifr_ifindex = static_cast<int>(index_);
    if (ioctl(socket_.get(), SIOCGIFNAME, &present) != 0)
        return false;
    std::memcpy(argument.ifr_name, present.ifr_name, IFNAMSIZ);
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

bool KernelInterface::is_loopback() const
{
    return (flags() & IFF_LOOPBACK) != 0;
}

bool KernelInterface::is_promiscuous() const
{
    return (flags() & IFF_PROMISC) != 0;
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

KernelInterface::Queues KernelInterface::queues() const
{
    ethtool_channels channels{};
    channels.cmd = ETHTOOL_GCHANNELS;
    ifreq argument{};
    argument.ifr_data = reinterpret_cast<char*>(&channels);
    if (!request(SIOCETHTOOL, argument))
        return {.combined = 1};
    return {channels.combined_count, channels.rx_count, channels.tx_count};
}

Result<> KernelInterface::set_mtu(std::uint16_t mtu)
{
    ifreq argument{};
    argument.ifr_mtu = mtu;
    const auto before = this->mtu();
    if (!request(SIOCSIFMTU, argument))
        return error("interface \"{}\": setting the MTU to {}: {}", name_, mtu, std::strerror(errno));
    if (loan_ != nullptr && before)
        loan_->mtu.note_change(*before, mtu);
    return Ok{};
}

Result<> KernelInterface::set_mac(const Mac& mac)
{
    ifreq argument{};
    argument.ifr_hwaddr.sa_family = ARPHRD_ETHER;
    std::memcpy(argument.ifr_hwaddr.sa_data, mac.bytes().data(), mac.bytes().size());
    const auto before = this->mac();
    if (!request(SIOCSIFHWADDR, argument))
        return error("interface \"{}\": setting the MAC address to {}: {}", name_, mac.to_string(),
                     std::strerror(errno));
    if (loan_ != nullptr && before)
        loan_->mac.note_change(*before, mac);
    return Ok{};
}

// ---- netlink ---------------------------------------------------------------------------------------------------

namespace
{

// A request is a struct with an nlmsghdr as its `header`. Each message of the answer goes to take(), until that says
// that it was all, or the kernel does. 0, or what the kernel has against it.
template <typename Request, typename Take>
int ask_kernel(const Request& request, Take take)
{
    const FileDescriptor socket{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)};
    if (!socket)
        return errno;
    const int is_strict = 1; // else it tells of all interfaces
    setsockopt(socket.get(), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &is_strict, sizeof(is_strict));
    if (send(socket.get(), &request, request.header.nlmsg_len, 0) < 0)
        return errno;
    alignas(nlmsghdr) std::array<char, 32768> answer;
    for (;;) {
        const ssize_t size = recv(socket.get(), answer.data(), answer.size(), 0);
        if (size <= 0)
            return size < 0 ? errno : EPROTO;
        auto left = static_cast<unsigned>(size);
        for (const auto* at = reinterpret_cast<const nlmsghdr*>(answer.data()); NLMSG_OK(at, left);
             at = NLMSG_NEXT(at, left)) {
            if (at->nlmsg_type == NLMSG_ERROR)
                return -static_cast<const nlmsgerr*>(NLMSG_DATA(at))->error;
            if (at->nlmsg_type == NLMSG_DONE || take(*at))
                return 0;
        }
    }
}

// RTM_NEWLINK, with room for what bring_up() asks for.
struct LinkRequest {
    nlmsghdr header{};
    ifinfomsg link{};
    std::array<char, 64> attributes{};

    LinkRequest()
    {
        header.nlmsg_len = NLMSG_LENGTH(sizeof(link));
        header.nlmsg_type = RTM_NEWLINK;
        header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    }

    void add(unsigned short type, const void* value, std::size_t size)
    {
        auto* attribute = reinterpret_cast<rtattr*>(reinterpret_cast<char*>(this) + header.nlmsg_len);
        attribute->rta_type = type;
        attribute->rta_len = static_cast<unsigned short>(RTA_LENGTH(size));
        std::memcpy(RTA_DATA(attribute), value, size);
        header.nlmsg_len += RTA_SPACE(size);
    }
};

} // namespace

Result<> KernelInterface::bring_up(const Netns& netns, const std::string& name)
{
    LinkRequest request;
    request.link.ifi_index = static_cast<int>(index_);
    request.link.ifi_flags = request.link.ifi_change = IFF_UP;
    if (const int fd = netns.fd(); fd >= 0)
        request.add(IFLA_NET_NS_FD, &fd, sizeof(fd));
    request.add(IFLA_IFNAME, name.c_str(), name.size() + 1);
    if (const int failure = ask_kernel(request, [](const nlmsghdr&) { return false; }); failure != 0)
        return error("interface \"{}\": bringing it up: {}", name, std::strerror(failure));
    return Ok{};
}

namespace
{

std::optional<IpAddress> address_of(const nlmsghdr& message, unsigned index)
{
    const auto* const about = static_cast<const ifaddrmsg*>(NLMSG_DATA(&message));
    if (message.nlmsg_type != RTM_NEWADDR || about->ifa_index != index)
        return std::nullopt;
    const bool is_v4 = about->ifa_family == AF_INET;
    std::optional<IpAddress> address;
    auto left = static_cast<unsigned>(IFA_PAYLOAD(&message));
    for (const rtattr* at = IFA_RTA(about); RTA_OK(at, left); at = RTA_NEXT(at, left)) {
        // IPv4's IFA_ADDRESS is the peer's where there is one.
        if (at->rta_type == IFA_LOCAL || (at->rta_type == IFA_ADDRESS && !address))
            address = is_v4 ? IpAddress::v4_from_wire(RTA_DATA(at)) : IpAddress::v6_from_wire(RTA_DATA(at));
    }
    return address;
}

} // namespace

std::optional<std::vector<IpAddress>> KernelInterface::addresses() const
{
    struct {
        nlmsghdr header;
        ifaddrmsg about;
    } request{};
    request.header.nlmsg_len = sizeof(request);
    request.header.nlmsg_type = RTM_GETADDR;
    request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request.about.ifa_index = index_;
    std::vector<IpAddress> addresses;
    const int failure = ask_kernel(request, [&](const nlmsghdr& message) {
        if (const auto address = address_of(message, index_))
            addresses.push_back(*address);
        return false;
    });
    return failure == 0 ? std::optional{std::move(addresses)} : std::nullopt;
}

namespace
{

std::optional<std::uint64_t> dropped_in(const nlmsghdr& message)
{
    const auto* const about = static_cast<const if_stats_msg*>(NLMSG_DATA(&message));
    auto left = static_cast<unsigned>(NLMSG_PAYLOAD(&message, NLMSG_ALIGN(sizeof(*about))));
    const auto* at =
        reinterpret_cast<const rtattr*>(reinterpret_cast<const char*>(about) + NLMSG_ALIGN(sizeof(*about)));
    for (; RTA_OK(at, left); at = RTA_NEXT(at, left)) {
        if (at->rta_type != IFLA_STATS_LINK_64)
            continue;
        rtnl_link_stats64 totals{}; // the kernel's may be longer or shorter
        std::memcpy(&totals, RTA_DATA(at), std::min<std::size_t>(sizeof(totals), RTA_PAYLOAD(at)));
        return totals.tx_dropped;
    }
    return std::nullopt;
}

} // namespace

Result<std::uint64_t> dropped_by(const std::string& name)
{
    struct {
        nlmsghdr header;
        if_stats_msg statistics;
    } request{};
    request.header.nlmsg_len = sizeof(request);
    request.header.nlmsg_type = RTM_GETSTATS;
    request.header.nlmsg_flags = NLM_F_REQUEST;
    request.statistics.ifindex = if_nametoindex(name.c_str());
    request.statistics.filter_mask = IFLA_STATS_FILTER_BIT(IFLA_STATS_LINK_64);
    std::optional<std::uint64_t> dropped;
    const int failure = ask_kernel(request, [&](const nlmsghdr& message) {
        dropped = dropped_in(message);
        return true;
    });
    if (failure != 0)
        return error("interface \"{}\": asking for its counters: {}", name, std::strerror(failure));
    if (dropped)
        return *dropped;
    return error("interface \"{}\" has no counters", name);
}

} // namespace vx
