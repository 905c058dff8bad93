// SPDX-License-Identifier: BSD-3-Clause
// The parts of `addr`: what changes addresses is in addr.cpp, what shows them in addr_show.cpp.
#pragma once

#include "control/grammar/arguments.h"
#include "control/grammar/command.h"

#include <optional>
#include <vector>

namespace vx
{

// Which addresses show and flush are about: those that everything given holds for.
struct AddrSelector {
    LinkSelector links;
    std::optional<IpPrefix> prefix;
    std::optional<Family> family;

    bool is_of_addresses() const { return family || prefix; } // and not of links
    std::vector<IpPrefix> addresses_of(const Transaction& transaction, LinkId link) const;
};

Result<AddrSelector> parse_addr_selector(const Transaction& transaction, Words& words);

Result<Reply> addr_show(Transaction& transaction, Words& words);

} // namespace vx
