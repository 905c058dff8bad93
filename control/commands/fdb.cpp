// SPDX-License-Identifier: BSD-3-Clause
// `fdb`: its table, and reading its words.
#include "control/commands/fdb.h"

#include "control/commands/nouns.h"
#include "control/grammar/arguments.h"

namespace vx
{

namespace
{

constexpr std::string_view kAddUsage =
    "LLADDR dev DEV { dst ADDR [ vni VNI ] [ port PORT ] [ permanent | static | dynamic ] [ self ] | "
    "[ static | dynamic ] [ master ] } [ extern_learn ]";

constexpr Command kFdbTable[] = {
    {"fdb", "append",
     "LLADDR dev DEV dst ADDR [ vni VNI ] [ port PORT ] [ permanent | static | dynamic ] [ extern_learn ] [ self ]",
     "add a destination: frames for LLADDR go to each of them; LLADDR 00:00:00:00:00:00 is where\n"
     "           broadcast, multicast and unknown unicast go. vni and port are the device's if not given",
     fdb_append},
    {"fdb", "add", kAddUsage,
     "add an entry that is not there yet: with dst on a VXLAN device (permanent if not said), without on a\n"
     "           port of a bridge (static if not said). With extern_learn a dynamic one does not age, but moves when "
     "it\n"
     "           is learned elsewhere; of a port it is such a one",
     fdb_add},
    {"fdb", "replace", kAddUsage, "add an entry, in place of the one that is there with all its destinations",
     fdb_replace},
    {"fdb", "del", "LLADDR dev DEV [ dst ADDR [ vni VNI ] [ port PORT ] ] [ self | master ]",
     "remove one destination, or without dst the entry with all of them", fdb_del},
    {"fdb", "flush",
     "{ dev DEV | br BRIDGE } [ brport DEV ] [ dst ADDR ] [ vni VNI ] [ port PORT ] [ [no]permanent ] [ [no]static ] "
     "[ [no]dynamic ] [ [no]extern_learn ] [ self | master ]",
     "remove the entries of a device, or of a bridge with its VXLAN devices, or only those with a destination, or\n"
     "           those that all of the words for states hold for",
     fdb_flush},
    {"fdb", "get", "LLADDR { dev DEV | br BRIDGE }", "show one entry, with all its destinations", fdb_get,
     Effect::kShows},
    {"fdb", "show", "[ br BRIDGE ] [ dev DEV | brport DEV ] [ state STATE ]",
     "list entries; STATE := { permanent | static | dynamic | all }", fdb_show, Effect::kShows},
};

// Those of bridge-fdb(8)'s keywords that iproute2 takes abbreviated, in the order in which it compares.
constexpr std::string_view kBridgeFdbOrder[] = {"self",   "master",  "router", "local", "permanent",    "temp",
                                                "static", "dynamic", "vlan",   "use",   "extern_learn", "sticky"};

constexpr std::string_view kNotOfFdb[] = {"router", "use",  "sticky",          "src_vni",   "via",
                                          "nhid",   "vlan", "activity_notify", "norefresh", "inactive"};

Result<> read_destination(Words& words, std::optional<IpAddress>& to)
{
    auto read = store(to, words.address());
    if (read && to->is_multicast())
        return words.invalid("is a multicast address, which vxd does not send to; expected the address of a VTEP");
    if (read && !to->is_unicast())
        return words.invalid("cannot be the address of a VTEP; expected a unicast address");
    return read;
}

Result<> read_lladdr(Words& words, std::optional<Mac>& to)
{
    auto read = store(to, words.mac());
    if (read && to->is_group())
        return words.invalid("is a group address, which vxd floods; expected a unicast LLADDR, or 00:00:00:00:00:00 "
                             "for where flooded frames go");
    return read;
}

// The word for a state, if the next is one: false if it is not.
Result<bool> take_state(Words& words, FdbWords::State& state)
{
    using State = FdbWords::State;
    const State before = state;
    if (words.take("permanent", kBridgeFdbOrder) || words.take("local", kBridgeFdbOrder)) // bridge(8) takes either
        state = State::kPermanent;
    else if (words.take("static", kBridgeFdbOrder) || words.take("temp", kBridgeFdbOrder))
        state = State::kStatic;
    else if (words.take("dynamic", kBridgeFdbOrder))
        state = State::kDynamic;
    else
        return false;
    if (before != State::kDefault)
        return words.invalid("contradicts what was said before; expected one of permanent, static, dynamic");
    return true;
}

// "self", "master", "extern_learn".
bool take_flag(Words& words, FdbWords& parsed)
{
    if (words.take("self", kBridgeFdbOrder))
        return parsed.self = true;
    if (words.take("master", kBridgeFdbOrder))
        return parsed.master = true;
    if (words.take("extern_learn", kBridgeFdbOrder))
        return parsed.extern_learn = true;
    return false;
}

} // namespace

constinit const std::span<const Command> kFdbCommands{kFdbTable};

Result<FdbWords> parse_fdb(Words& words)
{
    FdbWords parsed;
    std::optional<Mac> mac;
    std::optional<std::string_view> device;
    while (!words.done()) {
        const auto state = take_state(words, parsed.state);
        if (!state)
            return state.error();
        if (*state || take_flag(words, parsed))
            continue;
        Result<> step = Ok{};
        if (words.take("dev"))
            step = store(device, words.device_name());
        else if (words.take("dst"))
            step = read_destination(words, parsed.dst);
        else if (words.take("vni"))
            step = store(parsed.vni, words.vni());
        else if (words.take("port"))
            step = store(parsed.port, words.number("PORT", 1, 65535));
        else if (words.take_positional("to", kNotOfFdb))
            step = read_lladdr(words, mac);
        else
            return rejected(words, kNotOfFdb);
        if (!step)
            return std::move(step).error();
    }
    if (auto end = words.finish(); !end)
        return std::move(end).error();
    if (!mac || !device)
        return words.missing(mac ? "dev" : "LLADDR");
    parsed.mac = *mac;
    parsed.device = *device;
    return parsed;
}

Result<bool> FdbFilter::take_word(const Transaction& transaction, Words& words)
{
    const auto read = [&](std::optional<LinkId>& to) -> Result<bool> {
        const auto link = read_device(transaction, words);
        if (!link)
            return link.error();
        to = (*link)->id;
        return true;
    };
    if (words.take("dev"))
        return read(device);
    if (words.take("brport"))
        return read(port);
    if (!words.take("br"))
        return false;
    const auto name = words.device_name("BRIDGE");
    if (!name)
        return name.error();
    const auto link = find_bridge(transaction, words, *name);
    if (!link)
        return link.error();
    bridge = (*link)->id;
    return true;
}

bool FdbFilter::includes(const Model& model, LinkId of) const
{
    return (!device || *device == of) && (!port || *port == of) && (!bridge || is_in_bridge(model, *bridge, of));
}

bool is_in_bridge(const Model& model, LinkId bridge, LinkId device)
{
    const Link* link = model.find(device);
    return device == bridge || (link != nullptr && link->master == bridge);
}

std::string_view state_of(Dest dest)
{
    if (dest.has(Dest::kPermanent))
        return "permanent";
    return dest.has(Dest::kStatic) ? "static" : "";
}

} // namespace vx
