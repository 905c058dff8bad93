// SPDX-License-Identifier: BSD-3-Clause
#include "control/commands/vxlan_options.h"

#include "control/grammar/arguments.h"
#include "dataplane/net/headers.h"

#include <algorithm>
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

// Those that say what vxd does anyway. It takes a UDP checksum of zero on IPv6, as RFC 7348 has it, whether told or
// not.
constexpr std::string_view kIdle[] = {"noproxy",          "norsc",          "nol2miss",         "nol3miss",
                                      "noudp6zerocsumtx", "udp6zerocsumrx", "noudp6zerocsumrx", "noremcsumtx",
                                      "noremcsumrx",      "noexternal",     "novnifilter"};

constexpr std::string_view kNoMulticast =
    "is a multicast address, which vxd does not send to yet; name each far VTEP instead: fdb append 00:00:00:00:00:00 "
    "dev NAME dst ADDR";

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
        return words.invalid("is not supported by vxd; expected auto or a number from 0 to 255");
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
        return words.invalid(kNoMulticast);
    if (!address->is_unicast())
        return words.invalid("cannot be the address of a VTEP; expected a unicast address");
    return *address;
}

Error read_group(Words& words)
{
    const auto group = words.address();
    return group ? words.invalid(kNoMulticast) : group.error();
}

// "srcport MIN MAX". The kernel's "0 0" means its own default.
Result<> read_source_ports(Words& words)
{
    const auto min = words.number("MIN", 0, 65535);
    if (!min)
        return min.error();
    const auto max = words.number("MAX", 0, 65535);
    if (!max)
        return max.error();
    const bool is_default = *min == 0 && *max == 0;
    if (!is_default && (*min != kFirstEphemeralPort || *max != 65535))
        return words.invalid(fmt::format("ends a range of source ports that vxd does not have; expected {} 65535, from "
                                         "which it takes one for each flow (RFC 7348)",
                                         kFirstEphemeralPort));
    return Ok{};
}

Result<> read_df(Words& words)
{
    const auto df = words.text("DF");
    if (!df)
        return df.error();
    if (*df != "set")
        return words.invalid("is not supported by vxd, which forbids to fragment what it sends; expected set");
    return Ok{};
}

// "flowlabel": vxd's is 0.
Result<> read_flow_label(Words& words)
{
    const auto label = words.number("LABEL", 0, 0xfffff);
    if (!label)
        return label.error();
    if (*label != 0)
        return words.invalid("is not supported by vxd; expected 0");
    return Ok{};
}

// As ip has it: 0 asks for the default.
Result<> read_port(Words& words, VxlanOptions& options)
{
    const auto port = words.number("PORT", 0, 65535);
    if (!port)
        return port.error();
    options.is_default_port = *port == 0;
    options.dstport = static_cast<std::uint16_t>(*port == 0 ? kVxlanPort : *port);
    return Ok{};
}

bool take_idle(Words& words)
{
    return std::ranges::any_of(kIdle, [&](std::string_view option) { return words.take(option, kIpOrder); });
}

// The port that is meant by its name in vxd, or by that of the interface that it has taken.
const Link* find_carrier(const Transaction& transaction, const std::string& name)
{
    const Model& model = transaction.model();
    if (const Link* link = model.find(name))
        return link;
    const auto carrier = transaction.port_on(name);
    return carrier ? model.find(*carrier) : nullptr;
}

std::optional<IpAddress> source_of(const Model& model, LinkId device, const std::optional<IpAddress>& remote)
{
    if (remote)
        return model.source_for(device, *remote);
    for (const AddressKey& key : model.addresses_of(device))
        return key.second.address();
    return std::nullopt;
}

} // namespace

Result<> resolve_device(const Transaction& transaction, const Words& words, VxlanOptions& options)
{
    if (!options.dev)
        return Ok{};
    const Model& model = transaction.model();
    const Link* device = find_carrier(transaction, *options.dev);
    if (device == nullptr)
        return usage_error("{}: Cannot find device {}: vxd has no port of this name, nor one that has taken such an "
                           "interface",
                           words.name(), in_quotes(*options.dev));
    if (!model.is_underlay(*device))
        return error(
            "{}: \"{}\" carries no tunnels, it is {}; expected a port outside every bridge", words.name(), device->name,
            device->port() != nullptr ? "a member of a bridge" : fmt::format("a {} device", device->kind_name()));
    if (!options.local)
        options.local = source_of(model, device->id, options.remote);
    if (!options.local)
        return error("{}: \"{}\" has no address {}to send from; give it one (addr add PREFIX dev {}), or leave out "
                     "\"dev\" and say local ADDR",
                     words.name(), device->name,
                     options.remote ? fmt::format("of the family of {} ", options.remote->to_string()) : "",
                     device->name);
    if (model.owner_of(*options.local) != device)
        return error("{}: \"{}\" does not have the address {}; add it first (addr add PREFIX dev {}), or leave out "
                     "\"dev\"",
                     words.name(), device->name, options.local->to_string(), device->name);
    return Ok{};
}

Result<bool> take_vxlan_option(Words& words, VxlanOptions& options)
{
    Result<> step = Ok{};
    if (words.take("id", kIpOrder) || words.take("vni", kIpOrder))
        step = store(options.id, words.vni());
    else if (words.take("local", kIpOrder))
        step = store(options.local, read_vtep(words));
    else if (words.take("remote", kIpOrder))
        step = store(options.remote, read_vtep(words));
    else if (words.take("group", kIpOrder))
        return read_group(words);
    else if (words.take("dev", kIpOrder))
        step = store(options.dev, words.device_name());
    else if (words.take("srcport", kIpOrder) || words.take("port", kIpOrder))
        step = read_source_ports(words);
    else if (words.take("df", kIpOrder))
        step = read_df(words);
    else if (words.take("label", kIpOrder) || words.take("flowlabel", kIpOrder))
        step = read_flow_label(words);
    else if (words.take("dstport", kIpOrder))
        step = read_port(words, options);
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
        return take_idle(words);
    if (!step)
        return std::move(step).error();
    return true;
}

void warn_of_default_port(Transaction& transaction, const Words& words, const VxlanOptions& options)
{
    if (options.is_default_port)
        transaction.warn(
            fmt::format("{}: dstport 0 is the default, which is {} here and 8472 on Linux; say dstport 8472 "
                        "where the far end is Linux with its own default",
                        words.name(), kVxlanPort));
}

std::string idle_vxlan_options()
{
    return fmt::format("srcport {} 65535, df set, flowlabel 0, {}", kFirstEphemeralPort, fmt::join(kIdle, ", "));
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
    if (options.id.value_or(settings.vni) != settings.vni)
        return fixed("id");
    if (options.local.value_or(settings.local) != settings.local)
        return fixed(options.dev ? "dev" : "local");
    if (options.remote && options.remote != settings.remote)
        return fixed("remote");
    if (options.dstport.value_or(settings.udp_port) != settings.udp_port)
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
