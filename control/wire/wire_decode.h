// SPDX-License-Identifier: BSD-3-Clause
// What the two decoders of requests share.
#pragma once

#include "control/wire/wire.h"

#include <optional>
#include <string>
#include <string_view>

namespace vx
{

// A request as it was read. Its members may come in any order, so what one of them says of another waits for the end.
struct RequestParts {
    Request request;
    std::optional<std::string> script;
    std::optional<CommandList> options; // one command, not ended
    std::optional<bool> atomic, force;
};

// Nothing: it is not of the common shape, right or wrong.
std::optional<RequestParts> decode_plain(std::string_view line, Budget& budget);
// Of any shape. What decode_request() says, at a higher price.
DecodedRequest decode_by_events(std::string_view line, Budget& budget);

} // namespace vx
