// SPDX-License-Identifier: BSD-3-Clause
// The handlers of `route`.
#pragma once

#include "control/grammar/command.h"
#include "control/transaction/transaction.h"

#include <optional>
#include <string>

namespace vx
{

// `route add` and its like in words.
struct RouteWords {
    IpPrefix prefix; // "default" is 0.0.0.0/0, or ::/0 if `via` is an IPv6 address
    std::optional<IpAddress> via;
    std::optional<std::string> device;
    bool onlink = false;
    bool is_scope_link = false; // was said, of a route without a gateway
};
Result<RouteWords> parse_route(Words& words);
// "table main": vxd has no other. False if the next word is not "table".
Result<bool> take_table(Words& words);
// "default" or PREFIX. The family of "default" is for the caller to decide: nothing.
Result<std::optional<IpPrefix>> read_destination(Words& words);

Result<Reply> route_add(Transaction& transaction, Words& words);
Result<Reply> route_replace(Transaction& transaction, Words& words);
Result<Reply> route_change(Transaction& transaction, Words& words);
Result<Reply> route_del(Transaction& transaction, Words& words);
Result<Reply> route_flush(Transaction& transaction, Words& words);
Result<Reply> route_get(Transaction& transaction, Words& words);
Result<Reply> route_show(Transaction& transaction, Words& words);

} // namespace vx
