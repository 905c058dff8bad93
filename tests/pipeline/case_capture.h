// SPDX-License-Identifier: BSD-3-Clause
// Captures that run beside a golden case: they may change nothing. One is of everything, and has to see every frame
// that comes in, that leaves and that is dropped; one is `capture drop`, and has to name every drop; and one is a trace
// of what comes in by ports, and has to name those in the end. All names are those of `stats`.
#pragma once

#include "control/controller/controller.h"
#include "dataplane/dataplane.h"
#include "tests/pipeline/case_drops.h"
#include "tests/support/pcap.h"

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace vx::test
{

class CaseCapture
{
public:
    static Result<CaseCapture> start(Dataplane& dataplane, Controller& controller);
    void take(); // what was recorded; often, as the rings are small

    // What they saw and should not have, or the other way round. `left`: frames, by the link that they left by.
    std::vector<std::string> problems(const std::map<std::string, std::vector<Frame>>& left);
    // By the trace, after problems().
    const DropCounts& traced() const { return traced_; }

private:
    struct NamedDrop {
        DropCounts::key_type key;
        std::uint64_t packet_id;
    };

    CaseCapture(Controller& controller, std::shared_ptr<Capture> everything, NamedCapture drops, NamedCapture trace)
        : controller_(&controller), everything_(std::move(everything)), drops_(std::move(drops)),
          trace_(std::move(trace)), before_(drops_of_stats(controller, problems_))
    {
    }
    std::string name_of(LinkId link) const;
    void take_everything();
    DropCounts of_packets() const; // what was named of packets that came in by ports

    Controller* controller_;
    std::shared_ptr<Capture> everything_;
    NamedCapture drops_;
    NamedCapture trace_;
    std::vector<std::string> problems_;
    DropCounts before_;
    DropCounts recorded_;                               // everything's
    std::vector<NamedDrop> named_;                      // the same, and what bridges said of it before
    DropCounts captured_;                               // by `capture drop`
    DropCounts traced_;                                 // by `trace`
    std::map<std::string, std::vector<Frame>> out_;     // by link
    std::map<std::uint64_t, std::vector<LinkId>> ways_; // of packets: where each came in
};

} // namespace vx::test
