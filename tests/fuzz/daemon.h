// SPDX-License-Identifier: BSD-3-Clause
// vxd without socket, threads and clock, for targets that need a whole one. There is one a process, as DPDK starts
// once, and it stays from input to input.
#pragma once

#include "control/controller/controller.h"
#include "control/wire/wire.h"
#include "dataplane/dataplane.h"
#include "dataplane/dpdk/eal.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace vx::fuzz
{

class Daemon
{
public:
    Daemon();

    Response run(const Request& request) { return controller_.run(request); }
    void run_script(std::string_view text); // has to succeed

    std::string output_of(std::string_view command); // has to succeed
    std::string shown();                             // what is configured, as a client sees it
    // Time passes, and what can be done is done.
    void turn();
    void remove_everything();

private:
    Eal eal_;
    std::int64_t now_ms_ = 1'000'000;
    std::unique_ptr<Dataplane> dataplane_;
    Controller controller_;
    const std::string empty_;
};

} // namespace vx::fuzz
