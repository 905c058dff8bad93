// SPDX-License-Identifier: BSD-3-Clause
// What the command handlers share in reading words: storing what a reader returned, finding devices, refusing options.
#pragma once

#include "control/grammar/words.h"
#include "control/transaction/transaction.h"

#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace vx
{

// Stores what a reader of Words returned, or hands on its error.
template <typename T, typename From>
Result<> store(std::optional<T>& to, Result<From> value)
{
    if (!value)
        return std::move(value).error();
    to = static_cast<T>(*std::move(value));
    return Ok{};
}

// What there has to be for add, for change, and for replace.
enum class Presence { kNew, kKnown, kEither };

bool is_among(std::span<const std::string_view> options, std::string_view word);

// The error for the next word, which the command did not take: that vxd lacks this option of ip(8) or bridge(8) if it
// is one of `unsupported`, else Words::unexpected().
Error rejected(Words& words, std::span<const std::string_view> unsupported);
inline Error rejected(Words& words, std::initializer_list<std::string_view> unsupported)
{
    return rejected(words, std::span(unsupported.begin(), unsupported.size()));
}
// The same for an option of a kind of device, whose usage is `usage` ("bridge [ ageing_time CENTISECONDS ]"): vxd lacks
// it if it is one of `order`, or abbreviates one, and was not taken before.
Error rejected_option(Words& words, std::string_view usage, std::span<const std::string_view> order);

// The device of that name; the error names the command.
Result<const Link*> find_device(const Transaction& transaction, const Words& words, std::string_view name);
// The device that the next word names.
Result<const Link*> read_device(const Transaction& transaction, Words& words);
// The same, but it must be a bridge.
Result<const Link*> find_bridge(const Transaction& transaction, const Words& words, std::string_view name);
// The same, but it must be one that has addresses, routes and neighbours: not a member of a bridge.
Result<const Link*> find_interface(const Transaction& transaction, const Words& words, std::string_view name);

// "[ [ dev ] NAME ] [ master BRIDGE | nomaster ] [ type TYPE ] [ up ]" in any order, as `ip link show` and `ip addr
// show` take it.
struct LinkSelector {
    std::optional<LinkId> link, master; // `master` none: those that have none
    std::optional<std::string_view> type;
    bool only_up = false;

    // Takes the next word, and the value behind it, if it is one of these; false if it is not. `refused` are keywords.
    Result<bool> take_word(const Transaction& transaction, Words& words, std::span<const std::string_view> refused);
    bool includes(const Link& candidate) const
    {
        return (!link || candidate.id == *link) && (!master || candidate.master == *master) &&
               (!type || candidate.kind_name() == *type) && (!only_up || candidate.is_up);
    }
};

} // namespace vx
