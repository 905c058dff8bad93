// SPDX-License-Identifier: BSD-3-Clause
// What the commands' words mean, before anything is changed.
#include "control/commands/fdb.h"
#include "control/commands/link.h"
#include "control/commands/nouns.h"
#include "control/commands/route.h"
#include "control/commands/show.h"
#include "control/wire/wire.h"

#include <catch2/catch.hpp>

using namespace vx;

namespace
{

// The words of one command, and a cursor after its noun and verb.
struct Line {
    explicit Line(std::string_view text)
        : list(read_script(text).commands), words(list.begin()), cursor(*words, 2, (*words)[0], (*words)[1], "USAGE")
    {
    }
    CommandList list;
    CommandList::Iterator words;
    Words cursor;
};

template <typename T>
std::string message_of(const Result<T>& result)
{
    REQUIRE_FALSE(result.has_value());
    return result.error().message;
}

LinkAddWords link_add_of(std::string_view text)
{
    Line line{text};
    auto parsed = parse_link_add(line.cursor);
    INFO(text);
    REQUIRE(parsed.has_value());
    return *std::move(parsed);
}

std::string link_add_error(std::string_view text)
{
    Line line{text};
    return message_of(parse_link_add(line.cursor));
}

Result<VxlanSettings> vxlan_of(std::string_view text)
{
    Line line{text};
    auto parsed = parse_link_add(line.cursor);
    REQUIRE(parsed.has_value());
    return vxlan_settings(std::get<VxlanOptions>(parsed->kind), line.cursor);
}

} // namespace

TEST_CASE("a VXLAN device has the kernel's defaults, but IANA's port")
{
    const auto vxlan = vxlan_of("link add v type vxlan id 100 local 192.0.2.1");
    REQUIRE(vxlan.has_value());
    CHECK(vxlan->vni.value() == 100);
    CHECK(vxlan->udp_port == 4789);
    CHECK(vxlan->learning);
    CHECK(vxlan->udp_checksum);
    CHECK(vxlan->ttl == 0);
    CHECK(vxlan->tos == 0);
    CHECK(vxlan->ageing_seconds == 300);
    CHECK(vxlan->flood.empty());
    CHECK(vxlan_text(*vxlan) == "id 100 local 192.0.2.1 srcport 49152 65535 dstport 4789 ttl auto ageing 300 udpcsum");
}

TEST_CASE("a VXLAN device takes the options of ip-link(8), in any order")
{
    const auto vxlan = vxlan_of("link add v type vxlan noudpcsum tos 4 ageing 10 ttl 5 nolearning dstport 4790 "
                                "remote 192.0.2.9 local 192.0.2.1 id 101");
    REQUIRE(vxlan.has_value());
    CHECK(vxlan_text(*vxlan) == "id 101 remote 192.0.2.9 local 192.0.2.1 srcport 49152 65535 dstport 4790 nolearning "
                                "tos 0x4 ttl 5 ageing 10 noudpcsum");
    REQUIRE(vxlan->flood.size() == 1);
    CHECK(vxlan->flood.front().address == *vxlan->remote);
    CHECK(vxlan->flood.front().port == 4790);
    CHECK(vxlan->flood.front().vni.value() == 101);
}

TEST_CASE("IPv6 addresses of a VXLAN device have names of their own in JSON, as with ip")
{
    const auto json = vxlan_json(vxlan_of("link add v type vxlan id 1 local 2001:db8::1 remote 2001:db8::2").value());
    CHECK(json["local6"] == "2001:db8::1");
    CHECK(json["remote6"] == "2001:db8::2");
    CHECK_FALSE(json.contains("local"));
}

TEST_CASE("a VXLAN device needs a VNI and a local address, and a remote of the same family")
{
    CHECK(message_of(vxlan_of("link add v type vxlan local 192.0.2.1")).find("\"id\" is missing") != std::string::npos);
    CHECK(message_of(vxlan_of("link add v type vxlan id 1")).find("\"local\" is missing") != std::string::npos);
    CHECK_FALSE(vxlan_of("link add v type vxlan id 1 local 192.0.2.1 remote 2001:db8::2").has_value());
    CHECK_FALSE(vxlan_of("link add v type vxlan id 1 local 192.0.2.1 remote 192.0.2.1").has_value());
}

