// SPDX-License-Identifier: BSD-3-Clause
// fdb flush: which entries go is decided as the kernel does it, checked against Linux 6.18's bridge and VXLAN drivers.
#include "control/commands/fdb.h"

#include "control/grammar/arguments.h"

#include <algorithm>
#include <vector>

namespace vx
{

namespace
{

// The words for states and flags, as iproute2 hands them to the kernel: what some bits of an entry's flags have to be.
// A permanent entry is kStatic too, so that "nostatic" spares both, and a later word may change what an earlier one
// asked.
class FlushedFlags
{
public:
    bool take_word(Words& words)
    {
        struct Meaning {
            std::string_view word;
            unsigned set, cleared, mask;
        };
        constexpr unsigned kStatic = Dest::kStatic;
        constexpr unsigned kPermanent = Dest::kPermanent;
        constexpr Meaning kMeanings[] = {
            {"permanent", kPermanent, 0, kPermanent},
            {"nopermanent", 0, kPermanent, kPermanent},
            {"static", kStatic, 0, kStatic | kPermanent},
            {"nostatic", 0, kStatic, kStatic},
            {"dynamic", 0, kStatic | kPermanent, kStatic | kPermanent},
            {"nodynamic", kStatic, 0, kStatic},
            {"extern_learn", Dest::kExternal, 0, Dest::kExternal},
            {"noextern_learn", 0, Dest::kExternal, Dest::kExternal},
            {"nosticky", 0, 0, 0}, // no entry of vxd's is sticky or offloaded
            {"nooffloaded", 0, 0, 0},
        };
        for (const Meaning& meaning : kMeanings) {
            if (!words.take(meaning.word))
                continue;
            wanted_ = (wanted_ | meaning.set) & ~meaning.cleared;
            mask_ |= meaning.mask;
            return true;
        }
        return false;
    }

    bool includes(Dest dest) const { return (dest.flags() & mask_) == wanted_; }

private:
    unsigned wanted_ = 0, mask_ = 0;
};

// "self" and "master": which of Linux's tables.
struct Tables {
    bool self = false, master = false;
    bool take_word(Words& words)
    {
        if (words.take("self"))
            return self = true;
        if (words.take("master"))
            return master = true;
        return false;
    }
};

// Which device was named, and whether it has the table that was.
Result<> check_device(const Model& model, const Words& words, FdbFilter& filter, const Tables& tables)
{
    const Link* const device = filter.device ? model.find(*filter.device) : nullptr;
    if (device != nullptr && filter.port) { // "dev BRIDGE brport PORT"
        if (device->bridge() == nullptr)
            return error("{}: \"{}\" is a {} device; expected a bridge where \"brport\" is said", words.name(),
                         device->name, device->kind_name());
        filter.bridge = filter.device;
        filter.device.reset();
    }
    if (!filter.device && !filter.port && !filter.bridge)
        return words.missing("dev");
    if (device == nullptr)
        return Ok{};
    if (tables.self && device->port() != nullptr)
        return error("{}: the port \"{}\" has no table of its own; say master for that of its bridge", words.name(),
                     device->name);
    if (tables.master && !tables.self && device->port() == nullptr)
        return error("{}: \"{}\" is a {} device, and \"master\" is for a port of a bridge; leave it out", words.name(),
                     device->name, device->kind_name());
    return Ok{};
}

// Which destinations `flush` takes, of VXLAN devices' entries; the others of an entry stay.
struct FlushedRemotes {
    std::optional<IpAddress> dst;
    std::optional<std::uint16_t> port;
    std::optional<Vni> vni;

    Result<bool> take_word(Words& words)
    {
        Result<> read = Ok{};
        if (words.take("dst"))
            read = store(dst, words.address());
        else if (words.take("port"))
            read = store(port, words.number("PORT", 1, 65535));
        else if (words.take("vni"))
            read = store(vni, words.vni());
        else
            return false;
        if (!read)
            return std::move(read).error();
        return true;
    }

    bool is_all() const { return !dst && !port && !vni; }
    bool includes(const Remote& remote) const
    {
        return (!dst || remote.address == *dst) && (!port || remote.port == *port) && (!vni || remote.vni == *vni);
    }
};

void flush_floods(Transaction& transaction, const FdbFilter& filter, const FlushedRemotes& remotes)
{
    const Model& model = transaction.model();
    const auto flush = [&](LinkId id) {
        const VxlanSettings* vxlan = model.find(id)->vxlan();
        const auto is_flushed = [&](const Remote& remote) { return remotes.includes(remote); };
        if (vxlan != nullptr && filter.includes(model, id) &&
            std::any_of(vxlan->flood.begin(), vxlan->flood.end(), is_flushed))
            std::erase_if(transaction.change_link(id).vxlan()->flood, is_flushed);
    };
    if (!filter.bridge)
        return flush(filter.device ? *filter.device : *filter.port);
    for (const LinkId id : model.members(*filter.bridge))
        flush(id);
}

} // namespace

Result<Reply> fdb_flush(Transaction& transaction, Words& words)
{
    FdbFilter filter;
    FlushedFlags flags;
    FlushedRemotes remotes;
    Tables tables;
    while (!words.done()) {
        auto taken = filter.take_word(transaction, words);
        if (taken && !*taken)
            taken = remotes.take_word(words);
        if (!taken)
            return taken.error();
        if (!*taken && !flags.take_word(words) && !tables.take_word(words))
            return rejected(words, {"vlan", "sticky", "offloaded", "added_by_user", "noadded_by_user", "router",
                                    "norouter", "src_vni", "nhid"});
    }
    if (auto end = words.finish(); !end)
        return std::move(end).error();
    const Model& model = transaction.model();
    if (auto checked = check_device(model, words, filter, tables); !checked)
        return std::move(checked).error();
    // The table of a bridge is that of its ports; its VXLAN devices' is flushed by their name, or with `br`.
    const bool is_of_bridge = filter.device && model.find(*filter.device)->bridge() != nullptr && !filter.bridge;
    const auto is_flushed = [&](const FdbEntry& entry) {
        const LinkId device = entry.dest.link();
        const Dest::Kind kind = entry.dest.kind();
        const bool is_there = is_of_bridge ? kind == Dest::Kind::kPort && is_in_bridge(model, *filter.device, device)
                                           : kind != Dest::Kind::kLocal && filter.includes(model, device);
        const bool has_remotes = kind == Dest::Kind::kVtep || kind == Dest::Kind::kReplicate;
        return is_there && flags.includes(entry.dest) && (has_remotes || remotes.is_all());
    };
    const bool is_of_one = filter.device && !is_of_bridge;
    for (const FdbEntry& entry :
         is_of_one ? transaction.fdb_entries_of(*filter.device) : transaction.fdb_entries(is_flushed)) {
        if (is_of_one && !is_flushed(entry))
            continue;
        std::vector<Remote> rest;
        if (!remotes.is_all()) {
            rest = transaction.remotes_of(entry.dest);
            if (std::erase_if(rest, [&](const Remote& remote) { return remotes.includes(remote); }) == 0)
                continue;
        }
        if (rest.empty())
            transaction.fdb_erase(entry.key);
        else
            transaction.fdb_set(entry.key, transaction.dest_for(entry.dest.link(), rest).with(entry.dest.flags()));
    }
    if (!is_of_bridge && flags.includes(Dest::flood().with(Dest::kStatic | Dest::kPermanent)))
        flush_floods(transaction, filter, remotes);
    return Reply{};
}

} // namespace vx
