// SPDX-License-Identifier: BSD-3-Clause
#include "tests/fuzz/daemon.h"

#include "dataplane/dpdk/mbuf.h"
#include "tests/fuzz/target.h"

#include <sched.h>
#include <vector>

namespace vx::fuzz
{

namespace
{

constexpr unsigned kMemoryMib = 128;
constexpr std::uint32_t kPoolSize = 1023;
constexpr std::size_t kFdbMax = 64; // few, so that a full table is met
constexpr std::int64_t kStepMs = 200;
constexpr int kMaxTurns = 1000;

Eal start_eal()
{
    EalOptions options;
    options.memory = EalOptions::Memory::kNormal;
    options.memory_mib = kMemoryMib;
    options.control_cpu = static_cast<unsigned>(sched_getcpu()); // several fuzzers may run
    options.file_prefix = "vxd-fuzz";
    auto eal = Eal::start(options);
    require(eal.has_value() && register_mbuf_note().has_value(), "DPDK starts");
    return *std::move(eal);
}

std::unique_ptr<Dataplane> create_dataplane(const Eal& eal)
{
    DataplaneOptions options;
    options.worker_cpus = {0};
    options.mbuf_count = kPoolSize;
    options.fdb_max = kFdbMax;
    auto dataplane = Dataplane::create(eal, options);
    require(dataplane.has_value(), "there is memory for a data plane");
    return *std::move(dataplane);
}

} // namespace

Daemon::Daemon()
    : eal_(start_eal()), dataplane_(create_dataplane(eal_)),
      controller_(*dataplane_, {.mac_seed = "fuzz", .clock_ms = [this] { return now_ms_; }}), empty_(shown())
{
}

void Daemon::run_script(std::string_view text)
{
    auto script = parse_script(text, "script");
    require(script.has_value(), "the script can be read");
    Request request;
    request.commands = std::move(script->commands);
    const Response response = run(request);
    require(response.failures.empty(),
            response.failures.empty() ? "" : response.failures.front().error.message.c_str());
}

std::string Daemon::output_of(std::string_view command)
{
    Request request;
    request.commands.add(split_words(command).value());
    const Response response = run(request);
    require(response.failures.empty(), "the command succeeds");
    return response.outputs.front().get<std::string>();
}

std::string Daemon::shown()
{
    Request request;
    request.commands = {{"link", "show"}, {"addr", "show"}, {"route", "show"}, {"neigh", "show"}, {"fdb", "show"}};
    request.format = Format::kJson;
    const Response response = run(request);
    require(response.failures.empty(), "show never fails");
    std::string text;
    for (const auto& [index, output] : response.outputs.printed())
        text += output.dump() + "\n";
    return text;
}

void Daemon::turn()
{
    now_ms_ += kStepMs;
    controller_.tick();
    for (int turns = 0; turns < kMaxTurns; ++turns) {
        const bool worked = dataplane_->run_once();
        const bool served = controller_.poll();
        if (!worked && !served)
            return;
    }
    require(false, "vxd gets quiet");
}

void Daemon::remove_everything()
{
    std::vector<std::string> names;
    for (const auto& [id, link] : controller_.model().links())
        names.push_back(link.name);
    for (const std::string& name : names) {
        Request request;
        request.commands = {{"link", "del", "dev", name}};
        require(run(request).failures.empty(), "every device can be removed");
    }
    require(shown() == empty_, "without devices nothing is left");
}

} // namespace vx::fuzz
