// SPDX-License-Identifier: BSD-3-Clause
#include "control/daemon/options.h"

#include "control/wire/wire.h"

#include <CLI/CLI.hpp>
#include <sched.h>

#include <algorithm>
#include <charconv>

namespace vx
{

namespace
{

// "0-3,8": ranges, as the user would write it.
std::string to_text(std::span<const unsigned> cpus)
{
    std::string text;
    for (std::size_t i = 0; i < cpus.size();) {
        std::size_t last = i;
        while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1)
            ++last;
        text += fmt::format("{}{}", text.empty() ? "" : ",", cpus[i]);
        if (last > i)
            text += fmt::format("-{}", cpus[last]);
        i = last + 1;
    }
    return text;
}

std::optional<unsigned> parse_number(std::string_view text)
{
    unsigned number = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (text.empty() || status != std::errc{} || end != text.data() + text.size())
        return std::nullopt;
    return number;
}

Error not_allowed(unsigned cpu, std::span<const unsigned> allowed)
{
    return usage_error("CPU {} is not one that vxd may run on here ({})", cpu, to_text(allowed));
}

} // namespace

std::vector<unsigned> allowed_cpus()
{
    // A mask of more than 1024 CPUs needs a larger set; EINVAL says that it was too small.
    std::vector<unsigned> cpus;
    for (int count = 1024; count <= 1 << 16; count *= 2) {
        cpu_set_t* const set = CPU_ALLOC(static_cast<std::size_t>(count));
        const std::size_t size = CPU_ALLOC_SIZE(static_cast<std::size_t>(count));
        const bool is_read = sched_getaffinity(0, size, set) == 0;
        for (int cpu = 0; is_read && cpu < count; ++cpu) {
            if (CPU_ISSET_S(static_cast<std::size_t>(cpu), size, set))
                cpus.push_back(static_cast<unsigned>(cpu));
        }
        CPU_FREE(set);
        if (is_read)
            break;
    }
    return cpus;
}

Result<std::vector<unsigned>> parse_cpu_list(std::string_view text, std::span<const unsigned> allowed)
{
    std::vector<unsigned> cpus;
    std::string_view rest = text;
    for (;;) {
        const std::size_t end = std::min(rest.find(','), rest.size());
        const std::string_view item = rest.substr(0, end);
        const std::size_t dash = item.find('-');
        const auto first = parse_number(item.substr(0, dash));
        const auto last = dash == item.npos ? first : parse_number(item.substr(dash + 1));
        if (!first || !last || *first > *last)
            return usage_error("\"{}\" is not a list of CPUs (\"{}\"; expected numbers and ranges such as 1,3-5)", text,
                               item);
        for (unsigned cpu = *first; cpu <= *last; ++cpu) {
            if (std::find(allowed.begin(), allowed.end(), cpu) == allowed.end())
                return not_allowed(cpu, allowed);
            if (std::find(cpus.begin(), cpus.end(), cpu) != cpus.end())
                return usage_error("CPU {} comes twice in \"{}\"", cpu, text);
            cpus.push_back(cpu);
        }
        if (end == rest.size())
            break;
        rest.remove_prefix(end + 1);
    }
    std::sort(cpus.begin(), cpus.end());
    return cpus;
}

