// SPDX-License-Identifier: BSD-3-Clause
// Runs golden cases: run_cases [--exact] [--captured] [--explained] [--mutate COUNT] DIR [NAME...]. One line a case;
// the last line counts them. Of all cases, unspoiled, every drop reason has to be reached.
// --exact: frames that come in lie in buffers that end where they end, so that AddressSanitizer sees a read beyond.
// --captured: with a capture of everything beside each case, which changes nothing and has to see everything.
// --explained: frame by frame, each of which has to go where explain() said before.
// --mutate: each case COUNT times, its frames spoiled in another way each time; only crashes and leaks are failures.
#include "dataplane/dpdk/mbuf.h"
#include "dataplane/dpdk/mbuf_pool.h"
#include "tests/pipeline/case_drops.h"
#include "tests/pipeline/case_runner.h"
#include "tests/pipeline/mutate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>

namespace
{

using namespace vx;
using namespace vx::test;
namespace fs = std::filesystem;

constexpr unsigned kPoolSize = 16383;
constexpr unsigned kMemoryMib = 512;

struct Options {
    MbufShape::Buffers buffers = MbufShape::Buffers::kPool;
    bool is_captured = false;
    bool is_explained = false;
    unsigned mutations = 0; // of each case; 0: as it is
    fs::path root;
    std::vector<std::string> names; // of cases; empty: all
};

std::optional<Options> parse(std::vector<std::string> words)
{
    Options options;
    while (!words.empty() && words.front().starts_with("--")) {
        if (words.front() == "--exact") {
            options.buffers = MbufShape::Buffers::kExact;
        } else if (words.front() == "--explained") {
            options.is_explained = true;
        } else if (words.front() == "--captured") {
            options.is_captured = true;
        } else if (words.front() == "--mutate" && words.size() > 1) {
            options.mutations = static_cast<unsigned>(std::strtoul(words[1].c_str(), nullptr, 10));
            words.erase(words.begin());
        } else {
            return std::nullopt;
        }
        words.erase(words.begin());
    }
    if (words.empty() || !fs::is_directory(words.front()))
        return std::nullopt;
    options.root = words.front();
    options.names.assign(words.begin() + 1, words.end());
    return options;
}

std::vector<fs::path> case_directories(const fs::path& root, const std::vector<std::string>& names)
{
    std::vector<fs::path> found;
    for (const fs::directory_entry& entry : fs::directory_iterator{root})
        if (entry.is_directory() &&
            (names.empty() || std::find(names.begin(), names.end(), entry.path().filename()) != names.end()))
            found.push_back(entry.path());
    std::sort(found.begin(), found.end());
    return found;
}

CaseOutcome outcome_of(const Eal& eal, rte_mempool* pool, const fs::path& directory, const Options& options)
{
    auto read = Case::read(directory, options.buffers);
    if (!read)
        return {{read.error().message}, {}};
    read->is_captured = options.is_captured;
    read->is_explained = options.is_explained;
    if (read->is_explained && !read->limits.empty())
        return {}; // what finds no room is not for explain() to know
    if (options.mutations == 0)
        return run_case(eal, pool, *read);
    for (unsigned seed = 1; seed <= options.mutations; ++seed) {
        Case spoiled = *read;
        mutate(spoiled, seed);
        CaseOutcome outcome = run_case(eal, pool, spoiled);
        if (!outcome.failures.empty()) {
            outcome.failures.push_back(fmt::format("mutation {}", seed));
            return outcome;
        }
    }
    return {};
}

// One line for a case, or for what all of them together have to do.
void tell(std::string_view name, const std::vector<std::string>& failures)
{
    fmt::print("{} {}\n", failures.empty() ? "PASS" : "FAIL", name);
    for (const std::string& failure : failures)
        fmt::print("  {}: {}\n", name, failure);
    std::fflush(stdout);
}

int run(const Options& options)
{
    EalOptions eal_options;
    eal_options.memory = EalOptions::Memory::kNormal;
    eal_options.memory_mib = kMemoryMib;
    eal_options.file_prefix = "vxd-cases";
    auto eal = Eal::start(eal_options);
    if (!eal) {
        fmt::print(stderr, "{}\n", eal.error().message);
        return 1;
    }
    auto noted = register_mbuf_note();
    auto pool = MbufPool::create("received", kPoolSize, MbufPool::kAnyNode);
    if (!noted || !pool) {
        fmt::print(stderr, "{}\n", noted ? pool.error().message : noted.error().message);
        return 1;
    }
    unsigned passed = 0, failed = 0;
    const auto count = [&](std::string_view name, const std::vector<std::string>& failures) {
        ++(failures.empty() ? passed : failed);
        tell(name, failures);
    };
    ReachedReasons reached{options.is_explained ? ReachedReasons::Way::kExplained : ReachedReasons::Way::kTraffic};
    for (const fs::path& directory : case_directories(options.root, options.names)) {
        const CaseOutcome outcome = outcome_of(*eal, pool->raw(), directory, options);
        reached.add(outcome.drops);
        count(directory.filename().string(), outcome.failures);
    }
    if (options.names.empty() && options.mutations == 0)
        count("all-drop-reasons", reached.problems());
    fmt::print("{} passed, {} failed\n", passed, failed);
    return failed == 0 && passed != 0 ? 0 : 1;
}

} // namespace

int main(int argc, char** argv)
{
    const auto options = parse({argv + 1, argv + argc});
    if (!options) {
        fmt::print(stderr, "usage: run_cases [--exact] [--captured] [--explained] [--mutate COUNT] DIR [NAME...]\n");
        return 2;
    }
    return run(*options);
}
