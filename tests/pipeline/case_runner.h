// SPDX-License-Identifier: BSD-3-Clause
// Carries out one golden case in this process: a Dataplane with one worker that is turned by hand, a Controller with a
// clock that is set by hand, and ports made of rings.
#pragma once

#include "dataplane/dpdk/eal.h"
#include "tests/pipeline/case.h"

#include <rte_mempool.h>

#include <string>
#include <vector>

namespace vx::test
{

struct CaseOutcome {
    std::vector<std::string> failures; // what was not as it should have been, one text each; empty if the case passed
    DropCounts
        drops; // whose names were seen: in stats; of a captured case, in its trace; of an explained one, in explain
};

// `pool` is for the frames that come in, apart from the data plane's own.
CaseOutcome run_case(const Eal& eal, rte_mempool* pool, const Case& test_case);

} // namespace vx::test
