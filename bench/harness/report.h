// SPDX-License-Identifier: BSD-3-Clause
// What every benchmark here takes on its command line and what it gives: a table for people, JSON for machines.
#pragma once

#include "bench/harness/clock.h"
#include "bench/harness/sampling.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstddef>
#include <string>
#include <utility>

namespace vx::bench
{

struct RunOptions {
    unsigned cpu = 1;
    std::size_t samples = 200; // that count; those taken while the core was slow do not
    std::string filter;        // only scenarios whose name contains it
    std::string json_file;
    bool list = false;
};

void add_run_options(CLI::App& app, RunOptions& options);
inline bool wants(const RunOptions& options, const std::string& name)
{
    return name.find(options.filter) != std::string::npos;
}

// What a ratio has to be, and of what kind the bound is.
struct Wanted {
    enum class Bound { kNone, kAtLeast, kAtMost, kOneWithin };
    Bound bound = Bound::kNone;
    double value = 0;
};
inline Wanted at_least(double value)
{
    return {Wanted::Bound::kAtLeast, value};
}
inline Wanted at_most(double value)
{
    return {Wanted::Bound::kAtMost, value};
}
// A control: the whole interval lies within `value` of 1.
inline Wanted one_within(double value)
{
    return {Wanted::Bound::kOneWithin, value};
}

class Report
{
public:
    Report(std::string bench, const RunOptions& options);

    Calibration& calibration() { return calibration_; }
    // One line of the table, one element of "results". `facts` go into the JSON as they are.
    void add(const std::string& name, const std::string& unit, const Sampling& sampling, nlohmann::json facts = {});
    // What needs no samples, such as memory.
    void add_value(const std::string& name, const std::string& unit, double value, nlohmann::json facts = {});
    // One line of the table, one element of "ratios".
    void add_ratio(const std::string& name, const Sampling& ratio, Wanted wanted = {});
    // Goes into "machine".
    void note(const std::string& name, nlohmann::json fact) { json_["machine"][name] = std::move(fact); }
    // Writes the JSON file if one was asked for. The exit status: 1 if nothing matched the filter or nothing could be
    // written.
    int finish();

private:
    RunOptions options_;
    Calibration calibration_;
    nlohmann::json json_;
    std::size_t matched_ = 0;
};

} // namespace vx::bench