TEST_CASE("a bad value of a VXLAN option is an error that names the word")
{
    for (const std::string_view options :
         {"id 16777216", "id x", "local 224.0.0.1", "local 0.0.0.0", "local 127.0.0.1", "local ::1", "remote ff02::1",
          "dstport -1", "dstport 65536", "ttl 256", "ttl inherit", "tos 1", "tos 100", "tos inherit", "ageing -1"}) {
        const std::string error = link_add_error(fmt::format("link add v type vxlan {}", options));
        const std::string_view value = options.substr(options.find(' ') + 1);
        INFO(error);
        CHECK(error.find(fmt::format("\"{}\"", value)) != std::string::npos);
        CHECK(error.find("(word 7") != std::string::npos);
    }
}

TEST_CASE("an option of ip-link(8) that vxd lacks is said to be unsupported")
{
    for (const std::string_view option : {"proxy", "maxaddress", "l2miss", "external", "gbp"})
        CHECK(link_add_error(fmt::format("link add v type vxlan id 1 {}", option)) ==
              fmt::format("link add: \"{}\" is an option that vxd does not support (word 8)", option));
}

TEST_CASE("keywords are abbreviated as with ip(8)")
{
    const auto vxlan = vxlan_of("link add v addr 02:00:00:00:00:01 ty vxlan vni 7 lo 192.0.2.1 rem 192.0.2.2 dst 8472 "
                                "nol noudp hop 5 ds 4 a 10");
    REQUIRE(vxlan.has_value());
    CHECK(vxlan_text(*vxlan) == "id 7 remote 192.0.2.2 local 192.0.2.1 srcport 49152 65535 dstport 8472 nolearning tos "
                                "0x4 ttl 5 ageing 10 noudpcsum");
    CHECK(std::get<BridgeOptions>(link_add_of("link add b ty bridge a 5").kind).ageing_time == 5);
    CHECK(link_add_error("link add v type vxlan id 1 prox").find("vxd does not support") != std::string::npos);
    CHECK(link_add_error("link add v t vxlan").find("\"t\"") != std::string::npos); // ip's txqueuelen
    Line set{"link set v ty vxlan nolearn"};
    CHECK(std::get<VxlanOptions>(parse_link_set(set.cursor).value().kind).learning == false);
    Line entry{"fdb append 02:42:ac:12:14:02 dev vxlan100 dst 192.0.2.2 s perm"};
    CHECK(parse_fdb(entry.cursor).value().state == FdbWords::State::kPermanent);
}

TEST_CASE("each type of device has a help of its own, with and without a name before it")
{
    const auto help = [](std::string_view text) {
        const auto reply = kMoreOfType.help(Line{text}.cursor);
        return reply ? reply->text : std::string{};
    };
    for (const PortKind& kind : port_kinds())
        CHECK(help(fmt::format("link add p type {} help", kind.name)).find(usage_of(kind)) != std::string::npos);
    for (const std::string_view text :
         {"link add type vxlan help", "link add v ty vxlan help", "link add v mtu 1400 type vxlan help",
          "link add type type vxlan help", "link set v type vxlan help"})
        CHECK(help(text).find(kVxlanUsage) != std::string::npos);
    CHECK(help("link add type bridge help").find(kBridgeUsage) != std::string::npos);
    for (const std::string_view text :
         {"link add x type tap ifname help", "link add x type nosuch help", "link add x type tap",
          "link add help type tap", "link set x type null help", "link add x type vxlan help id", "link add"})
        CHECK(help(text).empty());
}

