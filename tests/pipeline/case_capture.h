// SPDX-License-Identifier: BSD-3-Clause
// A capture of everything that runs beside a golden case: it may change nothing, and has to see every frame that comes
// in, that leaves and that is dropped, with its reason.
#pragma once

#include "control/controller.h"
#include "dataplane/dataplane.h"
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
    static Result<CaseCapture> start(Dataplane& dataplane, const Controller& controller);
    void take(); // what was recorded; often, as the rings are small

    // What it saw and should not have, or the other way round. `left`: frames, by the link that they left by.
    std::vector<std::string> problems(const std::map<std::string, std::vector<Frame>>& left);

private:
    using Drops = std::map<std::pair<LinkId, DropReason>, std::uint64_t>;

    CaseCapture(Dataplane& dataplane, const Controller& controller, std::shared_ptr<Capture> capture)
        : dataplane_(&dataplane), controller_(&controller), capture_(std::move(capture)), before_(counted())
    {
    }
    Drops counted() const; // by the data plane
    std::string name_of(LinkId link) const;

    Dataplane* dataplane_;
    const Controller* controller_;
    std::shared_ptr<Capture> capture_;
    Drops before_;
    Drops drops_;                                       // as recorded
    std::map<std::string, std::vector<Frame>> out_;     // by link
    std::map<std::uint64_t, std::vector<LinkId>> ways_; // of packets: where each came in
    std::vector<std::string> problems_;
};

} // namespace vx::test
