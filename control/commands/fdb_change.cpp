// SPDX-License-Identifier: BSD-3-Clause
// fdb add, append, replace and del. What an entry is and who may take its place, as in the kernel's
// vxlan_fdb_update() and br_fdb_add(), checked against them: append of a destination that is there is no error. But
// append adds a destination to a unicast address too, where the kernel leaves it as it is without a word.
#include "control/commands/fdb.h"

#include "control/commands/show.h"
#include "control/grammar/arguments.h"

#include <algorithm>

namespace vx
{

namespace
{

enum class How { kAdd, kAppend, kReplace };

// On a VXLAN device, configured entries are permanent if nothing is said, as with bridge(8).
std::uint8_t vxlan_flags(const FdbWords& parsed)
{
    unsigned flags = Dest::kStatic | Dest::kPermanent;
    if (parsed.state == FdbWords::State::kStatic)
        flags = Dest::kStatic;
    else if (parsed.state == FdbWords::State::kDynamic && parsed.extern_learn)
        flags = 0;
    else if (parsed.state == FdbWords::State::kDynamic)
        flags = Dest::kLearned;
    if (parsed.extern_learn)
        flags |= Dest::kExternal;
    return static_cast<std::uint8_t>(flags);
}

// On a port they are static; what a control plane told is none of the states, as on Linux.
std::uint8_t port_flags(const FdbWords& parsed)
{
    if (parsed.extern_learn)
        return Dest::kExternal;
    return parsed.state == FdbWords::State::kDynamic ? Dest::kLearned : Dest::kStatic;
}

std::string remote_text(const Remote& remote, const VxlanSettings& vxlan)
{
    std::string text = remote.address.to_string();
    if (remote.port != vxlan.udp_port)
        text += fmt::format(" port {}", remote.port);
    if (remote.vni != vxlan.vni)
        text += fmt::format(" vni {}", remote.vni.value());
    return text;
}

Remote remote_of(const FdbWords& parsed, const VxlanSettings& vxlan)
{
    return {*parsed.dst, parsed.port.value_or(vxlan.udp_port), parsed.vni.value_or(vxlan.vni)};
}

bool is_of(Dest dest, const Link& link)
{
    if (dest.link() != link.id)
        return false;
    if (link.vxlan() != nullptr)
        return dest.kind() == Dest::Kind::kVtep || dest.kind() == Dest::Kind::kReplicate;
    return dest.kind() == Dest::Kind::kPort;
}

// Which words fit the device.
Result<> check_words(const Model& model, const Words& words, const FdbWords& parsed, const Link& link)
{
    if (link.vxlan() != nullptr) {
        if (parsed.master && !parsed.self)
            return error("{}: a bridge and its VXLAN devices have one table in vxd, and \"{}\" is a VXLAN device; "
                         "leave out \"master\"",
                         words.name(), link.name);
        return Ok{};
    }
    if (link.bridge() != nullptr)
        return error("{}: \"{}\" is a bridge; expected a VXLAN device or a port (the bridge's own address is changed "
                     "with link set {} address MAC)",
                     words.name(), link.name, link.name);
    if (link.master.is_none())
        return error("{}: the port \"{}\" is in no bridge and has no table", words.name(), link.name);
    if (parsed.self)
        return error("{}: the port \"{}\" has no table of its own; say master for that of \"{}\"", words.name(),
                     link.name, name_of(model, link.master));
    if (parsed.dst || parsed.vni || parsed.port)
        return error("{}: \"{}\" is a port; dst, vni and port are for VXLAN devices", words.name(), link.name);
    if (parsed.mac.is_zero())
        return error("{}: the entry {} is for VXLAN devices, and \"{}\" is a port", words.name(),
                     parsed.mac.to_string(), link.name);
    return Ok{};
}

// Whether another device's entry may go: one that was learned does, one that was configured only by `replace`.
Result<> check_other(const Model& model, const Words& words, const FdbWords& parsed, Dest existing, How how)
{
    if (existing.kind() == Dest::Kind::kLocal)
        return error("{}: {} is the address of \"{}\" or of one of its VXLAN devices", words.name(),
                     parsed.mac.to_string(), name_of(model, existing.link()));
    if (existing.is_fixed() && how != How::kReplace)
        return error("{}: there is already an entry {} on \"{}\" of the same bridge (File exists)", words.name(),
                     parsed.mac.to_string(), name_of(model, existing.link()));
    return Ok{};
}

// The far VTEP that an entry is to lead to.
Result<VtepId> read_destination(Transaction& transaction, const Words& words, const FdbWords& parsed, const Link& link)
{
    const Model& model = transaction.model();
    const VxlanSettings& vxlan = *link.vxlan();
    if (!parsed.dst)
        return words.missing("dst");
    if (parsed.dst->family() != vxlan.local.family())
        return error("{}: dst {} is not of the family of \"{}\", whose local address is {}", words.name(),
                     parsed.dst->to_string(), link.name, vxlan.local.to_string());
    const bool is_own = *parsed.dst == vxlan.local || model.owner_of(*parsed.dst) != nullptr;
    if (is_own && !parsed.mac.is_zero())
        return error("{}: dst {} is our own address; expected that of another VTEP", words.name(),
                     parsed.dst->to_string());
    if (is_own)
        transaction.warn(fmt::format("{}: dst {} is our own address: nothing is flooded there while it is",
                                     words.name(), parsed.dst->to_string()));
    // The number it gets is given back where the command fails.
    if (const auto vtep = transaction.intern(link.id, remote_of(parsed, vxlan)))
        return *vtep;
    return error("{}: there are {} far VTEPs already, and no more are supported", words.name(), VtepRegistry::kMax);
}

// The all-zero entry: where the VXLAN device floods to.
Result<Reply> set_flood(Transaction& transaction, const Words& words, const FdbWords& parsed, const Link& link, How how)
{
    const VxlanSettings& vxlan = *link.vxlan();
    const Remote remote = remote_of(parsed, vxlan);
    if (parsed.state == FdbWords::State::kDynamic)
        return error("{}: the entry {} does not age; leave out \"dynamic\"", words.name(), parsed.mac.to_string());
    if (parsed.extern_learn)
        return error("{}: of the entry {} it is not kept who told it; leave out \"extern_learn\"", words.name(),
                     parsed.mac.to_string());
    if (how == How::kReplace) // as the kernel
        return error("{}: the entry {} cannot be replaced (Cannot replace non-unicast fdb entries); use del and append",
                     words.name(), parsed.mac.to_string());
    if (how == How::kAdd && !vxlan.flood.empty())
        return error("{}: \"{}\" already has an entry {}, with dst {} (File exists); use append", words.name(),
                     link.name, parsed.mac.to_string(), remote_text(vxlan.flood.front(), vxlan));
    if (std::find(vxlan.flood.begin(), vxlan.flood.end(), remote) == vxlan.flood.end())
        transaction.change_link(link.id).vxlan()->flood.push_back(remote);
    return Reply{};
}

Result<Reply> set_on_vxlan(Transaction& transaction, const Words& words, const FdbWords& parsed, const Link& link,
                           How how)
{
    const Model& model = transaction.model();
    const VxlanSettings& vxlan = *link.vxlan();
    const auto vtep = read_destination(transaction, words, parsed, link);
    if (!vtep)
        return vtep.error();
    if (parsed.mac.is_zero())
        return set_flood(transaction, words, parsed, link, how);
    const FdbKey key{model.domain_of(link), parsed.mac};
    const Remote remote = remote_of(parsed, vxlan);
    std::vector<Remote> remotes;
    if (const auto existing = transaction.fdb_find(key)) {
        const bool is_ours = is_of(*existing, link);
        if (!is_ours)
            if (auto free = check_other(model, words, parsed, *existing, how); !free)
                return std::move(free).error();
        if (is_ours && how == How::kAdd)
            return error("{}: \"{}\" already has an entry {}, with dst {} (File exists); use append or replace",
                         words.name(), link.name, parsed.mac.to_string(),
                         remote_text(transaction.remotes_of(*existing).front(), vxlan));
        if (is_ours && how == How::kAppend && existing->is_configured()) // where it was learned is not kept beside
            remotes = transaction.remotes_of(*existing);
    }
    const std::uint8_t flags = vxlan_flags(parsed);
    if (remotes.empty()) {
        transaction.fdb_set(key, Dest::vtep(link.id, *vtep).with(flags));
        return Reply{};
    }
    if (std::find(remotes.begin(), remotes.end(), remote) == remotes.end())
        remotes.push_back(remote);
    if ((flags & Dest::kLearned) != 0 && remotes.size() > 1)
        return error("{}: {} has several destinations, and such an entry does not age; leave out \"dynamic\"",
                     words.name(), parsed.mac.to_string());
    transaction.fdb_set(key, transaction.dest_for(link.id, remotes).with(flags));
    return Reply{};
}

Result<Reply> set_on_port(Transaction& transaction, const Words& words, const FdbWords& parsed, const Link& link,
                          How how)
{
    const Model& model = transaction.model();
    if (parsed.state == FdbWords::State::kPermanent && !parsed.extern_learn)
        return error("{}: a permanent entry of a port would be an address of the bridge itself; say static",
                     words.name());
    const FdbKey key{model.domain_of(link), parsed.mac};
    if (const auto existing = transaction.fdb_find(key)) {
        const bool is_ours = is_of(*existing, link);
        if (!is_ours)
            if (auto free = check_other(model, words, parsed, *existing, how); !free)
                return std::move(free).error();
        if (is_ours && how == How::kAdd)
            return error("{}: \"{}\" already has an entry {} (File exists); use replace", words.name(), link.name,
                         parsed.mac.to_string());
    }
    transaction.fdb_set(key, Dest::port(link.id).with(port_flags(parsed)));
    return Reply{};
}

Result<Reply> set_entry(Transaction& transaction, Words& words, How how)
{
    const auto parsed = parse_fdb(words);
    if (!parsed)
        return parsed.error();
    const auto link = find_device(transaction, words, parsed->device);
    if (!link)
        return link.error();
    if (auto fits = check_words(transaction.model(), words, *parsed, **link); !fits)
        return std::move(fits).error();
    if ((*link)->vxlan() != nullptr)
        return set_on_vxlan(transaction, words, *parsed, **link, how);
    return set_on_port(transaction, words, *parsed, **link, how);
}

Error no_entry(const Words& words, const FdbWords& parsed, const Link& link)
{
    return error("{}: \"{}\" has no entry {}", words.name(), link.name, parsed.mac.to_string());
}

Error no_destination(const Words& words, const FdbWords& parsed, const Link& link)
{
    return error("{}: the entry {} of \"{}\" has no dst {}", words.name(), parsed.mac.to_string(), link.name,
                 remote_text(remote_of(parsed, *link.vxlan()), *link.vxlan()));
}

Result<Reply> del_flood(Transaction& transaction, const Words& words, const FdbWords& parsed, const Link& link)
{
    const VxlanSettings& vxlan = *link.vxlan();
    if (vxlan.flood.empty())
        return no_entry(words, parsed, link);
    std::vector<Remote> rest;
    if (parsed.dst) {
        rest = vxlan.flood;
        if (std::erase(rest, remote_of(parsed, vxlan)) == 0)
            return no_destination(words, parsed, link);
    }
    transaction.change_link(link.id).vxlan()->flood = std::move(rest);
    return Reply{};
}

} // namespace

Result<Reply> fdb_add(Transaction& transaction, Words& words)
{
    return set_entry(transaction, words, How::kAdd);
}

Result<Reply> fdb_append(Transaction& transaction, Words& words)
{
    return set_entry(transaction, words, How::kAppend);
}

Result<Reply> fdb_replace(Transaction& transaction, Words& words)
{
    return set_entry(transaction, words, How::kReplace);
}

Result<Reply> fdb_del(Transaction& transaction, Words& words)
{
    const auto parsed = parse_fdb(words);
    if (!parsed)
        return parsed.error();
    const auto found = find_device(transaction, words, parsed->device);
    if (!found)
        return found.error();
    const Link& link = **found;
    if (auto fits = check_words(transaction.model(), words, *parsed, link); !fits)
        return std::move(fits).error();
    if (link.vxlan() != nullptr && parsed->mac.is_zero())
        return del_flood(transaction, words, *parsed, link);
    const FdbKey key{transaction.model().domain_of(link), parsed->mac};
    const auto existing = transaction.fdb_find(key);
    if (!existing || !is_of(*existing, link))
        return no_entry(words, *parsed, link);
    std::vector<Remote> rest;
    if (parsed->dst) {
        rest = transaction.remotes_of(*existing);
        if (std::erase(rest, remote_of(*parsed, *link.vxlan())) == 0)
            return no_destination(words, *parsed, link);
    }
    if (rest.empty())
        transaction.fdb_erase(key);
    else
        transaction.fdb_set(key, transaction.dest_for(link.id, rest).with(existing->flags()));
    return Reply{};
}

} // namespace vx
