// SPDX-License-Identifier: BSD-3-Clause
// `top`: vxctl makes it of what `stats show` and `link show` say. The row is here for its help and its completion.
#include "control/commands/commands.h"

namespace vx
{

namespace
{

Result<Reply> top(Transaction& /*transaction*/, Words& /*words*/)
{
    return usage_error("top: vxctl shows it, out of stats and link show; expected \"vxctl top\", and no batch");
}

constexpr Command kCommands[] = {
    {"top", "", "[ -d SECONDS ] [ -n COUNT ] [ -b ]",
     "rates of devices, VNIs, workers and drops as they change, on a terminal (q ends it, h tells the other keys), "
     "every\n"
     "           second or as -d says, without end or as often as -n says; -b: as lines, for files and scripts; with "
     "-j an\n"
     "           object on each",
     top, Effect::kShows},
};

} // namespace

constinit const std::span<const Command> kTopCommands{kCommands};

} // namespace vx
