// SPDX-License-Identifier: BSD-3-Clause
#include "tools/cni/netlink.h"

#include "dataplane/net/mac.h"

#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace vx::cni
{

namespace
{

constexpr std::size_t kBufferSize = 32 << 10; // what the kernel fills at most for one read of a dump

bool is_own(const Netns& netns)
{
    struct stat own {
    };
    struct stat other {
    };
    return stat("/proc/thread-self/ns/net", &own) == 0 && fstat(netns.fd(), &other) == 0 &&
           own.st_ino == other.st_ino && own.st_dev == other.st_dev;
}

// Whether it could be set. Nobody has to know: what is missing shows when an address is refused, or is a courtesy.
bool write_sysctl(std::string_view family, std::string_view ifname, std::string_view name, char value)
{
    const FileDescriptor file{
        ::open(fmt::format("/proc/sys/net/{}/conf/{}/{}", family, ifname, name).c_str(), O_WRONLY | O_CLOEXEC)};
    return file && write(file.get(), &value, 1) == 1;
}

// A request, and room for its attributes.
class Message
{
public:
    Message(std::uint16_t type, std::uint16_t flags) : header_(mnl_nlmsg_put_header(buffer_.data()))
    {
        header_->nlmsg_type = type;
        header_->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    }
    template <typename T>
    T& family_header()
    {
        return *static_cast<T*>(mnl_nlmsg_put_extra_header(header_, sizeof(T)));
    }
    void put(std::uint16_t type, const IpAddress& address)
    {
        mnl_attr_put(header_, type, address.bit_count() / 8, address.bytes().data());
    }
    void put(std::uint16_t type, std::uint32_t value) { mnl_attr_put_u32(header_, type, value); }
    void put(std::uint16_t type, const std::string& text) { mnl_attr_put_strz(header_, type, text.c_str()); }
    void* get() { return header_; }

private:
    alignas(nlmsghdr) std::array<char, 512> buffer_{};
    nlmsghdr* header_;
};

unsigned char family_of(const IpAddress& address)
{
    return address.is_v4() ? AF_INET : AF_INET6;
}

std::optional<IpAddress> address_in(const nlattr* attribute)
{
    switch (mnl_attr_get_payload_len(attribute)) {
    case 4:
        return IpAddress::v4_from_wire(mnl_attr_get_payload(attribute));
    case 16:
        return IpAddress::v6_from_wire(mnl_attr_get_payload(attribute));
    default:
        return std::nullopt;
    }
}

template <typename Take>
void for_each_attribute(const nlmsghdr* message, std::size_t family_header_size, Take take)
{
    const mnl_attr_cb_t callback = [](const nlattr* attribute, void* data) {
        (*static_cast<Take*>(data))(mnl_attr_get_type(attribute), attribute);
        return MNL_CB_OK;
    };
    mnl_attr_parse(message, static_cast<unsigned>(family_header_size), callback, &take);
}

CniError refused(const std::string& netns, std::string_view what, int reason)
{
    return fail(Code::kInterface, "{} in {}: {}", what, netns, std::strerror(reason));
}

} // namespace

void ContainerNet::Close::operator()(mnl_socket* socket) const
{
    mnl_socket_close(socket);
}

Outcome<ContainerNet> ContainerNet::open(const std::string& netns_path)
{
    auto netns = Netns::open(netns_path);
    if (!netns)
        return fail(Code::kInvalidEnvironment, "CNI_NETNS: {}", netns.error().message);
    if (is_own(*netns))
        return fail(Code::kInvalidEnvironment, "CNI_NETNS: {} is the host's own network namespace, not a container's",
                    netns_path);
    auto socket = netns->run([]() -> Result<Socket> {
        Socket opened{mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC)};
        if (!opened || mnl_socket_bind(opened.get(), 0, MNL_SOCKET_AUTOPID) != 0)
            return error("a netlink socket: {}", std::strerror(errno));
        return opened;
    });
    if (!socket)
        return fail(Code::kInterface, "{}: {}", netns_path, socket.error().message);
    return ContainerNet{netns_path, *std::move(netns), *std::move(socket)};
}

