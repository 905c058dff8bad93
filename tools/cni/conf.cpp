// SPDX-License-Identifier: BSD-3-Clause
#include "tools/cni/conf.h"

#include "control/wire/wire.h"

#include <algorithm>
#include <limits>

namespace vx::cni
{

namespace
{

constexpr std::array<std::string_view, 21> kMembers = {
    // CNI's
    "cniVersion", "name", "type", "args", "capabilities", "runtimeConfig", "prevResult", "ipam", "dns", "ipMasq",
    "disableCheck",
    // ours
    "bridge", "vni", "local", "dev", "remotes", "dstport", "learning", "mtu", "isGateway", "isDefaultGateway"};
constexpr std::string_view kSocketMember = "socket";
constexpr std::array<std::string_view, 5> kVxlanMembers = {"local", "dev", "remotes", "dstport", "learning"};
constexpr std::size_t kMaxDeviceName = 15;
constexpr std::uint64_t kMinMtu = 68;
constexpr std::uint64_t kMaxMtu = 65535 - 14;

CniError invalid(std::string_view member, const Json& value, std::string_view expected)
{
    return fail(Code::kInvalidConfig, "\"{}\": {} is not what it can be; expected {}", member,
                value.dump(-1, ' ', false, Json::error_handler_t::replace), expected);
}

// Reads members of one object; the first that is wrong is kept.
class Reader
{
public:
    explicit Reader(const Json& object) : object_(object) {}

    bool has(std::string_view name) const { return object_.contains(name) && !object_.at(std::string{name}).is_null(); }
    const Json& at(std::string_view name) const { return object_.at(std::string{name}); }
    bool is_fine() const { return !error_; }
    const CniError& error() const { return *error_; }
    void reject(std::string_view name, std::string_view expected)
    {
        if (!error_)
            error_ = invalid(name, at(name), expected);
    }
    void reject(CniError failure)
    {
        if (!error_)
            error_ = std::move(failure);
    }

    std::string text(std::string_view name, std::string_view expected = "a string")
    {
        if (!has(name))
            return {};
        if (at(name).is_string() && !at(name).get_ref<const std::string&>().empty())
            return at(name).get<std::string>();
        reject(name, expected);
        return {};
    }
    std::string device_name(std::string_view name)
    {
        constexpr std::string_view kExpected = "the name of a device in vxd, of 1 to 15 characters";
        std::string read = text(name, kExpected);
        if (read.size() > kMaxDeviceName || read.find_first_of("/ \t\n") != read.npos)
            reject(name, kExpected);
        return read;
    }
    bool flag(std::string_view name, bool otherwise)
    {
        if (!has(name))
            return otherwise;
        if (!at(name).is_boolean()) {
            reject(name, "true or false");
            return otherwise;
        }
        return at(name).get<bool>();
    }
    std::optional<std::uint64_t> number(std::string_view name, std::uint64_t min, std::uint64_t max)
    {
        if (!has(name))
            return std::nullopt;
        if (at(name).is_number_unsigned()) {
            const auto value = at(name).get<std::uint64_t>();
            if (value >= min && value <= max)
                return value;
        }
        reject(name, fmt::format("a number from {} to {}", min, max));
        return std::nullopt;
    }
    std::optional<IpAddress> address(std::string_view name)
    {
        if (!has(name))
            return std::nullopt;
        auto read = unicast(at(name));
        if (!read)
            reject(name, "the IP address of a host");
        return read;
    }
    std::vector<IpAddress> addresses(std::string_view name)
    {
        constexpr std::string_view kExpected = "a list of the hosts' IP addresses, as [\"192.0.2.1\", \"192.0.2.2\"]";
        std::vector<IpAddress> list;
        if (!has(name))
            return list;
        if (!at(name).is_array()) {
            reject(name, kExpected);
            return list;
        }
        for (const Json& element : at(name)) {
            if (const auto read = unicast(element))
                list.push_back(*read);
            else
                reject(name, kExpected);
        }
        return list;
    }
    Json object(std::string_view name)
    {
        if (!has(name))
            return nullptr;
        if (!at(name).is_object())
            reject(name, "an object");
        return at(name);
    }

private:
    static std::optional<IpAddress> unicast(const Json& value)
    {
        const auto read = value.is_string() ? IpAddress::parse(value.get_ref<const std::string&>()) : std::nullopt;
        return read && read->is_unicast() ? read : std::nullopt;
    }

