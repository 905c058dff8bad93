// SPDX-License-Identifier: BSD-3-Clause
// `fdb`: its table, and reading its words.
#include "control/commands/fdb.h"

#include "control/commands/arguments.h"
#include "control/commands/commands.h"

namespace vx
{

namespace
{

constexpr Command kCommands[] = {
    {"fdb", "append", "LLADDR dev DEV dst ADDR [ vni VNI ] [ port PORT ] [ permanent | static | dynamic ] [ self ]",
     "add a destination: frames for LLADDR go to each of them; LLADDR 00:00:00:00:00:00 is where\n"
     "           broadcast, multicast and unknown unicast go. vni and port are the device's if not given",
     fdb_append},
    {"fdb", "add",
     "LLADDR dev DEV { dst ADDR [ vni VNI ] [ port PORT ] [ permanent | static | dynamic ] [ self ] | "
     "[ static | dynamic ] [ master ] }",
     "add an entry that is not there yet: with dst on a VXLAN device (permanent if not said), without on a\n"
     "           port of a bridge (static if not said)",
     fdb_add},
    {"fdb", "replace",
     "LLADDR dev DEV { dst ADDR [ vni VNI ] [ port PORT ] [ permanent | static | dynamic ] [ self ] | "
     "[ static | dynamic ] [ master ] }",
     "add an entry, in place of the one that is there with all its destinations", fdb_replace},
    {"fdb", "del", "LLADDR dev DEV [ dst ADDR [ vni VNI ] [ port PORT ] ] [ self | master ]",
     "remove one destination, or without dst the entry with all of them", fdb_del},
    {"fdb", "flush",
     "{ dev DEV | br BRIDGE } [ dst ADDR ] [ vni VNI ] [ port PORT ] [ [no]permanent ] [ [no]static ] [ [no]dynamic ]",
     "remove the entries of a device, or of a bridge with its VXLAN devices, or only those with a destination, or\n"
     "           in some states",
     fdb_flush},
    {"fdb", "get", "LLADDR { dev DEV | br BRIDGE }", "show one entry, with all its destinations", fdb_get,
     Effect::kShows},
    {"fdb", "show", "[ br BRIDGE ] [ dev DEV | brport DEV ] [ state STATE ]",
     "list entries; STATE := { permanent | static | dynamic | all }", fdb_show, Effect::kShows},
};

// Those of bridge-fdb(8)'s keywords that iproute2 takes abbreviated, in the order in which it compares.
constexpr std::string_view kBridgeFdbOrder[] = {"self",   "master",  "router", "local", "permanent",    "temp",
                                                "static", "dynamic", "vlan",   "use",   "extern_learn", "sticky"};

Result<> take_word(Words& words, FdbWords& parsed)
{
    const auto state = [&](FdbWords::State named) -> Result<> {
        if (parsed.state != FdbWords::State::kDefault)
            return words.invalid("contradicts what was said before; expected one of permanent, static, dynamic");
        parsed.state = named;
        return Ok{};
    };
    if (words.take("dst")) {
        auto read = store(parsed.dst, words.address());
        if (read && parsed.dst->is_multicast())
            return words.invalid("is a multicast address, which vxd does not send to; expected the address of a VTEP");
        if (read && !parsed.dst->is_unicast())
            return words.invalid("cannot be the address of a VTEP; expected a unicast address");
        return read;
    }
    if (words.take("vni"))
        return store(parsed.vni, words.vni());
    if (words.take("port"))
        return store(parsed.port, words.number("PORT", 1, 65535));
    if (words.take("permanent", kBridgeFdbOrder) || words.take("local", kBridgeFdbOrder)) // bridge(8) takes either
        return state(FdbWords::State::kPermanent);
    if (words.take("static", kBridgeFdbOrder) || words.take("temp", kBridgeFdbOrder))
        return state(FdbWords::State::kStatic);
    if (words.take("dynamic", kBridgeFdbOrder))
        return state(FdbWords::State::kDynamic);
    if (words.take("self", kBridgeFdbOrder)) {
        parsed.self = true;
        return Ok{};
    }
    if (words.take("master", kBridgeFdbOrder)) {
        parsed.master = true;
        return Ok{};
    }
    return rejected(words, {"router", "use", "extern_learn", "sticky", "src_vni", "via", "nhid", "vlan",
                            "activity_notify", "norefresh", "inactive"});
}

} // namespace

constinit const std::span<const Command> kFdbCommands{kCommands};

Result<FdbWords> parse_fdb(Words& words)
{
    FdbWords parsed;
    words.take("to");
    const auto mac = words.mac();
    if (!mac)
        return mac.error();
    parsed.mac = *mac;
    if (mac->is_group())
        return words.invalid("is a group address, which vxd floods; expected a unicast LLADDR, or 00:00:00:00:00:00 "
                             "for where flooded frames go");
    std::optional<std::string_view> device;
    while (!words.done()) {
        Result<> step = Ok{};
        if (words.take("dev"))
            step = store(device, words.device_name());
        else
            step = take_word(words, parsed);
        if (!step)
            return std::move(step).error();
    }
    if (auto end = words.finish(); !end)
        return std::move(end).error();
    if (!device)
        return words.missing("dev");
    parsed.device = *device;
    return parsed;
}

std::string_view state_of(Dest dest)
{
    if (dest.has(Dest::kPermanent))
        return "permanent";
    return dest.has(Dest::kStatic) ? "static" : "";
}

} // namespace vx
