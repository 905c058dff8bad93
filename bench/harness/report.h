// SPDX-License-Identifier: BSD-3-Clause
// What every benchmark here takes on its command line and what it gives: a table for people, JSON for machines.
#pragma once

#include "bench/harness/clock.h"
#include "bench/harness/statistics.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

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

// A block of work: does `count` units of it and returns the ticks that they took.
using Block = std::function<std::uint64_t(std::size_t count)>;

struct Sampling {
    std::vector<double> values;
    std::size_t discarded = 0; // pairs during which the core was slow
};

// Ticks per unit of `work` less those of `overhead`, pair by pair in ABBA order, `count` units a block.
Sampling sample_net(Calibration& calibration, const Block& work, const Block& overhead, std::size_t count,
                    std::size_t samples);
class Report
{
public:
    Report(std::string bench, const RunOptions& options);

    Calibration& calibration() { return calibration_; }
    // One line of the table, one element of "results". `facts` go into the JSON as they are.
    void add(const std::string& name, const std::string& unit, const Sampling& sampling, nlohmann::json facts = {});
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