TEST_CASE("what all devices have may come before the type and after it")
{
    for (const std::string_view text :
         {"link add p address 02:00:00:00:00:01 mtu 1450 master br0 type tap netns c1 ifname eth0",
          "link add name p type tap netns c1 mtu 1450 ifname eth0 master br0 address 02:00:00:00:00:01"}) {
        const LinkAddWords parsed = link_add_of(text);
        CHECK(parsed.name == "p");
        CHECK(parsed.address == Mac::parse("02:00:00:00:00:01"));
        CHECK(parsed.mtu == 1450);
        CHECK(parsed.master == "br0");
        const auto& spec = std::get<PortSpec>(parsed.kind);
        CHECK(spec.kind == "tap");
        CHECK(spec.option("netns") == "c1");
        CHECK(spec.option("ifname") == "eth0");
        CHECK(port_options_text(spec) == " netns c1 ifname eth0");
    }
}

TEST_CASE("an option without a name comes right after the kind")
{
    const auto parsed = link_add_of("link add p type pci 0000:81:00.0 queues 2");
    const auto& spec = std::get<PortSpec>(parsed.kind);
    CHECK(spec.option("") == "0000:81:00.0");
    CHECK(port_options_text(spec) == " 0000:81:00.0 queues 2");
    CHECK(link_add_error("link add p type pci queues 2").find("\"queues\" is not a PCI address") != std::string::npos);
    CHECK(link_add_error("link add p type pci 81:00").find("\"81:00\" is not a PCI address") != std::string::npos);
    CHECK_FALSE(link_add_error("link add p type pci").empty());
}

TEST_CASE("every port kind takes its own options and no others")
{
    for (const PortKind& kind : port_kinds()) {
        const std::string error = link_add_error(fmt::format("link add p type {} nonsense", kind.name));
        INFO(error);
        CHECK(error.find("\"nonsense\"") != std::string::npos);
        for (const PortOption& option : kind.options)
            if (option.is_required && !option.name.empty())
                CHECK(link_add_error(fmt::format("link add p type {}", kind.name)).find("is missing") !=
                      std::string::npos);
    }
}

TEST_CASE("bad words of link add are errors")
{
    for (const std::string_view text :
         {"link add", "link add p", "link add p type", "link add p type nosuch", "link add p mtu 67 type null",
          "link add p mtu 65536 type null", "link add p address 01:00:00:00:00:00 type null",
          "link add p address 00:00:00:00:00:00 type null", "link add sixteen-letters0 type null",
          "link add a/b type null", "link add p mtu 1500 mtu 1500 type null", "link add p type null type null",
          "link add p type bridge ageing_time x", "link add p type bridge priority 7",
          "link add p type af_packet dev sixteen-letters0", "link add p type memif path /s id 1 role boss"})
        CHECK_FALSE(link_add_error(text).empty());
}

TEST_CASE("link set takes each thing once and nothing is an error")
{
    Line line{"link set dev docker1 up master br0 mtu 9000 address 02:00:00:00:00:01"};
    const auto parsed = parse_link_set(line.cursor);
    REQUIRE(parsed.has_value());
    CHECK(parsed->is_up == true);
    CHECK(parsed->master == "br0");
    CHECK(parsed->mtu == 9000);
    for (const std::string_view text :
         {"link set", "link set p", "link set p up down", "link set p up up", "link set p master br0 nomaster",
          "link set p nomaster nomaster", "link set p master", "link set p name q", "link set p type null"}) {
        Line bad{text};
        CHECK_FALSE(parse_link_set(bad.cursor).has_value());
    }
}

TEST_CASE("default is of the family of its gateway")
{
    const auto destination = [](std::string_view text) {
        Line line{text};
        return parse_route(line.cursor).value().prefix.to_string();
    };
    CHECK(destination("route add default via 192.0.2.254") == "0.0.0.0/0");
    CHECK(destination("route add default via 2001:db8::fe") == "::/0");
    CHECK(destination("route add default dev uplink") == "0.0.0.0/0");
    CHECK(destination("route add 172.18.20.7 dev br0") == "172.18.20.7/32");
}

