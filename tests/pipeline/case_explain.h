// SPDX-License-Identifier: BSD-3-Clause
// Dataplane::explain() held against reality: what it says of a frame, before the frame comes in, and what then becomes
// of it; and what `explain` says in words of a frame that will be dropped.
#pragma once

#include "control/controller/controller.h"
#include "dataplane/dataplane.h"
#include "tests/pipeline/case.h"
#include "tests/support/mbuf_shape.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace vx::test
{

// Whether explain(), which gets bytes, can know of such a frame all that a worker sees of it.
bool is_explainable(const MbufShape& shape);

class CaseExplain
{
public:
    CaseExplain(Dataplane& dataplane, Controller& controller) : dataplane_(dataplane), controller_(controller) {}

    // Before the frame comes in. What explain() changed and should not have, one text each.
    std::vector<std::string> predict(const std::string& link, const Frame& frame);
    // After one turn of the workers, and before the control thread's: what was otherwise. `left`, by link.
    std::vector<std::string> compare(std::map<std::string, std::vector<Frame>> left) const;
    const DropCounts& predicted() const { return drops_; }

private:
    struct State {
        DropCounts drops;
        std::map<std::string, std::uint64_t> packets; // in and out, of all links
        std::map<std::uint64_t, std::pair<std::uint64_t, std::uint32_t>> fdb;
        bool operator==(const State&) const = default;
    };
    State state() const;

    Dataplane& dataplane_;
    Controller& controller_;
    State before_;
    DropCounts drops_;                               // predicted
    std::map<std::string, std::vector<Frame>> left_; // predicted
};

} // namespace vx::test
