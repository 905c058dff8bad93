// SPDX-License-Identifier: BSD-3-Clause
// The options of a port kind, parsed by what its row in port_kinds() says about them.
#pragma once

#include "control/grammar/words.h"
#include "dataplane/port/port_kind.h"

#include <nlohmann/json.hpp>

#include <string>

namespace vx
{

// The options without a name, which come right after the kind.
Result<> read_positional_options(Words& words, const PortKind& kind, PortSpec& spec);
// Takes the next word, and its value, if it is an option of the kind; false if it is not.
Result<bool> take_port_option(Words& words, const PortKind& kind, PortSpec& spec);
// Nothing that the kind needs may be missing.
Result<> check_required_options(const Words& words, const PortKind& kind, const PortSpec& spec);

// " netns docker1 ifname eth0", in the order of the kind's options; and as info_data.
std::string port_options_text(const PortSpec& spec);
nlohmann::ordered_json port_options_json(const PortSpec& spec);

} // namespace vx
