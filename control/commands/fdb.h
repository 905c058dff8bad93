// SPDX-License-Identifier: BSD-3-Clause
// The handlers of `fdb`. As bridge(8), but a bridge and its VXLAN devices share one table: Linux has one for the
// bridge ("master") and one for each VXLAN device ("self"), and what vxd shows as "self" stands for an entry in both.
#pragma once

#include "control/grammar/command.h"
#include "control/transaction/transaction.h"

#include <cstdint>
#include <optional>
#include <string>

namespace vx
{

// `fdb add` and its like in words.
struct FdbWords {
    enum class State : std::uint8_t { kDefault, kPermanent, kStatic, kDynamic };
    Mac mac;
    std::string_view device; // lies where the words do
    std::optional<IpAddress> dst;
    std::optional<Vni> vni;
    std::optional<std::uint16_t> port;
    State state = State::kDefault;
    bool self = false, master = false, extern_learn = false;
};
Result<FdbWords> parse_fdb(Words& words);

// Which entries show, get and flush are about: those that everything given holds for.
struct FdbFilter {
    std::optional<LinkId> device, port, bridge; // of "dev", "brport", "br"
    std::optional<Mac> mac;

    // Takes the next word, and the device behind it, if it is one of these; false if it is not.
    Result<bool> take_word(const Transaction& transaction, Words& words);
    // Whether entries of that device are meant.
    bool includes(const Model& model, LinkId of) const;
};
// Whether it is the bridge or a member of it.
bool is_in_bridge(const Model& model, LinkId bridge, LinkId device);

// "permanent", "static", "stale" or "", as bridge(8) shows an entry.
std::string_view state_of(Dest dest);

Result<Reply> fdb_append(Transaction& transaction, Words& words);
Result<Reply> fdb_add(Transaction& transaction, Words& words);
Result<Reply> fdb_replace(Transaction& transaction, Words& words);
Result<Reply> fdb_del(Transaction& transaction, Words& words);
Result<Reply> fdb_flush(Transaction& transaction, Words& words);
Result<Reply> fdb_get(Transaction& transaction, Words& words);
Result<Reply> fdb_show(Transaction& transaction, Words& words);

} // namespace vx
