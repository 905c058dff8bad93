// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/net/ip.h"

#include "dataplane/net/martian.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <charconv>
#include <cstring>

namespace vx
{

IpAddress IpAddress::v4(std::uint32_t host_order)
{
    const Be32 wire{host_order};
    return v4_from_wire(&wire);
}

IpAddress IpAddress::v4_from_wire(const void* four_bytes)
{
    IpAddress address;
    std::memcpy(address.bytes_.data(), four_bytes, 4);
    return address;
}

IpAddress IpAddress::v6_from_wire(const void* sixteen_bytes)
{
    IpAddress address;
    std::memcpy(address.bytes_.data(), sixteen_bytes, 16);
    address.family_ = Family::kIpv6;
    return address;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text)
{
    const std::string terminated(text);
    if (terminated.size() != std::strlen(terminated.c_str()))
        return std::nullopt;
    IpAddress address;
    if (inet_pton(AF_INET, terminated.c_str(), address.bytes_.data()) == 1)
        return address;
    address.family_ = Family::kIpv6;
    if (inet_pton(AF_INET6, terminated.c_str(), address.bytes_.data()) == 1)
        return address;
    return std::nullopt;
}

std::uint32_t IpAddress::v4_host() const
{
    return load<Be32>(bytes_.data()).host();
}

bool IpAddress::is_unspecified() const
{
    return bytes_ == std::array<std::uint8_t, 16>{};
}

bool IpAddress::is_multicast() const
{
    return is_v4() ? (bytes_[0] & 0xf0) == 0xe0 : bytes_[0] == 0xff;
}

bool IpAddress::is_link_local() const
{
    return is_v4() ? bytes_[0] == 169 && bytes_[1] == 254 : bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80;
}

bool IpAddress::is_loopback() const
{
    return is_v4() ? bytes_[0] == 127
                   : bytes_ == std::array<std::uint8_t, 16>{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
}

bool IpAddress::is_limited_broadcast() const
{
    return is_v4() && v4_host() == 0xffffffff;
}

bool IpAddress::is_unicast() const
{
    return is_v4() ? !is_martian_source(Be32{v4_host()}) : !is_martian_source(bytes_);
}

std::string IpAddress::to_string() const
{
    char text[INET6_ADDRSTRLEN];
    return inet_ntop(is_v4() ? AF_INET : AF_INET6, bytes_.data(), text, sizeof(text));
}

std::strong_ordering operator<=>(const IpAddress& a, const IpAddress& b)
{
    if (const auto order = a.family_ <=> b.family_; order != 0)
        return order;
    return std::memcmp(a.bytes_.data(), b.bytes_.data(), 16) <=> 0;
}

std::optional<IpPrefix> IpPrefix::parse(std::string_view text)
{
    const std::size_t slash = text.find('/');
    const auto address = IpAddress::parse(text.substr(0, slash));
    if (!address)
        return std::nullopt;
    unsigned length = address->bit_count();
    if (slash != std::string_view::npos) {
        const std::string_view digits = text.substr(slash + 1);
        const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
        if (code != std::errc{} || end != digits.data() + digits.size() || length > address->bit_count())
            return std::nullopt;
    }
    return IpPrefix{*address, length};
}

IpPrefix IpPrefix::default_route(Family family)
{
    return IpPrefix{family == Family::kIpv4 ? IpAddress{} : *IpAddress::parse("::"), 0};
}

IpPrefix IpPrefix::network() const
{
    auto bytes = address_.bytes();
    for (unsigned bit = length_; bit < address_.bit_count(); ++bit)
        bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] & ~(0x80U >> (bit % 8)));
    return IpPrefix{address_.is_v4() ? IpAddress::v4_from_wire(bytes.data()) : IpAddress::v6_from_wire(bytes.data()),
                    length_};
}

bool IpPrefix::contains(const IpAddress& other) const
{
    return other.family() == address_.family() && IpPrefix{other, length_}.network() == network();
}

std::optional<IpAddress> IpPrefix::broadcast() const
{
    if (!address_.is_v4() || length_ >= 31)
        return std::nullopt;
    return IpAddress::v4(address_.v4_host() | (0xffffffffU >> length_));
}

std::string IpPrefix::to_string() const
{
    return fmt::format("{}/{}", address_.to_string(), length_);
}

std::strong_ordering operator<=>(const IpPrefix& a, const IpPrefix& b)
{
    if (const auto order = a.address_ <=> b.address_; order != 0)
        return order;
    return a.length_ <=> b.length_;
}

} // namespace vx

std::size_t std::hash<vx::IpAddress>::operator()(const vx::IpAddress& address) const noexcept
{
    const auto& bytes = address.bytes();
    return std::hash<std::string_view>{}({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}
