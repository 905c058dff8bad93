// SPDX-License-Identifier: BSD-3-Clause
#include "control/commands/vxlan_options.h"

#include "control/commands/arguments.h"
#include "dataplane/net/headers.h"

#include <charconv>
#include <limits>

namespace vx
{

namespace
{

// Every option of `ip link ... type vxlan`, in the order in which iproute2 compares, for abbreviations.
constexpr std::string_view kIpOrder[] = {"id",
                                         "vni",
                                         "group",
                                         "remote",
                                         "local",
                                         "dev",
                                         "ttl",
                                         "hoplimit",
                                         "tos",
                                         "dsfield",
                                         "df",
                                         "label",
                                         "flowlabel",
                                         "ageing",
                                         "maxaddress",
                                         "port",
                                         "srcport",
                                         "dstport",
                                         "nolearning",
                                         "learning",
                                         "noproxy",
                                         "proxy",
                                         "norsc",
                                         "rsc",
                                         "nol2miss",
                                         "l2miss",
                                         "nol3miss",
                                         "l3miss",
                                         "udpcsum",
                                         "noudpcsum",
                                         "udp6zerocsumtx",
                                         "noudp6zerocsumtx",
                                         "udp6zerocsumrx",
                                         "noudp6zerocsumrx",
                                         "remcsumtx",
                                         "noremcsumtx",
                                         "remcsumrx",
                                         "noremcsumrx",
                                         "external",
                                         "noexternal",
                                         "gbp",
                                         "gpe",
                                         "vnifilter",
                                         "novnifilter",
                                         "localbypass",
                                         "nolocalbypass"};

constexpr std::uint8_t kTosInherit = 1; // the kernel's encoding; the low bits of a real TOS are ECN's

// As ip(8): hexadecimal, with or without 0x.
Result<std::uint8_t> read_tos(Words& words)
{
    const auto text = words.text("HEX");
    if (!text)
        return text.error();
    if (*text == "inherit")
        return words.invalid("is not supported by vxd; expected a number from 0 to fc");
    std::string_view digits = *text;
    if (digits.starts_with("0x") || digits.starts_with("0X"))
        digits.remove_prefix(2);
    std::uint8_t tos = 0;
    const auto [end, status] = std::from_chars(digits.data(), digits.data() + digits.size(), tos, 16);
    if (status != std::errc{} || end != digits.data() + digits.size())
        return words.invalid("is not a TOS; expected a hexadecimal number from 0 to fc");
    if (tos == kTosInherit || (tos & 3) != 0)
        return words.invalid("sets the ECN bits, which are computed for each packet; expected a multiple of 4");
    return tos;
}

Result<std::uint8_t> read_ttl(Words& words)
{
    if (words.peek() == "inherit") {
        words.take_again("inherit");
        return words.invalid("is not supported by vxd; expected auto or a number from 1 to 255");
    }
    if (words.take_again("auto"))
        return std::uint8_t{0};
    const auto ttl = words.number("TTL", 0, 255);
    if (!ttl)
        return ttl.error();
    return static_cast<std::uint8_t>(*ttl);
}

// A unicast address that can be a VTEP's.
Result<IpAddress> read_vtep(Words& words)
{
    const auto address = words.address();
    if (!address)
        return address.error();
    if (address->is_multicast())
        return words.invalid("is a multicast address, which vxd does not send to; expected the address of a VTEP");
    if (address->is_unspecified() || address->is_loopback() || address->is_limited_broadcast())
        return words.invalid("cannot be the address of a VTEP; expected a unicast address");
    return *address;
}

} // namespace

Result<bool> take_vxlan_option(Words& words, VxlanOptions& options)
{
    Result<> step = Ok{};
    if (words.take("id", kIpOrder) || words.take("vni", kIpOrder))
        step = store(options.id, words.vni());
    else if (words.take("local", kIpOrder))
        step = store(options.local, read_vtep(words));
    else if (words.take("remote", kIpOrder))
        step = store(options.remote, read_vtep(words));
    else if (words.take("dstport", kIpOrder))
        step = store(options.dstport, words.number("PORT", 1, 65535));
    else if (words.take("ttl", kIpOrder) || words.take("hoplimit", kIpOrder))
        step = store(options.ttl, read_ttl(words));
    else if (words.take("tos", kIpOrder) || words.take("dsfield", kIpOrder))
        step = store(options.tos, read_tos(words));
    else if (words.take("ageing", kIpOrder))
        step = store(options.ageing, words.number("SECONDS", 0, std::numeric_limits<std::uint32_t>::max()));
    else if (const auto learning = words.take_switch("learning", kIpOrder))
        options.learning = *learning;
    else if (const auto udpcsum = words.take_switch("udpcsum", kIpOrder))
        options.udpcsum = *udpcsum;
    else
        return false;
    if (!step)
        return std::move(step).error();
    return true;
}

Error rejected_vxlan_option(Words& words)
{
    return rejected_option(words, kVxlanUsage, kIpOrder);
}

Result<VxlanSettings> vxlan_settings(const VxlanOptions& options, const Words& words)
{
    if (!options.id || !options.local)
        return usage_error("{}: \"{}\" is missing; usage: type {}", words.name(), options.id ? "local" : "id",
                           kVxlanUsage);
    if (options.remote && options.remote->family() != options.local->family())
        return usage_error("{}: remote {} and local {} are not of one family", words.name(),
                           options.remote->to_string(), options.local->to_string());
    if (options.remote && *options.remote == *options.local)
        return usage_error("{}: remote and local are both {}", words.name(), options.local->to_string());
    VxlanSettings settings;
    settings.vni = *options.id;
    settings.local = *options.local;
    settings.udp_port = options.dstport.value_or(kVxlanPort);
    settings.learning = options.learning.value_or(true);
    settings.udp_checksum = options.udpcsum.value_or(true); // as Linux where IFLA_VXLAN_UDP_CSUM is not given
    settings.ttl = options.ttl.value_or(0);
    settings.tos = options.tos.value_or(0);
    settings.ageing_seconds = options.ageing.value_or(kDefaultAgeing);
    settings.remote = options.remote;
    if (options.remote)
        settings.flood.push_back({*options.remote, settings.udp_port, settings.vni});
    return settings;
}

Result<> change_vxlan(VxlanSettings& settings, const VxlanOptions& options, const Words& words)
{
    const auto fixed = [&](std::string_view option) {
        return error("{}: \"{}\" cannot be changed; delete the device and add it again", words.name(), option);
    };
    if (options.id)
        return fixed("id");
    if (options.local)
        return fixed("local");
    if (options.remote)
        return fixed("remote");
    if (options.dstport)
        return fixed("dstport");
    settings.learning = options.learning.value_or(settings.learning);
    settings.udp_checksum = options.udpcsum.value_or(settings.udp_checksum);
    settings.ttl = options.ttl.value_or(settings.ttl);
    settings.tos = options.tos.value_or(settings.tos);
    settings.ageing_seconds = options.ageing.value_or(settings.ageing_seconds);
    return Ok{};
}

std::string vxlan_text(const VxlanSettings& settings)
{
    std::string text = fmt::format("id {}", settings.vni.value());
    if (settings.remote)
        text += fmt::format(" remote {}", settings.remote->to_string());
    text += fmt::format(" local {} srcport {} 65535 dstport {}", settings.local.to_string(), kFirstEphemeralPort,
                        settings.udp_port);
    if (!settings.learning)
        text += " nolearning";
    if (settings.tos != 0)
        text += fmt::format(" tos {:#x}", settings.tos);
    text += settings.ttl == 0 ? " ttl auto" : fmt::format(" ttl {}", settings.ttl);
    return text + fmt::format(" ageing {} {}udpcsum", settings.ageing_seconds, settings.udp_checksum ? "" : "no");
}

nlohmann::ordered_json vxlan_json(const VxlanSettings& settings)
{
    nlohmann::ordered_json json{{"id", settings.vni.value()}};
    if (settings.remote)
        json[settings.remote->is_v4() ? "remote" : "remote6"] = settings.remote->to_string();
    json[settings.local.is_v4() ? "local" : "local6"] = settings.local.to_string();
    json["port_range"] = {{"low", kFirstEphemeralPort}, {"high", 65535}};
    json["port"] = settings.udp_port;
    json["learning"] = settings.learning;
    if (settings.tos != 0)
        json["tos"] = fmt::format("{:#x}", settings.tos);
    json["ttl"] = settings.ttl;
    json["ageing"] = settings.ageing_seconds;
    json["udp_csum"] = settings.udp_checksum;
    return json;
}

} // namespace vx
