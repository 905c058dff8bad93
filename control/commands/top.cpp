// SPDX-License-Identifier: BSD-3-Clause
// `top`: vxctl makes it of what `stats show` and `link show` say. The row is here for its help and its completion.
#include "control/commands/nouns.h"

namespace vx
{

namespace
{

Result<Reply> top(Transaction& /*transaction*/, Words& /*words*/)
{
    return usage_error("top: vxctl shows it, out of stats and link show; expected \"vxctl top\", and no batch");
}

constexpr Command kTopTable[] = {
    {"top", "", "[ -d SECONDS ] [ -n COUNT ] [ -v ] [ -b ]",
     "show rates of devices, VNIs, workers and drops as they change (q ends it, h tells the other keys).\n"
     "           -d: the seconds between two looks (1); -n: how often it looks; -v: VTEPs too, which costs workers "
     "time;\n"
     "           -b: lines, for files and scripts; with -j an object on each",
     top, Effect::kShows},
};

} // namespace

constinit const std::span<const Command> kTopCommands{kTopTable};

} // namespace vx
