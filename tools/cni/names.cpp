// SPDX-License-Identifier: BSD-3-Clause
#include "tools/cni/names.h"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

namespace vx::cni
{

namespace
{

constexpr std::string_view kPrefix = "cni";
constexpr std::size_t kNetworkDigits = 4;
constexpr std::size_t kAttachmentDigits = 8;
constexpr std::string_view kDigits = "0123456789abcdefghjkmnpqrstvwxyz"; // base 32, nothing that reads like another

// FNV-1a with a finish that spreads every byte over all bits. It has to be the same for as long as a container lives,
// over restarts and builds, so it is not std::hash.
class Hash
{
public:
    Hash& add(std::string_view text)
    {
        for (const char c : text)
            add_byte(static_cast<unsigned char>(c));
        add_byte(0); // so that "ab" "c" is not "a" "bc"
        return *this;
    }
    std::uint64_t finish() const
    {
        std::uint64_t value = value_;
        value = (value ^ (value >> 33)) * 0xff51afd7ed558ccd;
        value = (value ^ (value >> 33)) * 0xc4ceb9fe1a85ec53;
        return value ^ (value >> 33);
    }

private:
    void add_byte(std::uint64_t byte) { value_ = (value_ ^ byte) * 0x100000001b3; }

    std::uint64_t value_ = 0xcbf29ce484222325;
};

void append_digits(std::string& name, std::uint64_t value, std::size_t count)
{
    for (std::size_t i = 0; i < count; ++i, value >>= 5)
        name += kDigits[value & 31];
}

} // namespace

std::string port_name(std::string_view network, std::string_view container, std::string_view ifname)
{
    std::string name{kPrefix};
    append_digits(name, Hash{}.add(network).finish(), kNetworkDigits);
    append_digits(name, Hash{}.add(container).add(ifname).finish(), kAttachmentDigits);
    return name;
}

bool is_port_name(std::string_view name)
{
    return name.size() == kPrefix.size() + kNetworkDigits + kAttachmentDigits && name.starts_with(kPrefix) &&
           name.find_first_not_of(kDigits, kPrefix.size()) == name.npos;
}

std::string vxlan_name(const Vni& vni)
{
    return fmt::format("vxlan{}", vni.value());
}

} // namespace vx::cni
