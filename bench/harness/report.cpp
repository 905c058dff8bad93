// SPDX-License-Identifier: BSD-3-Clause
#include "bench/harness/report.h"

#include <fmt/format.h>

#include <cstdio>
#include <fstream>
#include <utility>

namespace vx::bench
{

namespace
{

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

std::string text_of(Wanted wanted)
{
    switch (wanted.bound) {
    case Wanted::Bound::kNone:
        return "";
    case Wanted::Bound::kAtLeast:
        return fmt::format("at least {}", wanted.value);
    case Wanted::Bound::kAtMost:
        return fmt::format("at most {}", wanted.value);
    case Wanted::Bound::kOneWithin:
        return fmt::format("1 ± {}", wanted.value);
    }
    return "?";
}

bool is_met(Wanted wanted, const Summary& ratio)
{
    switch (wanted.bound) {
    case Wanted::Bound::kNone:
        break;
    case Wanted::Bound::kAtLeast:
        return ratio.median >= wanted.value;
    case Wanted::Bound::kAtMost:
        return ratio.median <= wanted.value;
    case Wanted::Bound::kOneWithin:
        return ratio.ci_low >= 1 - wanted.value && ratio.ci_high <= 1 + wanted.value;
    }
    return true;
}

nlohmann::json json_of(const std::string& name, const Sampling& sampling, const Summary& summary)
{
    return {{"name", name},
            {"median", summary.median},
            {"p10", summary.p10},
            {"p90", summary.p90},
            {"ci95", {summary.ci_low, summary.ci_high}},
            {"samples", summary.samples},
            {"discarded", sampling.discarded}};
}

void print_line(const std::string& name, const Sampling& sampling, const Summary& summary, const std::string& what)
{
    fmt::print("{:<58} {:>9.3f} {:>8.3f} {:>8.3f} {:>8.3f} {:>8.3f} {:>9}  {}\n", name, summary.median, summary.p10,
               summary.p90, summary.ci_low, summary.ci_high, sampling.discarded, what);
    std::fflush(stdout);
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
             {"results", nlohmann::json::array()},
             {"ratios", nlohmann::json::array()}};
    fmt::print("{}: {}, TSC {:.3f} GHz, {:.2f} core cycles a tick, a miss costs {:.0f} ticks in 4 MiB and {:.0f} in "
               "64 MiB, load average {}\n",
               json_["bench"].get<std::string>(), json_["machine"]["cpu"].get<std::string>(), calibration_.tsc_ghz(),
               calibration_.cycles_per_tick(), chase_4m, chase_64m, load_average());
    fmt::print("{:<58} {:>9} {:>17} {:>17} {:>9}\n", "", "median", "p10 - p90", "95% of median", "discarded");
    std::fflush(stdout);
}

void Report::add(const std::string& name, const std::string& unit, const Sampling& sampling, nlohmann::json facts)
{
    const Summary summary = summarize(sampling.values);
    ++matched_;
    print_line(name, sampling, summary, unit);
    nlohmann::json result = json_of(name, sampling, summary);
    result["unit"] = unit;
    result.update(facts.is_null() ? nlohmann::json::object() : facts);
    json_["results"].push_back(std::move(result));
}

void Report::add_value(const std::string& name, const std::string& unit, double value, nlohmann::json facts)
{
    ++matched_;
    fmt::print("{:<58} {:>9.3f} {:>47} {}\n", name, value, "", unit);
    std::fflush(stdout);
    nlohmann::json result = {{"name", name}, {"unit", unit}, {"value", value}};
    result.update(facts.is_null() ? nlohmann::json::object() : facts);
    json_["results"].push_back(std::move(result));
}

void Report::add_ratio(const std::string& name, const Sampling& ratio, Wanted wanted)
{
    const Summary summary = summarize(ratio.values);
    ++matched_;
    nlohmann::json entry = json_of(name, ratio, summary);
    std::string verdict = "x";
    if (wanted.bound != Wanted::Bound::kNone) {
        const bool met = is_met(wanted, summary);
        entry["target"] = text_of(wanted);
        entry["met"] = met;
        verdict = fmt::format("x, wanted {}: {}", text_of(wanted), met ? "met" : "NOT MET");
    }
    print_line(name, ratio, summary, verdict);
    json_["ratios"].push_back(std::move(entry));
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
