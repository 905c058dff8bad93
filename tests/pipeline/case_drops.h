// SPDX-License-Identifier: BSD-3-Clause
// Drops by the names that a user sees: what `stats show` counts and metrics show, what captures and traces say of
// packets. They are one name each; run_cases holds them against each other, and against the list of all reasons.
#pragma once

#include "control/controller/controller.h"
#include "control/watch/capture_blocks.h"
#include "dataplane/dataplane.h"
#include "tests/pipeline/case.h"
#include "tools/vxctl/blocks.h"

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace vx::test
{

// What `stats show` has under "drops", by link. `problems` gets what its text says otherwise.
DropCounts drops_of_stats(Controller& controller, std::vector<std::string>& problems);

// What a page of vxd-exporter would have, by device.
DropCounts drops_of_metrics(Controller& controller, std::vector<std::string>& problems);

// What `explain` says becomes of a frame that comes in by a link.
DropCounts drops_of_explain(Controller& controller, const std::string& link, const Frame& frame,
                            std::vector<std::string>& problems);

// What was counted since.
DropCounts since(const DropCounts& before, DropCounts now);

// One text for each that two of them do not agree on.
std::vector<std::string> disagreements(const DropCounts& one, std::string_view name_of_one, const DropCounts& other,
                                       std::string_view name_of_other);

// The name in "drop NAME: what it means", the comment of a packet that was dropped; empty: it is no such comment.
std::string_view drop_in(std::string_view comment);

// What one of vxctl's captures would get, read as vxctl reads it.
class NamedCapture
{
public:
    static Result<NamedCapture> start(Dataplane& dataplane, const Controller& controller, const CaptureSpec& spec);

    // What was recorded; often, as the rings are small.
    void take(const std::function<void(const PacketBlock& packet, std::string_view interface)>& look);
    std::uint64_t lost() const { return capture_->lost(); }

private:
    NamedCapture(const Controller& controller, std::shared_ptr<Capture> capture);

    const Controller* controller_;
    std::shared_ptr<Capture> capture_;
    std::unique_ptr<LinkNames> names_ = std::make_unique<LinkNames>();
    std::unique_ptr<CaptureBlocks> blocks_;
    BlockReader reader_;
    std::vector<std::string> interfaces_;
};

// Collects the reasons that cases reached, and knows of which one there has to be some.
class ReachedReasons
{
public:
    enum class Way : std::uint8_t { kTraffic, kExplained };

    explicit ReachedReasons(Way way) : way_(way) {}
    void add(const DropCounts& drops);
    std::vector<std::string> problems() const; // one text for each that none reached, or that is excused and was

private:
    Way way_;
    std::set<std::string, std::less<>> names_;
};

} // namespace vx::test
