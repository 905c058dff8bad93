// SPDX-License-Identifier: BSD-3-Clause
// vxd: set up, run the control loop until SIGTERM, SIGINT or SIGHUP, take everything down again.
#include "control/base/event_loop.h"
#include "control/base/log.h"
#include "control/base/memory_reserve.h"
#include "control/base/spare_descriptors.h"
#include "control/commands/nouns.h"
#include "control/commands/stats.h"
#include "control/config/config_file.h"
#include "control/controller/controller.h"
#include "control/daemon/identity.h"
#include "control/daemon/options.h"
#include "control/daemon/placement.h"
#include "control/daemon/service.h"
#include "control/grammar/completion.h"
#include "control/server/socket_server.h"
#include "dataplane/dataplane.h"

#include <fmt/ranges.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>

namespace vx
{

namespace
{

using namespace std::chrono_literals;

constexpr std::initializer_list<int> kEndingSignals = {SIGTERM, SIGINT, SIGHUP};

// For packet buffers that the user counts: them, and what else may lie in DPDK's memory.
constexpr unsigned memory_mib(std::uint32_t packet_buffers)
{
    constexpr std::uint64_t kBufferBytes = 2560; // room, headroom, DPDK's header and padding
    constexpr std::uint64_t kRestMib = 384;
    return static_cast<unsigned>(packet_buffers * kBufferBytes / (1U << 20) + kRestMib);
}

std::int64_t monotonic_ms()
{
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

// What tells this daemon from others, and stays over restarts: the machine, and the socket on it.
std::string mac_seed(const std::string& socket_path)
{
    const MachineIdentity identity = identify_machine({});
    if (!identity.warning.empty())
        log_warning("{}", identity.warning);
    return fmt::format("{}/{}", identity.machine, socket_path);
}

// One that the loop will be told of when it has its turn.
bool has_pending_signal()
{
    sigset_t pending;
    return sigpending(&pending) == 0 &&
           std::ranges::any_of(kEndingSignals, [&](int signal) { return sigismember(&pending, signal) == 1; });
}

std::uint64_t address_space_mib()
{
    std::uint64_t pages = 0;
    std::ifstream{"/proc/self/statm"} >> pages;
    return pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)) >> 20;
}

// Why `wanted_mib` could not be had, if it is for a limit under which vxd cannot work at all; `rest_mib` come later.
std::optional<Error> address_space_shortage(std::uint64_t wanted_mib, std::uint64_t rest_mib)
{
    const std::uint64_t taken_mib = address_space_mib();
    rlimit limit{};
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return std::nullopt;
    const std::uint64_t limit_mib = limit.rlim_cur >> 20;
    if (limit_mib >= taken_mib + wanted_mib)
        return std::nullopt;
    return error("vxd cannot start: it may have {} MiB of address space (ulimit -v), has {} MiB and wants {} MiB more; "
                 "expected a limit of {} MiB at least, and more for many ports and entries",
                 limit_mib, taken_mib, wanted_mib, taken_mib + wanted_mib + rest_mib);
}

Result<> check_descriptors(std::size_t workers)
{
    const std::size_t least = 24 + 4 * workers; // vxd's own, without ports and clients
    if (descriptor_limit() >= least)
        return Ok{};
    return error("vxd cannot start: it may have {} file descriptors (ulimit -n); expected {} at least, and more for "
                 "ports and clients",
                 descriptor_limit(), least);
}

// Without it every request would be refused.
Result<> fill_memory_reserve(std::uint64_t threads_mib)
{
    constexpr std::uint64_t kMib = MemoryReserve::kBase >> 20;
    if (auto shortage = address_space_shortage(kMib + threads_mib, 0))
        return *std::move(shortage);
    try {
        MemoryReserve::check();
        return Ok{};
    } catch (const std::bad_alloc&) {
        return error("vxd cannot start: there is no memory for {} MiB that it sets aside; see ulimit -d and "
                     "vm.overcommit_memory",
                     kMib);
    }
}

Result<> apply(Controller& controller, const ConfigFile& file)
{
    Request request;
    request.commands = file.commands();
    const Response response = controller.run(request);
    for (const std::string& warning : response.warnings)
        log_warning("{}", warning);
    if (!response.failures.empty())
        return file.error_at(response.failures.front().index, response.failures.front().error);
    log_info("{}: {} commands applied", file.path(), file.commands().size());
    return Ok{};
}

// For vxctl, where no vxd runs: what may come next.
int complete(const std::vector<std::string_view>& words)
{
    for (const std::string& word : completions(words, nouns(), nullptr))
        std::printf("%s\n", word.c_str());
    return 0;
}

// For vxctl, where no vxd runs: what a command is.
int explain(std::vector<std::string_view> words)
{
    words.emplace_back("help");
    const auto help = help_of(words, nouns());
    if (!help) {
        std::fprintf(stderr, "vxd: there is no such command to explain; try \"vxd help\"\n");
        return 1;
    }
    std::fputs(help->text.c_str(), stdout);
    return 0;
}

// For vxctl, where no vxd runs, and for vxd-drops(7): `stats reasons`. -json and -pretty are vxctl's options.
int tell_reasons(std::vector<std::string_view> words)
{
    const bool is_pretty = std::erase(words, "-pretty") != 0;
    const bool is_json = std::erase(words, "-json") != 0 || is_pretty;
    words.insert(words.begin(), {"stats", "reasons"});
    Words cursor(words, 2, words[0], words[1], kReasonsUsage);
    const auto reply = reasons(cursor);
    if (!reply) {
        std::fprintf(stderr, "vxd: %s\n", reply.error().message.c_str());
        return 1;
    }
    const std::string text = is_json ? reply->json.dump(is_pretty ? 4 : -1) + '\n' : reply->text;
    std::fputs(text.c_str(), stdout);
    return 0;
}

Result<> run(const Options& options)
{
    raise_descriptor_limit();
    if (auto enough = check_descriptors(std::max<std::size_t>(1, options.worker_cpus.size())); !enough)
        return enough;
    auto loop = EventLoop::create();
    if (!loop)
        return std::move(loop).error();
    Service service;
    // Blocks the signals, so before any thread is started.
    auto signals = (*loop)->on_signals(kEndingSignals, [&](int signal) {
        (*loop)->stop();
        log_info("SIG{}: stopping", sigabbrev_np(signal));
        service.stopping();
    });
    if (!signals)
        return signals;
    std::optional<ConfigFile> config;
    if (options.config_path) {
        auto file = ConfigFile::read(*options.config_path);
        if (!file)
            return std::move(file).error();
        config = std::move(*file);
    }
    const Affinity affinity;
    const auto placement = place(options.worker_cpus, options.control_cpu, config ? config->commands() : CommandList{});
    if (!placement)
        return placement.error();

    // Whoever starts a second vxd learns it here, before anything was touched.
    Controller* target = nullptr;
    const auto handle = [&](const Request& request) {
        if (request.config != Request::Config::kApply || request.role != Role::kAdmin)
            return target->run(request);
        service.reloading();
        Response response = target->run(request);
        service.ready(response.failures.empty() ? "configuration applied" : "a configuration was refused");
        return response;
    };
    auto server = SocketServer::start(**loop, options.socket_path, VXD_VERSION, handle, {}, options.access,
                                      [&] { target->answer(); });
    if (!server)
        return std::move(server).error();

    EalOptions eal_options;
    eal_options.control_cpu = placement->control_cpu;
    eal_options.extra_arguments = fmt::format("{}", fmt::join(options.eal_arguments, " "));
    if (options.packet_buffers)
        eal_options.memory_mib = std::max(eal_options.memory_mib, memory_mib(*options.packet_buffers));
    const std::uint64_t threads_mib = 16 * (placement->worker_cpus.size() + 1); // of address space, each with its heap
    auto eal = Eal::start(eal_options);
    if (!eal) {
        constexpr std::uint64_t kRestMib = 64; // what DPDK takes beside packets
        if (auto shortage =
                address_space_shortage(eal_options.memory_mib, kRestMib + (MemoryReserve::kBase >> 20) + threads_mib))
            return *std::move(shortage);
        return std::move(eal).error();
    }
    log_info("{}", eal->memory_note());
    DataplaneOptions dataplane_options;
    dataplane_options.worker_cpus = placement->worker_cpus;
    dataplane_options.numa_node = placement->numa_node;
    if (options.packet_buffers)
        dataplane_options.mbuf_count = *options.packet_buffers;
    else if (eal->uses_hugepages())
        dataplane_options.mbuf_count = 65535; // 150 MiB, in pages that were set aside for it
    auto dataplane = Dataplane::create(*eal, dataplane_options);
    if (!dataplane)
        return std::move(dataplane).error();
    if (!options.control_cpu)
        affinity.restore_without(placement->worker_cpus);

    if (auto filled = fill_memory_reserve(threads_mib); !filled)
        return filled;
    const auto feed_period = Service::feed_period();
    bool is_running = false; // workers show no progress before
    Controller controller{**dataplane,
                          {.mac_seed = mac_seed((*server)->path()),
                           .clock_ms = monotonic_ms,
                           .worked_ms = Budget::worked_ms,
                           .alive =
                               [&] {
                                   if (feed_period && is_running)
                                       service.feed(**dataplane);
                               },
                           .admins = admins_of(options.access),
                           .is_ending = has_pending_signal}};
    target = &controller;
    if (config)
        if (auto applied = apply(controller, *config); !applied)
            return applied;
    (*dataplane)->start();
    if (auto watched = (*loop)->watch((*dataplane)->event_fd(), EPOLLIN, [&](std::uint32_t) { controller.poll(); });
        !watched)
        return watched;
    if (auto timer = (*loop)->every(100ms, [&] { controller.tick(); }); !timer)
        return std::move(timer).error();
    log_info("listening on {}; worker{} on CPU {}", (*server)->path(), placement->worker_cpus.size() > 1 ? "s" : "",
             fmt::join(placement->worker_cpus, ","));
    if (feed_period)
        if (auto timer = (*loop)->every(*feed_period, [&] { service.feed(**dataplane); }); !timer)
            return std::move(timer).error();
    service.ready(fmt::format("listening on {}", (*server)->path()));
    is_running = true;
    auto ran = (*loop)->run();
    (*loop)->unwatch((*dataplane)->event_fd());
    (*dataplane)->stop();
    return ran;
}

} // namespace

} // namespace vx

int main(int argc, char** argv)
{
    using namespace vx;
    if (argc > 1 && std::string_view{argv[1]} == kCompleteCommand)
        return complete({argv + 2, argv + argc});
    if (argc > 1 && std::string_view{argv[1]} == "help")
        return explain({argv + 2, argv + argc});
    if (argc > 1 && std::string_view{argv[1]} == "reasons")
        return tell_reasons({argv + 2, argv + argc});
    const auto parsed = parse_options(argc, argv, allowed_cpus(), VXD_VERSION);
    if (!parsed) {
        std::fprintf(stderr, "vxd: %s\n", parsed.error().message.c_str());
        return 1;
    }
    if (const auto* answer = std::get_if<Answer>(&*parsed)) {
        std::fputs(answer->text.c_str(), stdout);
        return 0;
    }
    const auto& options = std::get<Options>(*parsed);
    set_log_level(options.log_level);
    try {
        const auto ran = run(options);
        if (ran)
            return 0;
        log_error("{}", ran.error().message);
        return ran.error().kind == Error::Kind::kUsage ? 1 : 2;
    } catch (const std::exception& failure) { // of the start: the loop has its own
        log_error("vxd cannot start: {}", words_of(failure));
        return 2;
    }
}