Result<std::variant<Options, Answer>> parse_options(int argc, const char* const* argv,
                                                    std::span<const unsigned> allowed, std::string_view version)
{
    Options options;
    options.socket_path = default_socket_path();
    std::string config, socket_group, admin_group, workers, control, eal, buffers, level;
    CLI::App app("vxd: a user-space VXLAN data plane on DPDK. vxctl configures it while it runs.", "vxd");
    app.add_option("--config", config, "file of commands in vxctl's words, applied before anything else")
        ->type_name("FILE");
    app.add_option("--socket", options.socket_path,
                   fmt::format("socket for vxctl (default: ${}, else {})", kSocketPathVariable, kDefaultSocketPath))
        ->type_name("PATH");
    app.add_option("--socket-group", socket_group,
                   "group that may open the socket, and look (default: the admin group, or root's)")
        ->type_name("GROUP");
    app.add_option("--admin-group", admin_group, "group whose members may change things (default: only root)")
        ->type_name("GROUP");
    app.add_option("--workers", workers,
                   "CPUs for the poll-mode workers, one each, such as 1,3-5 (default: one CPU near the NIC)")
        ->type_name("CPULIST");
    app.add_option("--control-cpu", control, "CPU for everything else (default: any but the workers')")
        ->type_name("CPU");
    app.add_option("--eal", eal, "more arguments for DPDK's EAL, in one word")->type_name("\"ARGS\"");
    app.add_option("--packet-buffers", buffers,
                   "how many packets ports and rings can hold in all (default: 65535 in hugepages, else 16383)")
        ->type_name("COUNT");
    app.add_option("--log-level", level, "error, warning, notice, info or debug (default: info)")->type_name("LEVEL");
    app.set_version_flag("--version", fmt::format("vxd {}", version), "print the version and exit");
    app.footer("\"vxd help [ OBJECT [ COMMAND ] ]\" explains the commands that vxctl takes.\n"
               "\"vxd reasons [ REASON ]\" says why packets are dropped, and what to do.");
    app.set_help_flag("-h,--help", "print this help and exit");

    try {
        app.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
        return std::variant<Options, Answer>(Answer{app.help()});
    } catch (const CLI::CallForVersion&) {
        return std::variant<Options, Answer>(Answer{fmt::format("vxd {}\n", version)});
    } catch (const CLI::ParseError& failure) {
        return usage_error("{} (try vxd --help)", failure.what());
    }

    const auto is_given = [&](const char* name) { return app.count(name) > 0; };
    if (is_given("--config"))
        options.config_path = config;
    if (options.socket_path.empty())
        return usage_error("--socket: the path is empty");
    const auto read_group = [&](const char* name, const std::string& text, std::optional<Group>& to) -> Result<> {
        if (!is_given(name))
            return Ok{};
        auto group = find_group(text, name);
        if (!group)
            return std::move(group).error();
        to = *std::move(group);
        return Ok{};
    };
    if (auto read = read_group("--socket-group", socket_group, options.access.socket_group); !read)
        return std::move(read).error();
    if (auto read = read_group("--admin-group", admin_group, options.access.admin_group); !read)
        return std::move(read).error();
    if (is_given("--control-cpu")) {
        options.control_cpu = parse_number(control);
        if (!options.control_cpu)
            return usage_error("--control-cpu: \"{}\" is not a CPU number", control);
        if (std::find(allowed.begin(), allowed.end(), *options.control_cpu) == allowed.end())
            return usage_error("--control-cpu: {}", not_allowed(*options.control_cpu, allowed).message);
    }
    if (is_given("--workers")) {
        auto cpus = parse_cpu_list(workers, allowed);
        if (!cpus)
            return usage_error("--workers: {}", cpus.error().message);
        options.worker_cpus = *std::move(cpus);
        if (options.control_cpu &&
            std::binary_search(options.worker_cpus.begin(), options.worker_cpus.end(), *options.control_cpu))
            return usage_error("--control-cpu: CPU {} is a worker's, which polls and leaves it no time",
                               *options.control_cpu);
    }
    if (is_given("--log-level")) {
        const auto known = log_level_from(level);
        if (!known)
            return usage_error("--log-level: \"{}\" is not a level (expected error, warning, notice, info or debug)",
                               level);
        options.log_level = *known;
    }
    if (is_given("--packet-buffers")) {
        options.packet_buffers = parse_number(buffers);
        if (!options.packet_buffers || *options.packet_buffers < kMinPacketBuffers ||
            *options.packet_buffers > kMaxPacketBuffers)
            return usage_error("--packet-buffers: \"{}\" is not a number from {} to {}", buffers, kMinPacketBuffers,
                               kMaxPacketBuffers);
    }
    auto arguments = split_words(eal);
    if (!arguments)
        return usage_error("--eal: {}", arguments.error().message);
    options.eal_arguments = *std::move(arguments);
    return std::variant<Options, Answer>(std::move(options));
}

} // namespace vx