    const Json& object_;
    std::optional<CniError> error_;
};

// A word that nothing reads is a word that was misspelt.
void check_members(const Json& conf, Reader& reader)
{
    for (const auto& [name, value] : conf.items()) {
        const bool is_known = std::find(kMembers.begin(), kMembers.end(), name) != kMembers.end() ||
                              name == kSocketMember || name.find('/') != name.npos; // "cni.dev/..." is CNI's
        if (!is_known)
            reader.reject(fail(Code::kUnsupportedField,
                               "\"{}\": {} is not an option of this plugin; its options are {}, {}", name,
                               value.dump(-1, ' ', false, Json::error_handler_t::replace),
                               fmt::join(kMembers.begin() + 11, kMembers.end(), ", "), kSocketMember));
    }
    if (conf.contains("ipMasq") && conf.at("ipMasq") != false)
        reader.reject(fail(Code::kUnsupportedField,
                           "\"ipMasq\": {} is not supported: vxd does not translate addresses; leave it out",
                           conf.at("ipMasq").dump(-1, ' ', false, Json::error_handler_t::replace)));
}

std::optional<VxlanConf> parse_vxlan(Reader& reader)
{
    const auto number = reader.number("vni", 0, Vni::kMax);
    if (!number) {
        for (const std::string_view member : kVxlanMembers)
            if (reader.has(member))
                reader.reject(
                    fail(Code::kInvalidConfig, "\"{}\" is of a VXLAN device, and there is no \"vni\"", member));
        return std::nullopt;
    }
    VxlanConf vxlan;
    vxlan.vni = *Vni::from(static_cast<std::uint32_t>(*number));
    vxlan.local = reader.address("local");
    vxlan.device = reader.device_name("dev");
    vxlan.remotes = reader.addresses("remotes");
    vxlan.learning = reader.flag("learning", true);
    if (const auto port = reader.number("dstport", 1, 65535))
        vxlan.udp_port = static_cast<std::uint16_t>(*port);
    if (vxlan.local.has_value() == !vxlan.device.empty())
        reader.reject(fail(Code::kInvalidConfig, "\"vni\": a VXLAN device needs either \"local\", this host's address, "
                                                 "or \"dev\", the port of vxd's underlay that has it"));
    return vxlan;
}

Outcome<std::string> parse_version(const Json& conf)
{
    std::string version = "0.1.0"; // the specification's, where nothing is said
    if (const auto found = conf.find("cniVersion"); found != conf.end()) {
        if (!found->is_string())
            return invalid("cniVersion", *found, "a string");
        version = found->get<std::string>();
    }
    if (std::find(kVersions.begin(), kVersions.end(), version) == kVersions.end())
        return fail(Code::kIncompatibleVersion, "\"cniVersion\": {} is not supported; this plugin speaks {}", version,
                    fmt::join(kVersions, ", "));
    return version;
}

Json parse_json(std::string_view text)
{
    return Json::parse(text, nullptr, false);
}

} // namespace

std::string version_of(std::string_view text)
{
    const Json conf = parse_json(text);
    if (!conf.is_object())
        return std::string{kNewestVersion};
    const auto version = parse_version(conf);
    return version ? *version : std::string{kNewestVersion};
}

Outcome<NetConf> parse_conf(std::string_view text)
{
    const Json json = parse_json(text);
    if (!json.is_object())
        return fail(Code::kDecoding, "stdin is not a network configuration: expected a JSON object");
    auto version = parse_version(json);
    if (!version)
        return std::move(version).error();

    NetConf conf;
    conf.version = *std::move(version);
    Reader reader{json};
    check_members(json, reader);
    conf.name = reader.text("name");
    conf.socket_path = reader.text(kSocketMember, "the path of vxd's socket");
    if (conf.socket_path.empty())
        conf.socket_path = default_socket_path();
    conf.bridge = reader.device_name("bridge");
    conf.vxlan = parse_vxlan(reader);
    if (const auto mtu = reader.number("mtu", kMinMtu, kMaxMtu))
        conf.mtu = static_cast<std::uint16_t>(*mtu);
    conf.is_default_gateway = reader.flag("isDefaultGateway", false);
    conf.is_gateway = reader.flag("isGateway", conf.is_default_gateway) || conf.is_default_gateway;
    conf.dns = reader.object("dns");
    conf.previous = reader.object("prevResult");
    if (const Json ipam = reader.object("ipam"); ipam.is_object() && !ipam.empty()) {
        Reader inside{ipam};
        conf.ipam = inside.text("type");
        if (conf.ipam.empty() || conf.ipam.find('/') != conf.ipam.npos)
            reader.reject("ipam", "\"type\" in it, the name of an IPAM plugin, as host-local");
    }
    if (const Json runtime = reader.object("runtimeConfig"); runtime.is_object() && runtime.contains("mac")) {
        const Json& mac = runtime.at("mac");
        conf.mac = mac.is_string() ? Mac::parse(mac.get_ref<const std::string&>()) : std::nullopt;
        if (!conf.mac || !conf.mac->is_unicast())
            reader.reject("runtimeConfig", "the MAC address of a device as \"mac\"");
    }
    if (!reader.is_fine())
        return reader.error();
    if (conf.name.empty())
        return fail(Code::kInvalidConfig, "\"name\" is missing: the name of the network");
    if (conf.bridge.empty())
        return fail(Code::kInvalidConfig, "\"bridge\" is missing: the bridge in vxd that the containers are plugged "
                                          "into; it is made if it is not there");
    if (conf.is_gateway && conf.ipam.empty())
        return fail(Code::kInvalidConfig, "\"isGateway\": the gateway's address is the IPAM plugin's, and there is no "
                                          "\"ipam\"");
    return conf;
}

} // namespace vx::cni
