// SPDX-License-Identifier: BSD-3-Clause
#include "bench/harness/report.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <cstdio>
#include <fstream>
#include <utility>

namespace vx::bench
{

namespace
{

constexpr std::size_t kMaxTriesPerSample = 20; // on a core that is never quiet, measure all the same, and say so

std::string first_line_with(const char* file, const std::string& key)
{
    std::ifstream stream{file};
    for (std::string line; std::getline(stream, line);)
        if (line.starts_with(key))
            return line.substr(line.find(':') + 2);
    return "unknown";
}

std::string load_average()
{
    std::ifstream stream{"/proc/loadavg"};
    std::string one = "?";
    stream >> one;
    return one;
}

// How often the kernel took the CPU away from this thread.
long preemptions()
{
    rusage usage{};
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nivcsw;
}

} // namespace

void add_run_options(CLI::App& app, RunOptions& options)
{
    app.add_option("--cpu", options.cpu, "the CPU to measure on")->capture_default_str();
    app.add_option("--samples", options.samples, "samples of each scenario; more narrow the interval")
        ->capture_default_str()
        ->check(CLI::Range(1, 1'000'000));
    app.add_flag_callback(
        "--quick", [&options] { options.samples = 20; }, "20 samples: to see that everything works");
    app.add_option("--filter", options.filter, "only scenarios whose name contains this");
    app.add_option("--json", options.json_file, "also write the results to this file");
    app.add_flag("--list", options.list, "print the names of the scenarios and do nothing");
}

// Four blocks, work overhead overhead work: what drifts during a pair falls on both.
Sampling sample_net(Calibration& calibration, const Block& work, const Block& overhead, std::size_t count,
                    std::size_t samples)
{
    work(count), overhead(count); // caches, page faults, branch predictors
    Sampling sampling;
    for (std::size_t tries = 0; sampling.values.size() < samples; ++tries) {
        const long preempted = preemptions();
        const bool was_quiet = calibration.is_quiet();
        std::uint64_t whole = work(count);
        std::uint64_t part = overhead(count);
        part += overhead(count);
        whole += work(count);
        const bool is_quiet = calibration.is_quiet() && preemptions() == preempted;
        if ((was_quiet && is_quiet) || tries >= kMaxTriesPerSample * samples)
            sampling.values.push_back((static_cast<double>(whole) - static_cast<double>(part)) /
                                      (2.0 * static_cast<double>(count)));
        else
            ++sampling.discarded;
    }
    return sampling;
}

Report::Report(std::string bench, const RunOptions& options) : options_(options)
{
    const double chase_4m = chase_ticks(std::size_t{4} << 20);
    const double chase_64m = chase_ticks(std::size_t{64} << 20);
    json_ = {{"bench", std::move(bench)},
             {"machine",
              {{"cpu", first_line_with("/proc/cpuinfo", "model name")},
               {"tsc_ghz", calibration_.tsc_ghz()},
               {"cycles_per_tick", calibration_.cycles_per_tick()},
               {"chase_4m_ticks", chase_4m},
               {"chase_64m_ticks", chase_64m},
               {"load_average", load_average()}}},
             {"results", nlohmann::json::array()}};
    fmt::print("{}: {}, TSC {:.3f} GHz, {:.2f} core cycles a tick, a miss costs {:.0f} ticks in 4 MiB and {:.0f} in "
               "64 MiB, load average {}\n",
               json_["bench"].get<std::string>(), json_["machine"]["cpu"].get<std::string>(), calibration_.tsc_ghz(),
               calibration_.cycles_per_tick(), chase_4m, chase_64m, load_average());
    fmt::print("{:<58} {:>9} {:>17} {:>17} {:>9}\n", "", "median", "p10 - p90", "95% of median", "discarded");
}

void Report::add(const std::string& name, const std::string& unit, const Sampling& sampling, nlohmann::json facts)
{
    const Summary summary = summarize(sampling.values);
    ++matched_;
    fmt::print("{:<58} {:>9.2f} {:>8.2f} {:>8.2f} {:>8.2f} {:>8.2f} {:>9}  {}\n", name, summary.median, summary.p10,
               summary.p90, summary.ci_low, summary.ci_high, sampling.discarded, unit);
    std::fflush(stdout);
    nlohmann::json result = {{"name", name},
                             {"unit", unit},
                             {"median", summary.median},
                             {"p10", summary.p10},
                             {"p90", summary.p90},
                             {"ci95", {summary.ci_low, summary.ci_high}},
                             {"samples", summary.samples},
                             {"discarded", sampling.discarded}};
    result.update(facts.is_null() ? nlohmann::json::object() : facts);
    json_["results"].push_back(std::move(result));
}

int Report::finish()
{
    if (matched_ == 0) {
        fmt::print(stderr, "no scenario's name contains \"{}\"; --list prints them\n", options_.filter);
        return 1;
    }
    if (options_.json_file.empty())
        return 0;
    std::ofstream file{options_.json_file};
    file << json_.dump(1) << '\n';
    if (!file.flush()) {
        fmt::print(stderr, "cannot write \"{}\"\n", options_.json_file);
        return 1;
    }
    return 0;
}

} // namespace vx::bench