TEST_CASE("bad words of route are errors that name the word")
{
    for (const std::string_view text :
         {"route add", "route add x", "route add 172.18.20.1/24 dev br0", "route add 224.0.0.0/4 dev br0",
          "route add 10.0.0.0/33 dev br0", "route add 10.0.0.0/8 via 2001:db8::1", "route add 10.0.0.0/8 via 224.0.0.1",
          "route add 10.0.0.0/8 via 192.0.2.1 metric 7", "route add 10.0.0.0/8 via"}) {
        Line line{text};
        CHECK_FALSE(message_of(parse_route(line.cursor)).empty());
    }
    Line host_bits{"route add 172.18.20.1/24 dev br0"};
    CHECK(message_of(parse_route(host_bits.cursor)) ==
          "route add: \"172.18.20.1/24\" has bits behind its length; expected 172.18.20.0/24 (word 3)");
}

TEST_CASE("fdb takes bridge(8)'s words, in any order")
{
    for (const std::string_view text :
         {"fdb append 02:42:ac:12:14:02 dev vxlan100 dst 192.0.2.2 vni 7 port 8472 self static",
          "fdb append to 02:42:AC:12:14:02 static self port 8472 vni 7 dst 192.0.2.2 dev vxlan100",
          "fdb append static port 8472 self vni 7 02:42:ac:12:14:02 dst 192.0.2.2 dev vxlan100"}) {
        Line line{text};
        const auto parsed = parse_fdb(line.cursor);
        REQUIRE(parsed.has_value());
        CHECK(parsed->mac.to_string() == "02:42:ac:12:14:02");
        CHECK(parsed->device == "vxlan100");
        CHECK(parsed->dst->to_string() == "192.0.2.2");
        CHECK(parsed->vni->value() == 7);
        CHECK(parsed->port == 8472);
        CHECK(parsed->self);
        CHECK(parsed->state == FdbWords::State::kStatic);
    }
}

TEST_CASE("bad words of fdb are errors")
{
    for (const std::string_view text :
         {"fdb add", "fdb add x dev v", "fdb add 02:00:00:00:00:01", "fdb add 01:00:5e:00:00:01 dev v dst 192.0.2.2",
          "fdb add ff:ff:ff:ff:ff:ff dev v dst 192.0.2.2", "fdb add 02:00:00:00:00:01 dev v dst 224.0.0.1",
          "fdb add 02:00:00:00:00:01 dev v dst 0.0.0.0", "fdb add 02:00:00:00:00:01 dev v vni 16777216",
          "fdb add 02:00:00:00:00:01 dev v static permanent", "fdb add 02:00:00:00:00:01 dev v sticky",
          "fdb add 02:00:00:00:00:01 dev v dst 192.0.2.2 dst 192.0.2.3"}) {
        Line line{text};
        INFO(text);
        CHECK_FALSE(parse_fdb(line.cursor).has_value());
    }
}

TEST_CASE("destinations are written as ip route writes them")
{
    CHECK(destination_text(*IpPrefix::parse("0.0.0.0/0")) == "default");
    CHECK(destination_text(*IpPrefix::parse("::/0")) == "default");
    CHECK(destination_text(*IpPrefix::parse("172.18.20.7/32")) == "172.18.20.7");
    CHECK(destination_text(*IpPrefix::parse("172.18.20.0/24")) == "172.18.20.0/24");
}

TEST_CASE("every command has a usage, a help text and the name of its table")
{
    for (const Noun& noun : nouns())
        for (const Command& command : *noun.commands) {
            CHECK(command.noun == noun.name);
            CHECK((!command.verb.empty() || noun.commands->size() == 1)); // its words follow the noun
            CHECK_FALSE(command.help.empty());
            CHECK(command.handler != nullptr);
        }
}

TEST_CASE("the help of link add names every kind with its options")
{
    const std::string_view help = kLinkCommands.front().help;
    for (const PortKind& kind : port_kinds()) {
        CHECK(help.find(kind.name) != std::string_view::npos);
        CHECK(help.find(usage_of(kind)) != std::string_view::npos);
    }
    CHECK(help.find(kBridgeUsage) != std::string_view::npos);
    CHECK(help.find(kVxlanUsage) != std::string_view::npos);
}
