// SPDX-License-Identifier: BSD-3-Clause
// `monitor`: the changes of what is named, or of everything.
#include "control/commands/nouns.h"
#include "control/grammar/arguments.h"

#include <algorithm>

namespace vx
{

namespace
{

Result<Reply> monitor(Transaction&, Words& words)
{
    MonitorSpec spec;
    while (!words.done()) {
        if (words.take("-t") || words.take("-timestamp")) {
            spec.has_time = true;
            continue;
        }
        if (words.take("all")) {
            spec.topics = ~0U;
            continue;
        }
        const auto* const topic = std::find(std::begin(kMonitorTopics), std::end(kMonitorTopics), words.peek());
        if (topic == std::end(kMonitorTopics))
            return words.unexpected();
        words.take(*topic);
        spec.add(static_cast<MonitorTopic>(topic - std::begin(kMonitorTopics)));
    }
    if (auto end = words.finish(); !end)
        return std::move(end).error();
    if (spec.topics == 0)
        spec.topics = ~0U;
    Reply reply;
    reply.stream = spec;
    return reply;
}

constexpr Command kMonitorTable[] = {
    {"monitor", "", "[ -t ] [ all | link | addr | route | neigh | fdb | miss ]...",
     "what changes, as it changes, as ip monitor and bridge monitor; -t: with the time; with -j an object on each line",
     monitor, Effect::kShows},
};

} // namespace

constinit const std::span<const Command> kMonitorCommands{kMonitorTable};

} // namespace vx