// Sends, and gives every message of the answer to `handle`.
template <typename Handle>
int ContainerNet::talk(void* message, Handle handle)
{
    auto* const header = static_cast<nlmsghdr*>(message);
    header->nlmsg_seq = ++sequence_;
    if ((header->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
        header->nlmsg_flags |= NLM_F_ACK;
    if (mnl_socket_sendto(socket_.get(), header, header->nlmsg_len) < 0)
        return errno;
    const mnl_cb_t callback = [](const nlmsghdr* answer, void* data) {
        (*static_cast<Handle*>(data))(answer);
        return MNL_CB_OK;
    };
    std::vector<char> buffer(kBufferSize);
    const unsigned port = mnl_socket_get_portid(socket_.get());
    for (;;) {
        const ssize_t size = mnl_socket_recvfrom(socket_.get(), buffer.data(), buffer.size());
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return errno;
        const int state = mnl_cb_run(buffer.data(), static_cast<std::size_t>(size), sequence_, port, callback, &handle);
        if (state == MNL_CB_ERROR)
            return errno;
        if (state == MNL_CB_STOP)
            return 0;
    }
}

Outcome<std::optional<Interface>> ContainerNet::find(const std::string& ifname)
{
    Message message{RTM_GETLINK, 0};
    message.family_header<ifinfomsg>().ifi_family = AF_UNSPEC;
    message.put(IFLA_IFNAME, ifname);
    Interface found;
    const int failed = talk(message.get(), [&](const nlmsghdr* answer) {
        const auto* info = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(answer));
        found.index = info->ifi_index;
        found.is_up = (info->ifi_flags & IFF_UP) != 0;
        for_each_attribute(answer, sizeof(*info), [&](unsigned type, const nlattr* attribute) {
            std::array<std::uint8_t, 6> bytes;
            if (type == IFLA_ADDRESS && mnl_attr_get_payload_len(attribute) == bytes.size()) {
                std::memcpy(bytes.data(), mnl_attr_get_payload(attribute), bytes.size());
                found.mac = Mac{bytes}.to_string();
            }
        });
    });
    if (failed == ENODEV)
        return std::optional<Interface>{};
    if (failed != 0)
        return refused(path_, fmt::format("looking for the interface {}", ifname), failed);
    return std::optional<Interface>{found};
}

Outcome<> ContainerNet::set_up(const Interface& interface, bool is_up)
{
    Message message{RTM_NEWLINK, 0};
    auto& info = message.family_header<ifinfomsg>();
    info.ifi_index = interface.index;
    info.ifi_change = IFF_UP;
    info.ifi_flags = is_up ? IFF_UP : 0;
    if (const int failed = talk(message.get(), [](const nlmsghdr*) {}); failed != 0)
        return refused(path_, is_up ? "taking the interface up" : "taking the interface down", failed);
    return Ok{};
}

Outcome<> ContainerNet::set_addresses(const std::string& ifname, const Interface& interface,
                                      const std::vector<IpPrefix>& addresses)
{
    if (auto down = set_up(interface, false); !down)
        return down;
    const auto entered = netns_.run([&]() -> Result<> {
        write_sysctl("ipv4", ifname, "arp_notify", '1');
        write_sysctl("ipv6", ifname, "ndisc_notify", '1');
        for (const IpPrefix& address : addresses)
            if (address.address().is_v6())
                write_sysctl("ipv6", ifname, "disable_ipv6", '0');
        return Ok{};
    });
    if (!entered)
        return fail(Code::kInterface, entered.error());
    for (const IpPrefix& prefix : addresses) {
        Message message{RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL};
        auto& info = message.family_header<ifaddrmsg>();
        info.ifa_family = family_of(prefix.address());
        info.ifa_prefixlen = static_cast<unsigned char>(prefix.length());
        info.ifa_index = static_cast<unsigned>(interface.index);
        info.ifa_flags = prefix.address().is_v6() ? IFA_F_NODAD : 0; // the IPAM plugin has seen to it
        message.put(IFA_LOCAL, prefix.address());
        message.put(IFA_ADDRESS, prefix.address());
        if (const auto broadcast = prefix.broadcast())
            message.put(IFA_BROADCAST, *broadcast);
        if (const int failed = talk(message.get(), [](const nlmsghdr*) {}); failed != 0)
            return refused(path_, fmt::format("giving {} the address {}", ifname, prefix.to_string()), failed);
    }
    return set_up(interface, true);
}

Outcome<bool> ContainerNet::add_route(const Interface& interface, const RouteEntry& route)
{
    Message message{RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL};
    auto& info = message.family_header<rtmsg>();
    info.rtm_family = family_of(route.destination.address());
    info.rtm_dst_len = static_cast<unsigned char>(route.destination.length());
    info.rtm_table = RT_TABLE_MAIN;
    info.rtm_protocol = RTPROT_BOOT;
    info.rtm_scope = route.gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
    info.rtm_type = RTN_UNICAST;
    message.put(RTA_DST, route.destination.network().address());
    if (route.gateway)
        message.put(RTA_GATEWAY, *route.gateway);
    message.put(RTA_OIF, static_cast<std::uint32_t>(interface.index));
    const int failed = talk(message.get(), [](const nlmsghdr*) {});
    if (failed == 0 || failed == EEXIST)
        return failed == 0;
    return refused(path_,
                   fmt::format("adding the route to {}{}", route.destination.to_string(),
                               route.gateway ? " via " + route.gateway->to_string() : std::string{}),
                   failed);
}

Outcome<std::vector<IpPrefix>> ContainerNet::addresses(const Interface& interface)
{
    Message message{RTM_GETADDR, NLM_F_DUMP};
    message.family_header<ifaddrmsg>().ifa_family = AF_UNSPEC;
    std::vector<IpPrefix> found;
    const int failed = talk(message.get(), [&](const nlmsghdr* answer) {
        const auto* info = static_cast<const ifaddrmsg*>(mnl_nlmsg_get_payload(answer));
        if (info->ifa_index != static_cast<unsigned>(interface.index))
            return;
        for_each_attribute(answer, sizeof(*info), [&](unsigned type, const nlattr* attribute) {
            if (type == IFA_ADDRESS)
                if (const auto address = address_in(attribute))
                    found.emplace_back(*address, info->ifa_prefixlen);
        });
    });
    if (failed != 0)
        return refused(path_, "reading the addresses", failed);
    return found;
}

Outcome<std::vector<RouteEntry>> ContainerNet::routes()
{
    Message message{RTM_GETROUTE, NLM_F_DUMP};
    message.family_header<rtmsg>().rtm_family = AF_UNSPEC;
    std::vector<RouteEntry> found;
    const int failed = talk(message.get(), [&](const nlmsghdr* answer) {
        const auto* info = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(answer));
        RouteEntry route;
        IpAddress destination = info->rtm_family == AF_INET ? IpAddress{} : *IpAddress::parse("::");
        for_each_attribute(answer, sizeof(*info), [&](unsigned type, const nlattr* attribute) {
            if (type == RTA_DST)
                destination = address_in(attribute).value_or(destination);
            else if (type == RTA_GATEWAY)
                route.gateway = address_in(attribute);
        });
        if (info->rtm_table != RT_TABLE_MAIN)
            return;
        route.destination = IpPrefix{destination, info->rtm_dst_len};
        found.push_back(route);
    });
    if (failed != 0)
        return refused(path_, "reading the routes", failed);
    return found;
}

} // namespace vx::cni
